"""What the dashboard shows of an interview that is under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from bson import ObjectId

from ..core.mongo import Document
from ..interviews.model import times_of
from ..telemetry.service import RecentAttention

# How good a connection is, the worst first.
LEVELS = ("poor", "fair", "good")


class Trouble(StrEnum):
    """What is wrong with somebody's connection."""

    MISSING = "missing"
    POOR_CONNECTION = "poor_connection"


class Meeting(NamedTuple):
    """A live interview, and what is known of it: who is there, who edits how much, by account."""

    interview: Document
    participants: Sequence[Mapping[str, Any]]
    edits: Mapping[str, int]
    attention: RecentAttention


def describe(meeting: Meeting, accounts: Mapping[ObjectId, Document], now: datetime) -> Document:
    """Return what the dashboard shows of `meeting`; `accounts` hold its people."""
    interview, attention = meeting.interview, meeting.attention
    times = times_of(interview)
    end = times[1] if times else None
    people = _people(meeting, accounts)
    return {
        "id": interview["_id"],
        "startedAt": interview.get("startedAt"),
        "scheduledEnd": end,
        "minutesOver": max(0, (now - end) // timedelta(minutes=1)) if end else 0,
        "editsPerMinute": sum(meeting.edits.values()),
        "attention": {
            "score": attention.score,
            "status": "insufficient_data" if attention.score is None else "ok",
            "coverage": attention.coverage,
        },
        "people": people,
        "trouble": any(person["trouble"] for person in people),
    }


def name_of(user_id: ObjectId, accounts: Mapping[ObjectId, Document]) -> str | None:
    """Return the name of an account, None where the account is gone."""
    account = accounts.get(user_id)
    return account["name"] if account else None


def _people(meeting: Meeting, accounts: Mapping[ObjectId, Document]) -> list[Document]:
    """Return the interview's two, be they there or not, then whoever else is."""
    there = {person["userId"]: person for person in meeting.participants}
    shown = []
    for role in ("candidate", "interviewer"):
        if user_id := meeting.interview.get(role):
            person = {"userId": str(user_id), "name": name_of(user_id, accounts), "role": role}
            shown.append(_person({**person, **there.pop(str(user_id), {})}, meeting.edits))
    return shown + [_person(person, meeting.edits) for person in there.values()]


def _person(person: Mapping[str, Any], edits: Mapping[str, int]) -> Document:
    """Return what is shown of a participant, or of one who is missing and has no sockets."""
    sockets = person.get("sockets", ())
    told = {socket["quality"].get("level") for socket in sockets if "quality" in socket}
    connection = next((level for level in LEVELS if level in told), None)
    trouble = None
    if not sockets:
        trouble = Trouble.MISSING
    elif connection == LEVELS[0]:
        trouble = Trouble.POOR_CONNECTION
    return {
        "userId": person["userId"],
        "name": person["name"],
        "role": person["role"],
        "present": bool(sockets),
        "waiting": person.get("waiting", False),
        "since": min((datetime.fromisoformat(each["since"]) for each in sockets), default=None),
        "connection": connection,
        "editsPerMinute": edits.get(person["userId"], 0),
        "trouble": trouble,
    }
