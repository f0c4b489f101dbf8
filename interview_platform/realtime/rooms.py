"""Rooms over all web processes: joining, leaving, and saying something in them."""

from __future__ import annotations

from typing import Any

from bson import ObjectId

from ..core.broadcast import Broadcaster, Message
from ..interviews.rooms import CLOSE, room_of, socket_room_of, staff_room_of, yjs_room_of
from .connections import Connection, Connections
from .server import Server

NAMESPACE = "/interview"


class Rooms:
    """This process's share of every room: its own sockets, reached through `server`."""

    def __init__(self, server: Server, broadcaster: Broadcaster, connections: Connections) -> None:
        self._server = server
        self._broadcaster = broadcaster
        self._connections = connections
        broadcaster.deliver_to(self._deliver)

    def listen(self, connection: Connection, interview_id: ObjectId, *, yjs: bool) -> list[str]:
        """Have this process hear the rooms that a socket is about to enter; returns their names.

        Apart from `enter`, so that nothing said while its admission is checked is missed.
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

    def enter(self, connection: Connection, interview_id: ObjectId, names: list[str]) -> None:
        connection.joined[interview_id] = names
        for name in names:
            self._server.manager.enter_room(connection.socket_id, NAMESPACE, name)

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
            self._close(ObjectId(message.room.split(":")[1]))
            return
        self._server.manager.emit(
            message.event, message.data, NAMESPACE, room=message.room, skip_sid=message.skip
        )

    def _close(self, interview_id: ObjectId) -> None:
        for connection in self._connections.in_interview(interview_id):
            self.leave(connection, interview_id)
