"""The `/interview` namespace: thin handlers of the six events."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from typing import Any

import socketio
from bson import ObjectId
from socketio.exceptions import ConnectionRefusedError as Refused

from ..auth.guard import Authenticator
from ..core.clock import milliseconds, utcnow
from ..core.errors import BadRequest, NotFound, Unauthorized
from ..core.faults import translate
from ..interviews.rooms import room_of, socket_room_of, staff_room_of, yjs_room_of
from ..session_log.service import SessionLog
from . import events
from .acknowledgements import Acknowledgement, accepted, acknowledge
from .attendance import Attendance
from .connections import Connection, Connections
from .guards import check_joined, check_role
from .rooms import NAMESPACE, Rooms
from .sentinel import Sentinel

Handler = Callable[[Connection, Any], "Acknowledgement | Future[Acknowledgement]"]


class InterviewNamespace(socketio.Namespace):  # type: ignore[misc]
    """Takes the events of one socket in the order sent.

    What a handler logs is acknowledged with its `seq` once it is stored; relaying does
    not wait for that, nor does leaving.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        attendance: Attendance,
        session_log: SessionLog,
        rooms: Rooms,
        connections: Connections,
        sentinel: Sentinel,
    ) -> None:
        super().__init__(NAMESPACE)
        self._authenticator = authenticator
        self._attendance = attendance
        self._log = session_log
        self._rooms = rooms
        self._connections = connections
        self._sentinel = sentinel
        self._handlers: dict[str, Handler] = {
            "joinRoom": self._join,
            "leaveRoom": self._leave,
            "signal": self._signal,
            "codeUpdate": self._code,
            "eyeTracking": self._gaze,
            "chatMessage": self._chat,
        }

    def trigger_event(self, event: str, *args: Any) -> Any:
        """Run the handler of `event`; the socket's id comes first in `args`."""
        socket_id, *payload = args
        if event == "connect":
            return self._connect(socket_id, payload[1] if len(payload) > 1 else None)
        if event == "disconnect":
            return self._disconnect(socket_id)
        connection = self._connections.get(socket_id)
        handler = self._handlers.get(event)
        if connection is None or handler is None:
            raise NotFound("No such event")
        if len(payload) != 1:
            raise BadRequest("An event takes one payload")
        check_role(connection, event)
        return handler(connection, events.load(event, payload[0]))

    def _connect(self, socket_id: str, auth: object) -> None:
        try:
            token = auth.get("token") if isinstance(auth, dict) else None
            if not isinstance(token, str):
                raise Unauthorized
            actor, expires_at = self._authenticator.bearer(token)
        except Exception as error:
            raise Refused(translate(error).code) from error
        self._connections.add(Connection(socket_id, actor, expires_at))
        self._sentinel.start()

    def _disconnect(self, socket_id: str) -> None:
        connection = self._connections.remove(socket_id)
        if connection:
            self._attendance.leave_all(connection)

    def _join(self, connection: Connection, event: events.JoinRoom) -> Any:
        return self._attendance.join(connection, event.interview_id, yjs=event.sync == "yjs")

    def _leave(self, connection: Connection, event: events.LeaveRoom) -> Any:
        check_joined(connection, event.interview_id)
        self._attendance.leave(connection, event.interview_id)
        return {"ok": True}

    def _signal(self, connection: Connection, event: events.Signal) -> Any:
        interview_id, to = event.interview_id, event.to
        check_joined(connection, interview_id)
        stored = self._append(
            connection, interview_id, "webrtc", {"signal": event.kind, "to": to or "room"}
        )
        room = socket_room_of(interview_id, to) if to else room_of(interview_id)
        data = {"socketId": connection.socket_id, "payload": event.payload}
        self._rooms.say(room, "signal", data, skip=connection.socket_id)
        return acknowledge(stored)

    def _code(self, connection: Connection, event: events.CodeUpdate) -> Any:
        interview_id = event.interview_id
        check_joined(connection, interview_id)
        data: dict[str, Any]
        if event.update is not None:
            room, data = yjs_room_of(interview_id), {"update": event.update}
        else:
            room, data = room_of(interview_id), {"codeSnapshot": event.codeSnapshot}
        stored = self._append(connection, interview_id, "code", data)
        self._rooms.say(room, "codeUpdate", data, skip=connection.socket_id)
        return acknowledge(stored)

    def _gaze(self, connection: Connection, event: events.EyeTracking) -> Any:
        check_joined(connection, event.interview_id)
        metrics = {"metrics": event.metrics}
        stored = self._append(connection, event.interview_id, "eye-tracking", metrics)
        data = {**metrics, "source": connection.socket_id}
        self._rooms.say(staff_room_of(event.interview_id), "eyeTracking", data)
        return acknowledge(stored)

    def _chat(self, connection: Connection, event: events.ChatMessage) -> Any:
        check_joined(connection, event.interview_id)
        now = utcnow()
        stored = self._append(
            connection, event.interview_id, "chat", {"message": event.message}, now
        )
        data = {
            "message": event.message,
            "from": connection.socket_id,
            "timestamp": milliseconds(now),
            "userId": str(connection.actor.user_id),
            "name": connection.actor.name,
        }
        self._rooms.say(room_of(event.interview_id), "chatMessage", data)
        return acknowledge(stored)

    def _append(
        self,
        connection: Connection,
        interview_id: ObjectId,
        kind: str,
        data: dict[str, Any],
        at: datetime | None = None,
    ) -> Future[int]:
        """Log an event. Raises what the log refuses it for, before anybody else hears of it."""
        return accepted(self._log.append(interview_id, kind, connection.actor_entry, data, at))
