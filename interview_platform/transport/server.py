"""The Socket.IO server: how it carries, acknowledges, limits and closes."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

import engineio
import flask_socketio
import gevent
import socketio
from flask import Flask
from gevent.pool import Pool
from socketio.packet import CONNECT_ERROR, DISCONNECT

from ..core.errors import Invalid, NotFound, TooManyRequests
from ..core.headers import PLAIN_HEADERS
from ..core.origins import normalize_origin
from ..core.promise import Promise
from ..core.ratelimit import Bucket
from . import Refused
from .engine import Connection, EngineServer
from .incoming import EVENT_HEAD, EVENT_NAME, Incoming, UnreadableEventError
from .limits import EVENT_BYTES, Limits
from .outgoing import Outgoing, Put
from .packets import Packet, PacketJSON, UnreadableConnectError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = "/socket.io/"

# A document of 1 MiB fits in, however its text is spelled in JSON but for the worst.
MAX_MESSAGE_BYTES = 2 * 1024 * 1024
CLOSING_AT_ONCE = 64

PACKETS_OUTSIDE = 20
"""Packets that a connection may send while it is in no namespace."""

REFUSAL_PAUSE = 0.02
"""Seconds for which a client is not read after an event too many."""

MAX_REFUSALS = 400
"""Events too many, without a rest, after which a client is cut off."""

log = logging.getLogger(__name__)

# Below ERROR these write down what packets hold, tokens and what people write included.
_packet_log = logging.getLogger(f"{__name__}.packets")
_packet_log.setLevel(logging.ERROR)


class Server(socketio.Server):  # type: ignore[misc]
    """A Socket.IO server on gevent, which handles a client's events in the order sent.

    A handler returns the acknowledgement's payload, or a promise of it: the client's next
    events do not wait for that one, and any greenlet may keep it. `on_failure` turns what a
    handler or its promise raised into a payload. A `connect` handler that raises refuses the
    client, whatever it raised.

    Messages of more than `max_http_buffer_size` bytes, attachments taken together, are
    refused. `limits` bounds connections an address, and what people send that handlers of
    `connect` have named by `identify`. An event takes one token of what a person may send,
    another for each `EVENT_BYTES`, and what `costs` has for its name. Events named in
    `droppable` are left out first where a client reads too slowly. Other options are
    python-socketio's.
    """

    eio: EngineServer

    def __init__(
        self,
        *,
        on_failure: Callable[[Exception], object],
        limits: Limits,
        cors_allowed_origins: Sequence[str],
        droppable: Collection[str] = frozenset(),
        max_http_buffer_size: int = MAX_MESSAGE_BYTES,
        **options: Any,
    ) -> None:
        super().__init__(
            async_mode="gevent",
            async_handlers=False,
            serializer=Packet,
            json=PacketJSON,
            logger=_packet_log,
            engineio_logger=_packet_log,
            cors_allowed_origins=partial(_may_connect, frozenset(cors_allowed_origins)),
            max_http_buffer_size=max_http_buffer_size,
            limits=limits,
            droppable=droppable,
            **options,
        )
        self.eio.deliver = self._take
        self._on_failure = on_failure
        self.costs: Mapping[str, float] = {}
        self._limits = limits
        self._draining = False

    def _engineio_server_class(self) -> type[engineio.Server]:
        return EngineServer

    def handle_request(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, *PLAIN_HEADERS.items()], *rest)

        if self._draining:
            start("503 Service Unavailable", [("Content-Length", "0")])
            return ()
        response: Iterable[bytes] = super().handle_request(environ, start)
        return response

    def identify(self, sid: str, namespace: str, person: str) -> tuple[Put, Bucket]:
        """Count the socket `sid`, which is about to connect, as one of `person`.

        What all sockets of a person send is limited together. Returns what sends to it, and
        never waits, and the tokens of its person: handlers take from these what an event has
        cost beyond what was taken for it before. Raises `TooManyConnections`.
        """
        connection = self.eio.sockets.get(self.manager.eio_sid_from_sid(sid, namespace))
        if connection is None:
            raise NotFound("The socket is gone")
        connection.release()
        connection.allowance = self._limits.admit(person, connection.sid)
        connection.person = person
        return connection.put, connection.allowance.events

    def disconnect(
        self, sid: str, namespace: str | None = None, ignore_queue: bool = False
    ) -> None:
        """Tell a client that it is disconnected, and close its connection."""
        connection = self.eio.sockets.get(self.manager.eio_sid_from_sid(sid, namespace or "/"))
        if connection is not None:
            connection.sockets.pop(namespace or "/", None)
        super().disconnect(sid, namespace, ignore_queue)
        if connection is not None:
            connection.close()

    def close(self, sid: str, namespace: str) -> None:
        """Close a client's connection without a DISCONNECT: clients connect again by themselves."""
        connection = self.eio.sockets.get(self.manager.eio_sid_from_sid(sid, namespace))
        if connection is not None:
            _close(connection)

    def drain(self) -> None:
        """Refuse new connections and close those there are; clients connect again elsewhere.

        What was emitted before still reaches them. Returns when every disconnect handler has.
        """
        self._draining = True
        Pool(CLOSING_AT_ONCE).map(_close, list(self.eio.sockets.values()))

    def _take(self, connection: Connection, data: str | bytes) -> None:
        """Handle a packet of a client's, or an attachment of one."""
        try:
            if self._may_send(connection, data):
                self._read(connection, data)
        except UnreadableEventError as error:
            self._refuse(connection, error.event)
        except UnreadableConnectError as error:
            # Its handler decides about a client that has shown nothing.
            self._handle_connect(connection.sid, error.namespace, None)
        except ValueError as error:
            log.debug("%s: refused a packet: %s", connection.sid, error)
        except Exception:
            log.exception("A packet was not handled")

    def _read(self, connection: Connection, data: str | bytes) -> None:
        event, connection.unfinished = connection.unfinished, None
        if isinstance(data, bytes):
            if event is None:
                raise ValueError("an attachment of nothing")
            event.attach(data, self.eio.max_http_buffer_size)
        else:
            if event is not None:
                # Whoever starts another packet leaves the last one without its attachments.
                self._refuse(connection, event)
            event = Incoming.read(data)
        if event is None:
            if not data:
                raise ValueError("an empty packet")
            self._handle_eio_message(connection.sid, data)
        elif event.missing:
            connection.unfinished = event
        else:
            self._handle(connection, event)

    def _may_send(self, connection: Connection, data: str | bytes) -> bool:
        """Tell whether a message is handled, before anything is made of it."""
        if not connection.sockets:
            connection.packets_outside += 1
            if connection.packets_outside > PACKETS_OUTSIDE:
                connection.cut("it sends and does not connect")
            return not connection.closed
        allowance = connection.allowance
        if allowance is None:
            return True
        if delay := allowance.traffic.owe(len(data)):
            gevent.sleep(delay)
        if connection.unfinished is not None and isinstance(data, bytes):
            # A part of an event that was let through.
            allowance.events.owe(len(data) / EVENT_BYTES)
            return True
        tokens = allowance.events
        # What is more than a person can ever have would never be let through.
        if tokens.take(min(1 + len(data) // EVENT_BYTES, tokens.burst)):
            if connection.refused and tokens.level > tokens.burst / 2:
                connection.refused = 0
            return True
        if isinstance(data, str) and _leaves(connection, data):
            return True
        head = EVENT_HEAD.match(data) if isinstance(data, str) else None
        event, cost = None, 1.0
        if head and head["id"]:
            event = Incoming(head["namespace"] or "/", int(head["id"]))
            if name := EVENT_NAME.match(head.string, head.end()):
                cost += self.costs.get(name[1], 0.0)
        self._refuse_flood(connection, event, tokens.wait(min(cost, tokens.burst)))
        return False

    def _affords(self, connection: Connection, event: Incoming) -> bool:
        """Take what an event costs by its name, if that is there; else refuse it."""
        cost, allowance = self.costs.get(event.content[0]), connection.allowance
        if not cost or allowance is None:
            return True
        tokens = allowance.events
        cost = min(cost, tokens.burst - 1)
        if tokens.take(cost):
            return True
        # If each try took something, those who try often would never be let through.
        tokens.owe(-1)
        self._refuse_flood(connection, event, tokens.wait(1 + cost))
        return False

    def _refuse_flood(self, connection: Connection, event: Incoming | None, wait: float) -> None:
        """Refuse an event too many, which may be sent again after `wait` seconds."""
        connection.refused += 1
        if connection.refused > MAX_REFUSALS:
            connection.cut("it floods")
            return
        if event is not None:
            seconds = max(1, math.ceil(wait))
            refusal = self._on_failure(TooManyRequests(seconds, "Too many events, send fewer"))
            self._acknowledge(connection, event, refusal)
        gevent.sleep(REFUSAL_PAUSE)

    def _refuse(self, connection: Connection, event: Incoming) -> None:
        """Answer whom an event that cannot be read leaves waiting."""
        if event.namespace in connection.sockets:
            problem = Invalid({"payload": ["Not a packet that can be read."]})
            self._acknowledge(connection, event, self._on_failure(problem))

    def _handle_connect(self, eio_sid: str, namespace: str | None, data: object) -> None:
        connection = self.eio.sockets.get(eio_sid)
        if connection is None:
            return
        name = namespace or "/"
        if name not in self.namespace_handlers:
            self._refuse_connect(connection, name, "Invalid namespace")
            return
        if self.manager.sid_from_eio_sid(eio_sid, name):
            self._refuse_connect(connection, name, "Already connected")
            return
        # While a handler decides, the client is not late.
        since, connection.outside_since = connection.outside_since, None
        began = monotonic()
        super()._handle_connect(eio_sid, namespace, data)
        sid = self.manager.sid_from_eio_sid(eio_sid, name)
        if sid and self.manager.is_connected(sid, name):
            connection.sockets[name] = sid
            connection.outside_since = None
        if not connection.sockets:
            connection.outside_since = (since or began) + monotonic() - began
            connection.release()
        if connection.closing:
            # It has closed while the handler ran; nobody was told, since it was not in yet.
            self._handle_disconnect(eio_sid, namespace)
            connection.release()

    def _refuse_connect(self, connection: Connection, namespace: str, message: str) -> None:
        packet = Packet(CONNECT_ERROR, data={"message": message}, namespace=namespace)
        self._send_packet(connection.sid, packet)

    def _handle_disconnect(
        self, eio_sid: str, namespace: str | None, reason: str | None = None
    ) -> None:
        connection = self.eio.sockets.get(eio_sid)
        if connection is not None:
            connection.sockets.pop(namespace or "/", None)
        super()._handle_disconnect(eio_sid, namespace, reason)
        if connection is not None and not connection.sockets:
            connection.outside_since = connection.outside_since or monotonic()
            connection.release()

    def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        super()._handle_eio_disconnect(eio_sid, reason)
        # Engine.IO forgets closed connections by and by, and trips over them until then.
        self.eio.sockets.pop(eio_sid, None)

    def _handle(self, connection: Connection, event: Incoming) -> None:
        """Have the namespace handle an event, and acknowledge it now or once it is done."""
        sid = connection.sockets.get(event.namespace)
        if sid is None or not self._affords(connection, event):
            return
        name, *arguments = event.content
        try:
            answer = self.namespace_handlers[event.namespace].trigger_event(name, sid, *arguments)
        except Exception as error:  # noqa: BLE001 - the hook tells the expected from the rest
            answer = self._on_failure(error)
        if event.id is None or answer is self.not_handled:
            return
        if isinstance(answer, Promise):
            answer.add_done_callback(
                lambda done: self._acknowledge(connection, event, self._outcome(done))
            )
        else:
            self._acknowledge(connection, event, answer)

    def _trigger_event(self, event: str, namespace: str, *args: Any) -> Any:
        try:
            return super()._trigger_event(event, namespace, *args)
        except Refused:
            raise
        except Exception:
            log.exception("The %s handler failed", event)
            return False

    def _outcome(self, done: Promise[object]) -> object:
        try:
            return done.result()
        except Exception as error:  # noqa: BLE001 - the hook tells the expected from the rest
            return self._on_failure(error)

    def _acknowledge(self, connection: Connection, event: Incoming, answer: object) -> None:
        if event.id is not None:
            connection.put(Outgoing.acknowledgement(event.namespace, event.id, answer))


class SocketIO(flask_socketio.SocketIO):  # type: ignore[misc]
    """Flask-SocketIO with the server above; handlers are registered on `server` itself.

    Its own middleware and request contexts are left out: they serve handlers registered
    through Flask-SocketIO, and cost more than relaying a message does.
    """

    server: Server

    def init_app(self, app: Flask, **options: Any) -> None:
        """Put the server in front of `app`, at `PATH`. Takes `Server`'s options."""
        self.server_options.update(options)
        self.server = Server(**self.server_options)
        self.async_mode = self.server.async_mode
        app.extensions["socketio"] = self
        app.wsgi_app = _in_front(self.server, app.wsgi_app)  # type: ignore[method-assign,assignment]


def _in_front(server: Server, application: WSGIApplication) -> WSGIApplication:
    """Return an application that has `server` answer below its path, and `application` elsewhere.

    socketio.WSGIApp costs every request a tenth of its time, and every connection 4 KB of stack.
    """

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(PATH):
            return server.handle_request(environ, start_response)
        return application(environ, start_response)

    return serve


def _may_connect(allowed: frozenset[str], origin: str | None, environ: WSGIEnvironment) -> bool:
    # Not by the Host header, which is as much the client's word as the origin.
    return "*" in allowed or (origin is not None and normalize_origin(origin) in allowed)


def _leaves(connection: Connection, packet: str) -> bool:
    """Tell whether a packet disconnects the client from a namespace that it is in."""
    return packet.startswith(str(DISCONNECT)) and (
        (packet[1:].removesuffix(",") or "/") in connection.sockets
    )


def _close(connection: Connection) -> None:
    # Closed below Socket.IO: told to leave by a DISCONNECT packet, clients stay away for good.
    connection.close()
