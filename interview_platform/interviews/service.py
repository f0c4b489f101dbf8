"""Reading interviews: one's own, everybody's, and who may enter a room."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Literal

from bson import ObjectId

from ..auth.model import Actor
from ..candidates.service import CandidateService
from ..core.errors import Conflict, ServiceError
from ..core.mongo import Document
from ..core.paging import Page, PageRequest
from ..session_log.service import SessionLog
from .access import check_access, own
from .details import InterviewDetails
from .model import OPEN, InterviewRef, InterviewStatus
from .repository import InterviewRepository

# Somebody, and the interview whose room they are in.
Visit = tuple[Actor, ObjectId]


class InterviewService:
    def __init__(
        self,
        interviews: InterviewRepository,
        candidates: CandidateService,
        details: InterviewDetails,
        session_log: SessionLog,
    ) -> None:
        self._interviews = interviews
        self._candidates = candidates
        self._details = details
        self._session_log = session_log

    def page(
        self,
        actor: Actor,
        action: str,
        page: PageRequest,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        ascending: bool = False,
        **match: Any,
    ) -> Page[Document]:
        """Return the interviews that `actor` may do `action` to and whose fields match.

        By start, the latest first unless `ascending`; those that begin at `since` or
        later, and before `until`. A `candidate` may be named by their profile.
        """
        if "candidate" in match:
            match["candidate"] = self._candidates.account_of(match["candidate"])
        found = self._interviews.page(
            page, {**match, **own(actor, action)}, since=since, until=until, ascending=ascending
        )
        return Page(self._details.brief(found.items, actor.role), found.next)

    def get(self, actor: Actor, interview_id: ObjectId) -> Document:
        """Return an interview with its whole task. Raises `NotFound`."""
        interview = self._interviews.by_id(interview_id)
        return self._details.full(check_access(actor, "interviews.get", interview), actor.role)

    def logs(
        self,
        actor: Actor,
        interview_id: ObjectId,
        page: PageRequest,
        *,
        type: str | None = None,  # noqa: A002
        order: Literal["asc", "desc"] = "desc",
    ) -> Page[Document]:
        """Return what happened in an interview, or what of one type. Raises `NotFound`."""
        found = self._interviews.participants(interview_id)
        check_access(actor, "interviews.list_logs", found)
        return self._session_log.page(interview_id, page, type=type, newest_first=order == "desc")

    def admit(self, actor: Actor, interview_id: ObjectId) -> InterviewRef:
        """Return the interview whose room `actor` may enter.

        Raises `NotFound`, and `Conflict` for an interview that is over.
        """
        return _admit(actor, self._interviews.participants(interview_id))

    def refusals(self, people: Collection[Visit]) -> dict[Visit, ServiceError]:
        """Return who of `people` may not enter their room any more, each with what `admit` raises.

        Asks the store once, however many they are.
        """
        found = self._interviews.participants_by_ids({interview_id for _, interview_id in people})
        refused = {}
        for actor, interview_id in people:
            try:
                _admit(actor, found.get(interview_id))
            except ServiceError as error:
                refused[actor, interview_id] = error
        return refused


def _admit(actor: Actor, found: Document | None) -> InterviewRef:
    interview = check_access(actor, "socket.joinRoom", found)
    status = InterviewStatus(interview["status"])
    if status not in OPEN:
        raise Conflict(f"The interview is {status}")
    return InterviewRef(
        id=interview["_id"],
        status=status,
        candidate=interview["candidate"],
        interviewer=interview["interviewer"],
    )
