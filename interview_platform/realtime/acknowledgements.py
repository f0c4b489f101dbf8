"""What a client hears back of the events that it sent."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from ..core.errors import TooManyRequests
from ..core.faults import translate

Acknowledgement = dict[str, Any]


def accepted(stored: Future[int]) -> Future[int]:
    """Return the promise of a log entry's number; raises what the entry is refused for at once."""
    if stored.done() and (error := stored.exception()):
        raise error
    return stored


def acknowledge(stored: Future[int], **more: Any) -> Future[Acknowledgement]:
    """Return the acknowledgement of an event that is logged, done once it is stored."""
    answer: Future[Acknowledgement] = Future()

    def finish(done: Future[int]) -> None:
        error = done.exception()
        if error:
            answer.set_exception(error)
        else:
            answer.set_result({"ok": True, "seq": done.result(), **more})

    stored.add_done_callback(finish)
    return answer


def failure(error: Exception) -> Acknowledgement:
    """Return the acknowledgement of an event that was refused, whatever the reason."""
    told = translate(error)
    body: dict[str, Any] = {"code": told.code, "message": told.message}
    if told.errors:
        body["errors"] = told.errors
    if isinstance(told, TooManyRequests) and told.retry_after:
        body["retryAfterMs"] = told.retry_after * 1000
    return {"ok": False, "error": body}
