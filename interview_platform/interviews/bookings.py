"""Taking people's time: nobody is in two interviews at once, whoever books at the same moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bson import ObjectId

from ..auth.accounts import STAFF, AccountService
from ..auth.model import Role, UserStatus
from ..core.clock import isoformat, utcnow
from ..core.errors import Conflict, Invalid
from ..core.mongo import Document, Session
from .model import MAX_AHEAD, MAX_LENGTH, START_GRACE, Names, Side, times_of
from .repository import InterviewRepository

# Who an older interview names, and who has no account any more.
GONE = "somebody who has left"

_FIELDS: dict[Side, str] = {"candidate": "candidateId", "interviewer": "interviewerId"}


@dataclass(frozen=True)
class People:
    """The accounts of an interview's two sides, as far as they exist."""

    candidate: Document | None
    interviewer: Document | None

    @property
    def by_id(self) -> dict[ObjectId, Document]:
        return {person["_id"]: person for person in (self.candidate, self.interviewer) if person}

    @property
    def names(self) -> Names:
        return {
            "candidate": self.candidate["name"] if self.candidate else GONE,
            "interviewer": self.interviewer["name"] if self.interviewer else GONE,
        }

    def faults(self, *sides: Side) -> dict[str, list[str]]:
        """Return who of `sides` may not be booked, as faults of the fields that name them."""
        faults = {}
        if "candidate" in sides and not _can_be_interviewed(self.candidate):
            faults["candidateId"] = ["Not a candidate with an account that can be used."]
        if "interviewer" in sides and not _can_interview(self.interviewer):
            faults["interviewerId"] = ["Not an active interviewer or admin."]
        return faults


class Bookings:
    def __init__(self, interviews: InterviewRepository, accounts: AccountService) -> None:
        self._interviews = interviews
        self._accounts = accounts

    def lock(self, interview: Document, session: Session) -> People:
        """Return the people of `interview`, kept from other bookings until the transaction ends."""
        candidate, interviewer = interview["candidate"], interview["interviewer"]
        found = self._accounts.book({candidate, interviewer}, session)
        return People(found.get(candidate), found.get(interviewer))

    def check_free(self, interview: Document, session: Session) -> None:
        """Raise `Conflict` naming what is in the way of `interview`, whose people are locked."""
        times = times_of(interview)
        if times is None:
            return
        in_the_way: dict[str, list[str]] = {}
        others: dict[ObjectId, str] = {}
        for side, field in _FIELDS.items():
            other = self._interviews.overlapping(
                side, interview[side], *times, besides=interview["_id"], session=session
            )
            if other:
                others[other["_id"]] = _spelled(other)
                in_the_way[field] = [f"Has interview {_spelled(other)}."]
        if others:
            raise Conflict(f"In the way: interview {' and '.join(others.values())}", in_the_way)


def check_schedule(start: datetime, end: datetime) -> None:
    """Raise `Invalid` for times that no interview can be given."""
    faults = {}
    now = utcnow()
    if start < now - START_GRACE:
        faults["start"] = ["Lies in the past."]
    elif start > now + MAX_AHEAD:
        faults["start"] = [f"At most {MAX_AHEAD // timedelta(days=365)} years from now."]
    if end <= start:
        faults["end"] = ["Must be after the start."]
    elif end - start > MAX_LENGTH:
        faults["end"] = [f"At most {MAX_LENGTH // timedelta(hours=1)} hours after the start."]
    if faults:
        raise Invalid({"schedule": faults})


def _can_be_interviewed(user: Document | None) -> bool:
    return (
        user is not None
        and user["role"] == Role.CANDIDATE
        and user.get("status") != UserStatus.INACTIVE
    )


def _can_interview(user: Document | None) -> bool:
    return user is not None and user["role"] in STAFF and user.get("status") == UserStatus.ACTIVE


def _spelled(interview: Document) -> str:
    start, end = interview["schedule"]["start"], interview["schedule"]["end"]
    return f"{interview['_id']} from {isoformat(start)} to {isoformat(end)}"
