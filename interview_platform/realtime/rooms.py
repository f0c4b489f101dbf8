"""Rooms over all web processes: joining, leaving, and saying something in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bson import ObjectId

from ..core.broadcast import Broadcaster, Message
from ..interviews.rooms import (
    CHANGED,
    CLOSE,
    room_of,
    socket_room_of,
    staff_room_of,
    yjs_room_of,
)
from .connections import Connection, Connections
from .server import Server

NAMESPACE = "/interview"


class Rooms:
    """This process's share of every room: its own sockets, reached through `server`."""

    def __init__(self, server: Server, broadcaster: Broadcaster, connections: Connections) -> None:
        self._server = server
        self._broadcaster = broadcaster
        self._connections = connections
        self._on_change: Callable[[], None] = lambda: None
        broadcaster.deliver_to(self._deliver)

    def on_change(self, callback: Callable[[], None]) -> None:
        """Have `callback` called when others may be in a room than before; it must not wait."""
        self._on_change = callback

    def listen(self, connection: Connection, interview_id: ObjectId, *, yjs: bool) -> list[str]:
        """Have this process hear the rooms that a socket is about to enter; returns their names.

        Waits for Redis, if it must. Apart from `enter`, so that nothing is missed in between.
        """
        names = [room_of(interview_id), socket_room_of(interview_id, connection.socket_id)]
        if connection.is_staff:
            names.append(staff_room_of(interview_id))
        if yjs:
            names.append(yjs_room_of(interview_id))
        self._broadcaster.subscribe(*names)
        return names

    def forget(self, names: list[str]) -> None:
        """Take back what `listen` did."""
        self._broadcaster.unsubscribe(*names)

    def enter(self, connection: Connection, interview_id: ObjectId, names: list[str]) -> bool:
        """Have the socket enter those rooms of `names`, from `listen`, that it is not in.

        Returns False where it has been in the interview's room before, or has come in while
        this was listened to.
        """
        entered = connection.joined.get(interview_id, [])
        new = [name for name in names if name not in entered]
        for name in new:
            self._server.manager.enter_room(connection.socket_id, NAMESPACE, name)
        connection.joined[interview_id] = entered + new
        if entered:
            self.forget([name for name in names if name in entered])
        return not entered

    def leave(self, connection: Connection, interview_id: ObjectId) -> bool:
        """Have the socket leave; False where it was not there."""
        names = connection.joined.pop(interview_id, None)
        if names is None:
            return False
        for name in names:
            self._server.manager.leave_room(connection.socket_id, NAMESPACE, name)
        self.forget(names)
        return True

    def say(self, room: str, event: str, data: Any, *, skip: str | None = None) -> None:
        """Send an event to every socket in `room` but `skip`; never waits."""
        self._broadcaster.publish(room, event, data, skip)

    def _deliver(self, message: Message) -> None:
        if message.event == CLOSE:
            self._close(ObjectId(message.data))
        elif message.event == CHANGED:
            self._on_change()
        else:
            self._server.manager.emit(
                message.event, message.data, NAMESPACE, room=message.room, skip_sid=message.skip
            )

    def _close(self, interview_id: ObjectId) -> None:
        for connection in self._connections.in_interview(interview_id):
            self.leave(connection, interview_id)
