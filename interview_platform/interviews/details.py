"""Interviews with the people, the task and the lot that they name, as far as a reader may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bson import ObjectId

from ..auth.accounts import AccountService
from ..auth.model import Role
from ..coding_tasks.service import CodingTaskService, for_candidate
from ..core.mongo import Document
from ..lots.service import LotService

CANDIDATE_FIELDS = (
    "_id",
    "candidate",
    "interviewer",
    "codingTask",
    "schedule",
    "status",
    "meetingRoomId",
    "startedAt",
    "endedAt",
    "cancelledAt",
    "cancelReason",
    "createdAt",
    "updatedAt",
)
STAFF_FIELDS = (
    *CANDIDATE_FIELDS,
    "lot",
    "createdBy",
    "feedback",
    "attentivenessScore",
    "scorecard",
)


class InterviewDetails:
    """Reads what interviews refer to: a query a collection, however many interviews there are.

    Older documents lack fields, and what they name may be gone: such fields are null, and
    such people are an id alone.
    """

    def __init__(
        self, accounts: AccountService, coding_tasks: CodingTaskService, lots: LotService
    ) -> None:
        self._accounts = accounts
        self._coding_tasks = coding_tasks
        self._lots = lots

    def brief(self, interviews: Sequence[Document], reader: Role) -> list[Document]:
        """Return interviews with the title and difficulty of their tasks."""
        named = _named(interviews, "codingTask")
        tasks = self._coding_tasks.by_ids(named) if named else {}
        return self._filled(interviews, reader, self._people(interviews), tasks)

    def one(self, interview: Document, reader: Role) -> Document:
        """Return one interview as lists show it."""
        return self.brief([interview], reader)[0]

    def of_known(
        self,
        interview: Document,
        reader: Role,
        people: Mapping[ObjectId, Document],
        task: Document | None,
    ) -> Document:
        """Return one interview as lists show it, whose people and task are at hand."""
        tasks = {task["_id"]: task} if task else {}
        return self._filled([interview], reader, people, tasks)[0]

    def full(self, interview: Document, reader: Role) -> Document:
        """Return one interview with its whole task, or what a candidate may see of that.

        Before the interview has started, a candidate sees the task as lists show it.
        """
        if reader is Role.CANDIDATE and not interview.get("startedAt"):
            return self.one(interview, reader)
        tasks = {}
        for task_id in _named([interview], "codingTask"):
            task = self._coding_tasks.find(task_id)
            if task:
                tasks[task_id] = for_candidate(task) if reader is Role.CANDIDATE else task
        return self._filled([interview], reader, self._people([interview]), tasks)[0]

    def _people(self, interviews: Sequence[Document]) -> Mapping[ObjectId, Document]:
        return self._accounts.briefs(_named(interviews, "candidate", "interviewer"))

    def _filled(
        self,
        interviews: Sequence[Document],
        reader: Role,
        people: Mapping[ObjectId, Document],
        tasks: Mapping[ObjectId, Document],
    ) -> list[Document]:
        fields = CANDIDATE_FIELDS if reader is Role.CANDIDATE else STAFF_FIELDS
        found = {"candidate": people, "interviewer": people, "codingTask": tasks}
        if "lot" in fields and (lots := _named(interviews, "lot")):
            found["lot"] = self._lots.by_ids(lots)
        return [_shown(interview, fields, found) for interview in interviews]


def _named(interviews: Sequence[Document], *fields: str) -> set[ObjectId]:
    """Return the ids that `interviews` hold in `fields`."""
    return {
        interview[field] for interview in interviews for field in fields if interview.get(field)
    }


def _shown(
    interview: Document,
    fields: Sequence[str],
    found: Mapping[str, Mapping[ObjectId, Document]],
) -> Document:
    shown = {field: interview.get(field) for field in fields}
    schedule = interview.get("schedule") or {}
    shown["schedule"] = {bound: schedule.get(bound) for bound in ("start", "end")}
    for field, things in found.items():
        named = shown[field]
        if named is not None:
            shown[field] = things.get(named, {"_id": named})
    return shown
