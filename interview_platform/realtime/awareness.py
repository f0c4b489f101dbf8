"""Awareness: cursors and selections, which are relayed and not stored.

Each process keeps the last state of its own sockets, for as long as they are in the room.
When somebody joins, on whichever process, it sends them to the newcomer.
"""

from __future__ import annotations

from typing import Any

from ..interviews.rooms import socket_room_of
from .acknowledgements import Acknowledgement
from .connections import Membership
from .events import RoomEvent, bound_json, check_size
from .handlers import Handlers, RoomHandler
from .hosted import Hosted
from .rooms import Rooms

MAX_STATE_BYTES = 8 * 1024


class Awareness(RoomEvent):
    """A state of y-protocols or of the client's own making; None takes the last one back."""

    state: Any

    def __post_init__(self) -> None:
        if not isinstance(self.state, bytes):
            bound_json("state", self.state, MAX_STATE_BYTES)
        else:
            check_size("state", len(self.state), MAX_STATE_BYTES)


class AwarenessRelay:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def handlers(self) -> Handlers:
        return {"awareness": RoomHandler(Awareness, self._relay)}

    def send_standing(self, hosted: Hosted, socket_id: str, *, here: bool) -> None:
        """Send a socket that has just joined the states of this process's sockets.

        `here` tells whether it is one of these. Never waits.
        """
        own = socket_room_of(hosted.interview_id, socket_id)
        send = self._rooms.tell_here if here else self._rooms.tell_others
        key = str(hosted.interview_id)
        for connection in self._rooms.members(hosted.room):
            membership = connection.joined.get(key)
            if membership is None or connection.socket_id == socket_id:
                continue
            if membership.awareness is not None:
                send(own, "awareness", _told(membership))

    def _relay(self, membership: Membership, event: Awareness) -> Acknowledgement:
        membership.awareness = event.state
        socket_id = membership.connection.socket_id
        self._rooms.say(membership.hosted.room, "awareness", _told(membership), skip=socket_id)
        return {"ok": True}


def _told(membership: Membership) -> dict[str, Any]:
    connection = membership.connection
    return {
        "socketId": connection.socket_id,
        "userId": str(connection.actor.user_id),
        "state": membership.awareness,
    }
