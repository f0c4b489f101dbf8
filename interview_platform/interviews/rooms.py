"""The names of an interview's rooms, and what services say in them.

Names are made here alone: a client says an interview's id, never a room's name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from bson import ObjectId

# Not words on the wire, but between processes: that each lets go of the room's sockets, and
# that each looks who may be in it now. Only hints, as processes also look by themselves.
CLOSE = "room:close"
CHANGED = "room:changed"

Publish = Callable[[str, str, Any], None]


def room_of(interview_id: ObjectId) -> str:
    """Everyone who joined."""
    return f"interview:{interview_id}"


def staff_room_of(interview_id: ObjectId) -> str:
    """The interviewer and admins who joined."""
    return f"interview:{interview_id}:staff"


def yjs_room_of(interview_id: ObjectId) -> str:
    """The sockets whose editor speaks Yjs."""
    return f"interview:{interview_id}:yjs"


def waiting_room_of(interview_id: ObjectId, socket_id: str | None = None) -> str:
    """The candidate's sockets that are not let in yet, or one of them."""
    room = f"interview:{interview_id}:waiting"
    return room if socket_id is None else f"{room}:{socket_id}"


def socket_room_of(interview_id: ObjectId, socket_id: str) -> str:
    """One socket, and only while it has joined this interview."""
    return f"interview:{interview_id}:socket:{socket_id}"


@lru_cache(maxsize=10_000)
def interview_of(room: str) -> ObjectId | None:
    """Return the interview that a room belongs to; None for a room of another kind."""
    kind, _, rest = room.partition(":")
    return ObjectId(rest[:24]) if kind == "interview" else None


class InterviewRooms:
    """Tells the people in an interview's room, on every web process, how it goes on."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish

    def opened(self, interview_id: ObjectId, data: dict[str, Any]) -> None:
        """Say that the interview is live, and have those who wait for it let in."""
        self._publish(room_of(interview_id), "interviewStarted", data)
        self.let_in(interview_id)

    def let_in(self, interview_id: ObjectId) -> None:
        """Have those who wait come in, where they may by now."""
        self._publish(waiting_room_of(interview_id), CHANGED, None)

    def closed(self, interview_id: ObjectId, event: str, data: dict[str, Any]) -> None:
        """Say a last `event`, then have everyone leave the room."""
        for room in (room_of(interview_id), waiting_room_of(interview_id)):
            self._publish(room, event, data)
            self._publish(room, CLOSE, str(interview_id))

    def changed(self, interview_id: ObjectId) -> None:
        """Have those leave at once who may not be in the room any more."""
        for room in (room_of(interview_id), waiting_room_of(interview_id)):
            self._publish(room, CHANGED, None)
