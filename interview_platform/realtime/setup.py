"""Puts the namespace in front of the application, and takes it down when the process drains."""

from __future__ import annotations

import random
from dataclasses import dataclass

from flask import Flask

from ..auth.guard import Authenticator
from ..auth.ports import SessionEnds
from ..auth.service import AuthService
from ..core.broadcast import Broadcaster
from ..core.draining import Draining
from ..core.settings import Settings
from ..core.workpool import FairWorkpool
from ..dashboards.sharing import SharedDashboard
from ..editor.service import EditorService
from ..interviews.admission import AdmissionService
from ..interviews.presence import CHANGED as PRESENCE_CHANGED
from ..interviews.presence import Presence
from ..interviews.rooms import CHANGED
from ..media.participants import MediaParticipants
from ..session_log.service import SessionLog
from ..telemetry.service import ConsentService, GazeRecorder
from ..transport.limits import Limits
from ..transport.server import SocketIO
from .acknowledgements import failure
from .attendance import Attendance
from .awareness import AwarenessRelay
from .connections import Connection, Connections
from .conversation import Conversation
from .editing import Editing
from .hosting import Hosts
from .missed import Missed
from .moderation import Moderation
from .namespace import InterviewNamespace
from .numbering import Numbering
from .observing import Observing
from .proceedings import Proceedings
from .renewal import Renewal
from .repeats import Repeats
from .rooms import NAMESPACE, Rooms
from .sentinel import Sentinel
from .tail import Tail
from .watching import Watching

DROPPABLE = frozenset({"awareness", "dashboard", "eyeTracking", "position"})
"""Events that go first where a client reads too slowly: the next one makes up for them."""

RECONNECT_WITHIN_MS = 5_000
FLUSH_TIMEOUT = 5.0


@dataclass(frozen=True)
class Parts:
    """What the namespace is made of, beside its own."""

    authenticator: Authenticator
    auth: AuthService
    admission: AdmissionService
    editor: EditorService
    editing_pool: FairWorkpool
    session_log: SessionLog
    broadcaster: Broadcaster
    limits: Limits
    presence: Presence
    consents: ConsentService
    gaze: GazeRecorder
    dashboard: SharedDashboard
    media: MediaParticipants


def install(app: Flask, settings: Settings, parts: Parts) -> Connections:
    """Serve `/socket.io/` in front of `app`; returns the sockets of this process."""
    socketio = SocketIO()
    socketio.init_app(
        app,
        on_failure=failure,
        limits=parts.limits,
        cors_allowed_origins=[*settings.client_origins, *settings.own_origins],
        droppable=DROPPABLE,
    )
    server, connections = socketio.server, Connections()
    session_log, broadcaster = parts.session_log, parts.broadcaster
    rooms = Rooms(broadcaster)
    rooms.on(PRESENCE_CHANGED, parts.presence.hear)
    parts.presence.deliver_to(rooms.tell_here)
    hosts = Hosts(rooms, session_log)
    Numbering(session_log, rooms, hosts)
    proceedings = Proceedings(session_log, rooms)
    editing = Editing(
        editor=parts.editor,
        session_log=session_log,
        proceedings=proceedings,
        rooms=rooms,
        hosts=hosts,
        pool=parts.editing_pool,
    )
    tail = Tail(
        hosts=hosts, rooms=rooms, editing=editing, editor=parts.editor, session_log=session_log
    )
    observing = Observing(
        proceedings=proceedings,
        rooms=rooms,
        consents=parts.consents,
        gaze=parts.gaze,
        broadcaster=broadcaster,
    )
    awareness = AwarenessRelay(rooms)
    attendance = Attendance(
        connections=connections,
        rooms=rooms,
        hosts=hosts,
        proceedings=proceedings,
        editing=editing,
        awareness=awareness,
        missed=Missed(session_log, rooms, tail),
        admission=parts.admission,
        observing=observing,
        consents=parts.consents,
        presence=parts.presence,
    )

    moderation = Moderation(
        connections=connections,
        rooms=rooms,
        attendance=attendance,
        proceedings=proceedings,
        admission=parts.admission,
        presence=parts.presence,
        media=parts.media,
    )

    def disconnect(connection: Connection) -> None:
        server.disconnect(connection.socket_id, NAMESPACE)

    def close(connection: Connection) -> None:
        server.close(connection.socket_id, NAMESPACE)

    sentinel = Sentinel(connections, parts.auth, moderation, disconnect)
    renewal = Renewal(
        connections=connections,
        authenticator=parts.authenticator,
        rooms=rooms,
        close=close,
        token_life=settings.jwt_expires_in,
    )
    broadcaster.on(SessionEnds.TOPIC, sentinel.on_sessions_ended)
    rooms.on(CHANGED, lambda _: sentinel.look())
    namespace = InterviewNamespace(
        authenticator=parts.authenticator,
        attendance=attendance,
        connections=connections,
        sentinel=sentinel,
        renewal=renewal,
        tail=tail,
        repeats=Repeats(session_log),
        groups=(
            attendance.handlers(),
            moderation.handlers(),
            editing.handlers(),
            awareness.handlers(),
            Conversation(proceedings, rooms, parts.presence).handlers(),
            observing.handlers(),
            renewal.handlers(),
            Watching(connections, rooms, parts.dashboard).handlers(),
        ),
    )
    server.register_namespace(namespace)
    server.costs = namespace.costs

    def drain() -> None:
        for connection in connections:
            # Spread over time, so that the next process is not met by all at once.
            wait = {"reconnectAfterMs": random.randrange(RECONNECT_WITHIN_MS)}  # noqa: S311
            rooms.tell(connection, "serverDraining", wait)
        server.drain()
        parts.gaze.flush(timeout=FLUSH_TIMEOUT)
        session_log.flush(FLUSH_TIMEOUT)
        parts.presence.close()
        broadcaster.close()

    draining: Draining = app.extensions["draining"]
    draining.on_drain(drain)
    return connections
