"""Scheduling: booking, moving, reassigning and cancelling interviews."""

from __future__ import annotations

from typing import Any

from bson import ObjectId

from ..auth.model import Actor
from ..candidates.model import LotStatus
from ..candidates.service import CandidateService
from ..coding_tasks.service import CodingTaskService
from ..core.clock import isoformat, utcnow
from ..core.errors import Invalid
from ..core.mongo import Document, Session, Store, transaction
from ..core.security import random_token
from ..lots.service import LotService
from .access import check_access
from .admissions import end_admission
from .bookings import Bookings, check_schedule
from .details import InterviewDetails
from .model import SEAL_GRACE, InterviewStatus
from .notices import Notices
from .repository import InterviewRepository
from .rooms import InterviewRooms
from .steps import StepRecord


class SchedulingService:
    """Each method is one transaction: what it has checked holds when it is committed."""

    def __init__(
        self,
        store: Store,
        interviews: InterviewRepository,
        bookings: Bookings,
        candidates: CandidateService,
        coding_tasks: CodingTaskService,
        lots: LotService,
        details: InterviewDetails,
        notices: Notices,
        steps: StepRecord,
        rooms: InterviewRooms,
    ) -> None:
        self._store = store
        self._interviews = interviews
        self._bookings = bookings
        self._candidates = candidates
        self._coding_tasks = coding_tasks
        self._lots = lots
        self._details = details
        self._notices = notices
        self._steps = steps
        self._rooms = rooms

    def create(self, actor: Actor, fields: Document) -> Document:
        """Book an interview, tell both sides, and return it.

        Raises `Invalid` for an id of the wrong kind and for times that cannot be, and
        `Conflict` where a person or the meeting room is taken.
        """
        check_schedule(**fields["schedule"])

        def book(session: Session) -> tuple[Document, list[ObjectId]]:
            interview = {
                "_id": ObjectId(),
                "lot": None,
                "codingTask": None,
                "meetingRoomId": random_token(),
                **fields,
                "status": InterviewStatus.SCHEDULED,
                "createdBy": actor.user_id,
            }
            people = self._bookings.lock(interview, session)
            if people.candidate is None:
                # Named by the profile, perhaps.
                interview["candidate"] = self._candidates.account_of(fields["candidate"], session)
                people = self._bookings.lock(interview, session)
            task, unknown = self._look_up(fields, session)
            _refuse(people.faults("candidate", "interviewer") | unknown)
            self._bookings.check_free(interview, session)
            created = self._interviews.add(interview, session)
            self._candidates.await_interview(created["candidate"], actor, session)
            step, schedule = "interview.scheduled", created["schedule"]
            self._steps.write(step, actor, created["_id"], session, first=True, **schedule)
            notices = self._notices.scheduled(created, people.names, session)
            return self._details.of_known(created, actor.role, people.by_id, task), notices

        interview, notices = transaction(self._store, book)
        self._notices.dispatch(notices)
        return interview

    def update(self, actor: Actor, interview_id: ObjectId, fields: Document) -> Document:
        """Change a scheduled interview, tell both sides what they must know, and return it.

        Raises like `create`, and `NotFound`, and `Conflict` in another state.
        """
        if "schedule" in fields:
            check_schedule(**fields["schedule"])

        def change(session: Session) -> tuple[Document, list[ObjectId]]:
            found = self._interviews.by_id(interview_id, session)
            before = check_access(actor, "scheduling.update", found)
            changes = {name: value for name, value in fields.items() if before.get(name) != value}
            # Who was let in early was let in to another time.
            admission = {"candidateAdmittedAt": None} if "schedule" in changes else {}
            after = self._interviews.transition(
                interview_id, InterviewStatus.SCHEDULED, {**changes, **admission}, session
            )
            _, faults = self._look_up(changes, session)
            notices = []
            if changes.keys() & {"schedule", "interviewer"}:
                people = self._bookings.lock(after, session)
                if "interviewer" in changes:
                    faults |= people.faults("interviewer")
                self._bookings.check_free(after, session)
                notices = self._notices.changed(before, after, people.names, session)
            _refuse(faults)
            if changes:
                step = self._steps.write(
                    "interview.changed", actor, interview_id, session, **changes
                )
                if "schedule" in changes:
                    end_admission(self._interviews, before, step.seq, session)
            return after, notices

        interview, notices = transaction(self._store, change)
        self._notices.dispatch(notices)
        self._rooms.changed(interview_id)
        return self._details.one(interview, actor.role)

    def cancel(self, actor: Actor, interview_id: ObjectId, reason: str | None) -> Document:
        """Cancel a scheduled interview, tell both sides, close its room, and return it.

        A candidate with no other open one is shortlisted or unassigned again. Raises
        `NotFound`, and `Conflict` in another state.
        """
        now = utcnow()

        def cancel(session: Session) -> tuple[Document, list[ObjectId]]:
            found = self._interviews.by_id(interview_id, session)
            check_access(actor, "scheduling.cancel", found)
            after = self._interviews.transition(
                interview_id,
                InterviewStatus.SCHEDULED,
                {
                    "status": InterviewStatus.CANCELLED,
                    "cancelledAt": now,
                    "cancelReason": reason,
                    "sealDueAt": now + SEAL_GRACE,
                },
                session,
            )
            self._steps.write("interview.cancelled", actor, interview_id, session, reason=reason)
            # Of two that are cancelled at once, the later one must see the other.
            people = self._bookings.lock(after, session)
            self._free(after["candidate"], actor, session)
            return after, self._notices.cancelled(after, people.names, session)

        interview, notices = transaction(self._store, cancel)
        self._notices.dispatch(notices)
        self._rooms.closed(
            interview_id,
            "interviewCancelled",
            {"interviewId": str(interview_id), "cancelledAt": isoformat(now), "reason": reason},
        )
        return self._details.one(interview, actor.role)

    def _free(self, candidate_id: ObjectId, actor: Actor, session: Session) -> None:
        """Have a candidate without any open interview stand where their lots have brought them."""
        if self._interviews.has_open(candidate_id, session):
            return
        for ref in self._candidates.resolve([candidate_id], session).values():
            in_a_lot = self._lots.any_with(ref.profile_id, session)
            to = LotStatus.SHORTLISTED if in_a_lot else LotStatus.UNASSIGNED
            self._candidates.set_lot_status(
                ref.profile_id, to, (LotStatus.PENDING,), actor, session
            )

    def _look_up(
        self, fields: Document, session: Session
    ) -> tuple[Document | None, dict[str, Any]]:
        """Return the task that `fields` name, kept from deletion, and what they name in vain."""
        faults = {}
        task_id, lot_id = fields.get("codingTask"), fields.get("lot")
        task = self._coding_tasks.hold(task_id, session) if task_id else None
        if task_id and not task:
            faults["codingTaskId"] = ["No such coding task."]
        if lot_id and lot_id not in self._lots.by_ids([lot_id]):
            faults["lotId"] = ["No such lot."]
        return task, faults


def _refuse(faults: dict[str, Any]) -> None:
    if faults:
        raise Invalid(faults)
