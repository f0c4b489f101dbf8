"""What a client hears back of the events that it sent."""

from __future__ import annotations

from typing import Any

from ..core.errors import TooManyRequests
from ..core.faults import translate
from ..core.promise import Promise

Acknowledgement = dict[str, Any]


def acknowledge(stored: Promise[int], **more: Any) -> Promise[Acknowledgement]:
    """Return the acknowledgement of an event that is logged, done once it is stored."""
    return stored.then(lambda seq: {"ok": True, "seq": seq, **more})


def failure(error: Exception) -> Acknowledgement:
    """Return the acknowledgement of an event that was refused, whatever the reason."""
    told = translate(error)
    body: dict[str, Any] = {"code": told.code, "message": told.message}
    if told.errors:
        body["errors"] = told.errors
    if isinstance(told, TooManyRequests) and told.retry_after:
        body["retryAfterMs"] = told.retry_after * 1000
    return {"ok": False, "error": body}
