"""The names of an interview's rooms, and what services say in them.

Names are made here alone: a client says an interview's id, never a room's name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bson import ObjectId

# Not words on the wire, but between processes: that each lets go of the room's sockets, and
# that each looks who may still be in it. Only hints, as processes also look by themselves.
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


def socket_room_of(interview_id: ObjectId, socket_id: str) -> str:
    """One socket, and only while it has joined this interview."""
    return f"interview:{interview_id}:socket:{socket_id}"


class InterviewRooms:
    """Tells the people in an interview's room, on every web process, how it goes on."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish

    def opened(self, interview_id: ObjectId, data: dict[str, Any]) -> None:
        self._publish(room_of(interview_id), "interviewStarted", data)

    def closed(self, interview_id: ObjectId, event: str, data: dict[str, Any]) -> None:
        """Say a last `event`, then have everyone leave the room."""
        self._publish(room_of(interview_id), event, data)
        self._publish(room_of(interview_id), CLOSE, str(interview_id))

    def changed(self, interview_id: ObjectId) -> None:
        """Have those leave at once who may not be in the room any more."""
        self._publish(room_of(interview_id), CHANGED, None)
