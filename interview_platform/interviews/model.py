"""The words and bounds of interviews."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, NamedTuple, get_args

from bson import ObjectId

from ..core.mongo import Document

# The two people of an interview, by the fields that hold their ids.
Side = Literal["candidate", "interviewer"]
SIDES: tuple[Side, ...] = get_args(Side)
Names = Mapping[Side, str]

MAX_LENGTH = timedelta(hours=12)
# How far in the past a new start may lie: clocks differ, and some book as they begin.
START_GRACE = timedelta(minutes=5)
# How far ahead a start may lie.
MAX_AHEAD = timedelta(days=2 * 365)

# How long after an interview's end its log takes what is on its way still.
SEAL_GRACE = timedelta(seconds=3)

# How many admissions of its candidate an interview keeps: the latest.
MAX_ADMISSIONS = 50

MAX_FEEDBACK = 20_000
MAX_CRITERIA = 50


class InterviewStatus(StrEnum):
    SCHEDULED = "scheduled"
    LIVE = "live"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


# The states in which an interview takes its people's time, and its room can be joined.
OPEN = (InterviewStatus.SCHEDULED, InterviewStatus.LIVE)


class Recommendation(StrEnum):
    STRONG_NO = "strong_no"
    NO = "no"
    YES = "yes"
    STRONG_YES = "strong_yes"


class Admission(NamedTuple):
    """A part of the session log for which the candidate was admitted to the room.

    It begins with entry `first`, which admitted them, and ends before entry `until`, which
    made them wait again; None while the admission holds.
    """

    first: int
    until: int | None

    def __contains__(self, seq: object) -> bool:
        """Tell whether entry number `seq` lies within the admission."""
        return (
            isinstance(seq, int) and self.first <= seq and (self.until is None or seq < self.until)
        )


def admitted_at(admissions: Iterable[Admission], seq: int) -> bool:
    """Tell whether the candidate was admitted when entry number `seq` was logged."""
    return any(seq in admission for admission in admissions)


@dataclass(frozen=True, slots=True)
class InterviewRef:
    """An interview that somebody may take part in; one who `waits` is not let in yet.

    `admissions` are those of the candidate, as far as they were recorded.
    """

    id: ObjectId
    status: InterviewStatus
    candidate: ObjectId
    interviewer: ObjectId
    waits: bool
    admissions: tuple[Admission, ...] = ()


def times_of(interview: Document) -> tuple[datetime, datetime] | None:
    """Return when the interview begins and ends; None for an older document that does not say.

    One that says when it begins alone counts as ending at once.
    """
    schedule = interview.get("schedule") or {}
    start = schedule.get("start")
    return (start, schedule.get("end") or start) if start else None


def ended_at(interview: Document) -> datetime:
    """Return when an interview that is over ended; the best guess for an older document."""
    ended: datetime | None = interview.get("endedAt") or interview.get("cancelledAt")
    if ended is not None:
        return ended
    times = times_of(interview)
    made: datetime = interview["_id"].generation_time
    return max(times[1], made) if times else interview.get("updatedAt") or made
