"""Puts the namespace in front of the application, and takes it down when the process drains."""

from __future__ import annotations

import random

from flask import Flask

from ..auth.guard import Authenticator
from ..auth.ports import SessionEnds
from ..auth.service import AuthService
from ..core.broadcast import Broadcaster
from ..core.draining import Draining
from ..core.settings import Settings
from ..interviews.service import InterviewService
from ..session_log.service import SessionLog
from .acknowledgements import failure
from .attendance import Attendance
from .connections import Connection, Connections
from .namespace import InterviewNamespace
from .rooms import NAMESPACE, Rooms
from .sentinel import Sentinel
from .server import SocketIO

RECONNECT_WITHIN_MS = 5_000
FLUSH_TIMEOUT = 5.0


def install(
    app: Flask,
    settings: Settings,
    *,
    authenticator: Authenticator,
    auth: AuthService,
    interviews: InterviewService,
    session_log: SessionLog,
    broadcaster: Broadcaster,
) -> Connections:
    """Serve `/socket.io/` in front of `app`; returns the sockets of this process."""
    socketio = SocketIO()
    socketio.init_app(app, on_failure=failure, cors_allowed_origins=list(settings.client_origins))
    server, connections = socketio.server, Connections()
    rooms = Rooms(server, broadcaster, connections)
    attendance = Attendance(connections, rooms, interviews, session_log)

    def disconnect(connection: Connection) -> None:
        server.disconnect(connection.socket_id, NAMESPACE)

    sentinel = Sentinel(connections, auth, attendance, disconnect)
    broadcaster.on(SessionEnds.TOPIC, sentinel.on_sessions_ended)
    rooms.on_change(sentinel.look)
    server.register_namespace(
        InterviewNamespace(authenticator, attendance, session_log, rooms, connections, sentinel)
    )

    def drain() -> None:
        for connection in connections:
            # Spread over time, so that the next process is not met by all at once.
            wait = {"reconnectAfterMs": random.randrange(RECONNECT_WITHIN_MS)}  # noqa: S311
            server.emit("serverDraining", wait, to=connection.socket_id, namespace=NAMESPACE)
        server.drain()
        session_log.flush(FLUSH_TIMEOUT)
        broadcaster.close()

    draining: Draining = app.extensions["draining"]
    draining.on_drain(drain)
    return connections
