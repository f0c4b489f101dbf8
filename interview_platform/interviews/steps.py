"""The record of an interview's steps: in its own log, and in the audit."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from bson import ObjectId

from ..audit.service import Audit
from ..auth.model import Actor
from ..core.mongo import Session
from ..session_log.service import Event, SessionLog, log_actor

# Seconds that a step waits at most for what this process logged before it.
SETTLE = 2.0


class Step(NamedTuple):
    """The number and the id of a step's entry in the log."""

    seq: int
    entry_id: ObjectId


class StepRecord:
    def __init__(self, session_log: SessionLog, audit: Audit) -> None:
        self._session_log = session_log
        self._audit = audit

    def settle(self) -> None:
        """Wait until what this process has logged so far is stored, before the step.

        A step that follows has a higher number then. Waits `SETTLE` seconds at most.
        """
        self._session_log.flush(SETTLE)

    def write(
        self,
        step: str,
        actor: Actor,
        interview_id: ObjectId,
        session: Session,
        *,
        at: datetime | None = None,
        first: bool = False,
        **data: Any,
    ) -> Step:
        """Write down, in the transaction of the step, that `actor` has taken it.

        It was taken `at` that time, or now; the `first` step is the one that makes the
        interview.
        """
        event = Event("system", log_actor(actor), {"event": step, **data}, at)
        (entry,) = self._session_log.append_in(session, interview_id, [event], new=first)
        self._audit.record(step, actor=actor.user_id, subject=interview_id, session=session)
        return Step(*entry)
