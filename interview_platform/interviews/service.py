"""Reading interviews: one's own, and everybody's."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from bson import ObjectId

from ..auth.model import Actor
from ..candidates.service import CandidateService
from ..core.mongo import Document
from ..core.paging import Page, PageRequest
from ..session_log.service import SessionLog
from .access import check_access, own
from .details import InterviewDetails
from .repository import InterviewRepository


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

    def check(self, actor: Actor, action: str, interview_id: ObjectId) -> None:
        """Check that `actor` may do `action` to an interview. Raises `NotFound`."""
        check_access(actor, action, self._interviews.participants(interview_id))

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
        self.check(actor, "interviews.list_logs", interview_id)
        return self._session_log.page(interview_id, page, type=type, newest_first=order == "desc")
