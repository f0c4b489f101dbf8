"""Who may enter an interview's room, and who waits in front of it."""

from __future__ import annotations

from collections.abc import Collection

from bson import ObjectId

from ..auth.model import Actor, Role
from ..coding_tasks.service import CodingTaskService
from ..core.clock import utcnow
from ..core.errors import Conflict, NotFound, ServiceError
from ..core.mongo import Document, Session, Store, soon, transaction
from ..session_log.service import SessionLog
from .access import check_access
from .admissions import admissions_of, begin_admission, recorded_admissions
from .model import OPEN, Admission, InterviewRef, InterviewStatus
from .repository import InterviewRepository
from .rooms import InterviewRooms
from .steps import StepRecord

# Somebody, and the interview whose room they are in.
Visit = tuple[Actor, ObjectId]

DEFAULT_LANGUAGE = "plaintext"


class AdmissionService:
    def __init__(
        self,
        store: Store,
        interviews: InterviewRepository,
        coding_tasks: CodingTaskService,
        steps: StepRecord,
        rooms: InterviewRooms,
        session_log: SessionLog,
    ) -> None:
        self._store = store
        self._interviews = interviews
        self._coding_tasks = coding_tasks
        self._steps = steps
        self._rooms = rooms
        self._session_log = session_log

    def admit(self, actor: Actor, interview_id: ObjectId) -> InterviewRef:
        """Return the interview whose room `actor` may enter, or wait in front of.

        Raises `NotFound`, `Conflict` for an interview that is over, and PyMongo's errors
        soon where the store is away.
        """
        with soon():
            found = self._interviews.participants(interview_id)
        return _admit(actor, found)

    def visits(self, people: Collection[Visit]) -> dict[Visit, InterviewRef | ServiceError]:
        """Return for each of `people` what `admit` returns, or raises, today.

        Asks the store once, however many they are.
        """
        found = self._interviews.participants_by_ids({interview_id for _, interview_id in people})
        answers: dict[Visit, InterviewRef | ServiceError] = {}
        for actor, interview_id in people:
            try:
                answers[actor, interview_id] = _admit(actor, found.get(interview_id))
            except ServiceError as error:
                answers[actor, interview_id] = error
        return answers

    def let_in(self, actor: Actor, interview_id: ObjectId) -> None:
        """Have the candidate come in before the interview is live; again, changes nothing.

        Raises `NotFound`, and `Conflict` for an interview that is over.
        """

        def let_in(session: Session) -> None:
            found = self._interviews.by_id(interview_id, session)
            interview = check_access(actor, "socket.admit", found)
            if InterviewStatus(interview["status"]) not in OPEN:
                raise Conflict(f"The interview is {interview['status']}")
            if self._interviews.let_in(interview_id, utcnow(), session):
                step = self._steps.write("participant.admitted", actor, interview_id, session)
                if interview["status"] != InterviewStatus.LIVE:
                    begin_admission(self._interviews, interview, step.seq, session)

        self._steps.settle()
        transaction(self._store, let_in)
        self._rooms.let_in(interview_id)

    def admissions(self, interview: InterviewRef) -> tuple[Admission, ...]:
        """Return for which parts of the log the candidate, who waits no more, was admitted.

        Asks the store where that is not known of `interview`. Raises `NotFound`.
        """
        if interview.admissions:
            return interview.admissions
        found = self._interviews.by_id(interview.id)
        if found is None:
            raise NotFound
        return admissions_of(found, self._session_log)

    def starter(self, interview_id: ObjectId) -> tuple[str, str]:
        """Return the text and the language that the interview's document is born with.

        Raises `NotFound`.
        """
        interview = self._interviews.by_id(interview_id)
        if interview is None:
            raise NotFound
        task_id = interview.get("codingTask")
        task = (self._coding_tasks.find(task_id) if task_id else None) or {}
        return task.get("starterCode") or "", task.get("language") or DEFAULT_LANGUAGE


def _admit(actor: Actor, found: Document | None) -> InterviewRef:
    interview = check_access(actor, "socket.joinRoom", found)
    status = InterviewStatus(interview["status"])
    if status not in OPEN:
        raise Conflict(f"The interview is {status}")
    waits = (
        actor.role is Role.CANDIDATE
        and status is not InterviewStatus.LIVE
        and not interview.get("candidateAdmittedAt")
    )
    return InterviewRef(
        id=interview["_id"],
        status=status,
        candidate=interview["candidate"],
        interviewer=interview["interviewer"],
        waits=waits,
        admissions=recorded_admissions(interview),
    )
