"""Appending to a session log, whenever it refuses."""

from __future__ import annotations

from typing import Any

from bson import ObjectId

from interview_platform.core.errors import ServiceError
from interview_platform.core.promise import Promise
from interview_platform.session_log.service import SessionLog


def append(log: SessionLog, interview_id: ObjectId, kind: str, *event: Any) -> Promise[int]:
    """Log an event; the promise of its number ends as well with what is refused at once."""
    try:
        return log.append(interview_id, kind, *event).stored
    except ServiceError as error:
        refused: Promise[int] = Promise()
        refused.set_exception(error)
        return refused
