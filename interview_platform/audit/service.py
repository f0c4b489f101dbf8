"""Writing the audit record."""

from __future__ import annotations

from typing import Any

from bson import ObjectId

from ..core.clock import utcnow
from ..core.logging import origin
from ..core.mongo import Session
from .repository import AuditRepository


class Audit:
    """Records what was done; in the same transaction as the deed where it has one."""

    def __init__(self, entries: AuditRepository) -> None:
        self._entries = entries

    def record(
        self,
        action: str,
        *,
        actor: ObjectId | None,
        subject: ObjectId | None = None,
        details: dict[str, Any] | None = None,
        session: Session | None = None,
    ) -> None:
        """Add that `actor` (None: nobody known) did `action` to `subject`.

        `details` must hold neither secrets nor the content of an interview.
        """
        current = origin.get()
        self._entries.add(
            {
                "action": action,
                "actor": actor,
                "subject": subject,
                "details": details or {},
                "address": current.address if current else None,
                "requestId": current.request_id if current else None,
                "at": utcnow(),
            },
            session,
        )
