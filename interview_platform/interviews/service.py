"""Reading interviews: one's own, everybody's, and who may enter a room."""

from __future__ import annotations

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
        match: Document,
        *,
        ascending: bool = False,
    ) -> Page[Document]:
        """Return the interviews that `actor` may do `action` to and that match, by start.

        The latest comes first unless `ascending`.
        """
        match = {**match, **own(actor, action)}
        found = self._interviews.page(page, match, ascending=ascending)
        return Page(self._details.brief(found.items, actor.role), found.next)

    def get(self, actor: Actor, interview_id: ObjectId) -> Document:
        """Return an interview with its whole task. Raises `NotFound`."""
        interview = self._interviews.by_id(interview_id)
        return self._details.full(check_access(actor, "interviews.get", interview), actor.role)

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
