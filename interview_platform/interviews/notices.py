"""What both sides of an interview are told of its schedule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bson import ObjectId

from ..core.mongo import Document, Session
from ..notifications.service import NotificationService, Request
from .model import SIDES, Names, Side, times_of


class Notices:
    """Writes notices in the transaction of what they tell; returns their ids, to `dispatch`.

    A notice voids earlier ones of the same person about the same interview that have not
    gone out. `names` are those of the candidate and of the interviewer.
    """

    def __init__(self, notifications: NotificationService) -> None:
        self._notifications = notifications

    def dispatch(self, notice_ids: Sequence[ObjectId]) -> None:
        """Have notices delivered whose transaction is committed."""
        if notice_ids:
            self._notifications.dispatch(notice_ids)

    def scheduled(self, interview: Document, names: Names, session: Session) -> list[ObjectId]:
        """Tell both sides of a new interview."""
        return self._tell_both("interview_scheduled", interview, names, session)

    def changed(
        self, before: Document, after: Document, names: Names, session: Session
    ) -> list[ObjectId]:
        """Tell both sides of a new time or interviewer, and an interviewer who is relieved."""
        self._void(session, before, after)
        times = times_of(before)
        moved = before.get("schedule") != after.get("schedule")
        news = "interview_rescheduled" if moved else "interview_scheduled"
        previous = {"previousStart": times[0]} if moved and times else {}
        if before["interviewer"] == after["interviewer"]:
            return self._tell_both(news, after, names, session, **previous)
        notices = [
            *_notice(news, after, "candidate", names, **previous),
            *_notice("interview_scheduled", after, "interviewer", names),
            *_notice("interview_cancelled", before, "interviewer", names),
        ]
        return self._notifications.request_each(session, notices)

    def cancelled(self, interview: Document, names: Names, session: Session) -> list[ObjectId]:
        """Tell both sides that it will not take place."""
        self._void(session, interview)
        reason = interview["cancelReason"]
        return self._tell_both("interview_cancelled", interview, names, session, reason=reason)

    def _void(self, session: Session, *states: Document) -> None:
        """Void what the people of an interview, as it was and is, have not been told yet."""
        people = {state[side] for state in states for side in SIDES}
        self._notifications.void(session, interview_id=states[0]["_id"], user_ids=people)

    def _tell_both(
        self, template: str, interview: Document, names: Names, session: Session, **more: Any
    ) -> list[ObjectId]:
        notices = [
            *_notice(template, interview, "candidate", names, **more),
            *_notice(template, interview, "interviewer", names, **more),
        ]
        return self._notifications.request_each(session, notices)


def _notice(
    template: str, interview: Document, side: Side, names: Names, **more: Any
) -> list[Request]:
    """Return what to tell one side; an older service's interview may have no time to tell."""
    times = times_of(interview)
    if times is None:
        return []
    notice = Request(
        template=template,
        # Its transaction makes it once; a key of its content would hold back the news
        # of a time that was given up and is taken again.
        dedupe_key=f"{template}:{interview['_id']}:{ObjectId()}",
        context={
            "audience": side,
            "counterpart": names["interviewer" if side == "candidate" else "candidate"],
            "start": times[0],
            "end": times[1],
            **more,
        },
        user_id=interview[side],
        interview_id=interview["_id"],
    )
    return [notice]
