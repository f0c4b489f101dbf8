"""Reading interviews: one's own, everybody's, and who may enter a room."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from bson import ObjectId

from ..auth.model import Actor
from ..core.errors import Conflict
from ..core.mongo import Document
from ..core.paging import Page, PageRequest
from ..session_log.service import SessionLog
from .access import check_access, own
from .details import InterviewDetails
from .model import OPEN, InterviewRef, InterviewStatus
from .repository import InterviewRepository


class InterviewService:
    def __init__(
        self,
        interviews: InterviewRepository,
        details: InterviewDetails,
        session_log: SessionLog,
    ) -> None:
        self._interviews = interviews
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
        later, and before `until`.
        """
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
        found = self._interviews.participants(interview_id)
        interview = check_access(actor, "socket.joinRoom", found)
        status = InterviewStatus(interview["status"])
        if status not in OPEN:
            raise Conflict(f"The interview is {status}")
        return InterviewRef(
            id=interview_id,
            status=status,
            candidate=interview["candidate"],
            interviewer=interview["interviewer"],
        )
