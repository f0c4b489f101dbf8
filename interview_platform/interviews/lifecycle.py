"""The life cycle: an interview is started once, and ended once with what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from bson import ObjectId

from ..auth.model import Actor
from ..candidates.model import LotStatus
from ..candidates.service import CandidateService
from ..core.clock import isoformat, utcnow
from ..core.mongo import Document, Session, Store, transaction
from .access import check_access
from .admissions import begin_admission
from .details import InterviewDetails
from .model import SEAL_GRACE, InterviewStatus
from .repository import InterviewRepository
from .rooms import InterviewRooms
from .steps import StepRecord


class AttentionScores(Protocol):
    """What was measured of a candidate's attention; `telemetry` implements it."""

    def score(self, interview_id: ObjectId, start: datetime, end: datetime) -> float | None:
        """Return the score of 0 to 100 over this time, or None without enough data."""


class LifeCycleService:
    def __init__(
        self,
        store: Store,
        interviews: InterviewRepository,
        candidates: CandidateService,
        details: InterviewDetails,
        steps: StepRecord,
        rooms: InterviewRooms,
        attention: AttentionScores,
    ) -> None:
        self._store = store
        self._interviews = interviews
        self._candidates = candidates
        self._details = details
        self._steps = steps
        self._rooms = rooms
        self._attention = attention

    def start(self, actor: Actor, interview_id: ObjectId) -> Document:
        """Make a scheduled interview live, tell its room, and return it.

        Raises `NotFound`, and `Conflict` in another state.
        """
        now = utcnow()

        def start(session: Session) -> tuple[Document, ObjectId]:
            found = self._interviews.by_id(interview_id, session)
            check_access(actor, "interviews.start", found)
            changes = {"status": InterviewStatus.LIVE, "startedAt": now}
            after = self._interviews.transition(
                interview_id, InterviewStatus.SCHEDULED, changes, session
            )
            step = self._steps.write("interview.started", actor, interview_id, session, at=now)
            if not after.get("candidateAdmittedAt"):
                begin_admission(self._interviews, after, step.seq, session)
            return after, step.entry_id

        self._steps.settle()
        interview, entry_id = transaction(self._store, start)
        self._rooms.opened(
            interview_id,
            {
                "interviewId": str(interview_id),
                "startedAt": isoformat(now),
                "id": str(entry_id),
            },
        )
        return self._details.one(interview, actor.role)

    def end(self, actor: Actor, interview_id: ObjectId, outcome: dict[str, Any]) -> Document:
        """Complete a live interview with its outcome, close its room, and return it.

        `outcome` may hold `feedback`, `attentivenessScore` and `scorecard`; without a
        score it is the one that was measured, or None. Raises `NotFound`, and `Conflict`
        in another state.
        """
        now = utcnow()
        outcome = {"feedback": None, "scorecard": None, **outcome}
        if outcome.get("attentivenessScore") is None:
            outcome["attentivenessScore"] = self._measured(actor, interview_id, now)

        def end(session: Session) -> Document:
            found = self._interviews.by_id(interview_id, session)
            check_access(actor, "interviews.end", found)
            changes = {
                "status": InterviewStatus.COMPLETED,
                "endedAt": now,
                "sealDueAt": now + SEAL_GRACE,
                **outcome,
            }
            after = self._interviews.transition(
                interview_id, InterviewStatus.LIVE, changes, session
            )
            # What has been decided about the candidate meanwhile stands.
            self._candidates.set_lot_status(
                after["candidate"], LotStatus.INTERVIEWED, (LotStatus.PENDING,), actor, session
            )
            self._steps.write("interview.ended", actor, interview_id, session)
            return after

        interview = transaction(self._store, end)
        self._rooms.closed(
            interview_id,
            "interviewEnded",
            {"interviewId": str(interview_id), "endedAt": isoformat(now)},
        )
        return self._details.one(interview, actor.role)

    def _measured(self, actor: Actor, interview_id: ObjectId, end: datetime) -> float | None:
        found = self._interviews.by_id(interview_id)
        start = check_access(actor, "interviews.end", found).get("startedAt")
        return self._attention.score(interview_id, start, end) if start else None
