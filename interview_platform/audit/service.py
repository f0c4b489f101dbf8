"""Writing the audit record, and what of it is about one person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bson import ObjectId

from ..core.clock import utcnow
from ..core.logging import origin
from ..core.mongo import Document, Session
from .check import ERASED
from .repository import AuditRepository

__all__ = ["ERASED", "Audit"]


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

    def of(self, user_id: ObjectId) -> Iterator[Document]:
        """Yield what a person did, then what others did to their account."""
        yield from self._entries.by(user_id)
        for entry in self._entries.about(user_id):
            if entry.get("actor") != user_id:
                yield entry

    def has_addresses(self, user_id: ObjectId) -> bool:
        """Tell whether it is known whence a person acted."""
        return self._entries.has_addresses(user_id)

    def forget_addresses(self, user_id: ObjectId, session: Session | None = None) -> None:
        """Take out whence a person acted; what they did stays."""
        self._entries.forget_addresses(user_id, session)
