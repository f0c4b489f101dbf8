"""The Socket.IO server: what it takes from clients, and how it acknowledges and closes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

import engineio
import flask_socketio
import orjson
import socketio
from engineio.socket import Socket
from flask import Flask
from gevent.pool import Pool
from socketio import packet
from socketio.exceptions import ConnectionRefusedError as Refused

from ..core import json
from ..core.websocket import WebSocket

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MAX_MESSAGE_BYTES = 1024 * 1024
MAX_ATTACHMENTS = 10
MAX_DEPTH = 254
"""How many levels of JSON can be written again to others: orjson's own bound."""

RESERVED_EVENTS = frozenset({"connect", "disconnect", "*"})
"""Names that python-socketio gives a meaning of its own, and that no client may send."""

CLOSING_AT_ONCE = 64

log = logging.getLogger(__name__)

# Below ERROR these write down what packets hold, tokens and code of an interview included.
_packet_log = logging.getLogger(f"{__name__}.packets")
_packet_log.setLevel(logging.ERROR)


class PacketJSON:
    """JSON as packets carry it; both functions take python-socketio's options and ignore them."""

    @staticmethod
    def loads(text: str | bytes, **_: object) -> Any:
        """Parse JSON. Raises ValueError for malformed text, NaN and lone surrogates."""
        return orjson.loads(text)

    @staticmethod
    def dumps(value: Any, **_: object) -> str:
        """Write JSON as the REST interface does. Raises TypeError for what JSON cannot say."""
        return json.dumps(value).decode()


class Packet(packet.Packet):  # type: ignore[misc]
    """A Socket.IO packet that is well formed once decoded, or else raises ValueError.

    An event is a list that starts with its name, an acknowledgement a list, the payload of
    a connection an object or None; each attachment has exactly one place.
    """

    def decode(self, encoded_packet: object) -> int:
        if not isinstance(encoded_packet, str):
            raise ValueError("a packet starts as text")  # noqa: TRY004 - refused as any other is
        attachments: int = super().decode(encoded_packet)
        if not self._well_formed(attachments):
            raise ValueError("not a packet that a client may send")
        if encoded_packet.count("[") + encoded_packet.count("{") > MAX_DEPTH:
            try:
                orjson.dumps(self.data)
            except TypeError as error:
                raise ValueError("nested too deep to be sent on") from error
        return attachments

    def _well_formed(self, attachments: int) -> bool:
        binary = self.packet_type in (packet.BINARY_EVENT, packet.BINARY_ACK)
        if binary != (0 < attachments <= MAX_ATTACHMENTS):
            return False
        match self.packet_type, self.data:
            case ((packet.EVENT | packet.BINARY_EVENT), [str(name), *_]):
                return name not in RESERVED_EVENTS
            case ((packet.ACK | packet.BINARY_ACK), [*_]):
                return self.id is not None
            case packet.CONNECT, (None | {}):
                return True
            case packet.DISCONNECT, None:
                return True
        return False

    @classmethod
    def reconstruct_binary(cls, data: Any, attachments: list[bytes]) -> Any:
        """Return `data` with each attachment in its place.

        Raises ValueError where one has no place or several: a small packet must not turn
        into a huge one on its way to others.
        """
        unplaced = dict(enumerate(attachments))

        def place(value: Any) -> Any:
            if isinstance(value, list):
                return [place(item) for item in value]
            if not isinstance(value, dict):
                return value
            if "_placeholder" in value:
                return unplaced.pop(value["num"])
            return {key: place(item) for key, item in value.items()}

        try:
            whole = place(data)
        except (KeyError, TypeError) as error:
            raise ValueError("a placeholder without an attachment of its own") from error
        if unplaced:
            raise ValueError("an attachment without a placeholder")
        return whole


class EngineServer(engineio.Server):  # type: ignore[misc]
    """Engine.IO over `core.websocket`, which never waits for a client that does not read."""

    _async: dict[str, Any]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._async = {**self._async, "websocket": _websocket_transport}

    def disconnect(self, sid: str | None = None) -> None:
        """Close the connection `sid`, or every one."""
        for one in [sid] if sid else list(self.sockets):
            connection = self.sockets.pop(one, None)
            if connection is not None:
                connection.close(wait=False, reason=self.reason.SERVER_DISCONNECT)


class Server(socketio.Server):  # type: ignore[misc]
    """A Socket.IO server on gevent, which handles a client's events in the order sent.

    A handler returns the acknowledgement's payload, or a `concurrent.futures.Future` of
    it: the client's next events do not wait for that one, and any greenlet may complete
    it. `on_failure` turns what a handler or its future raised into a payload. A `connect`
    handler that raises refuses the client, whatever it raised.

    Messages of more than `max_http_buffer_size` bytes, attachments taken together, are
    refused. Other options are python-socketio's.
    """

    def __init__(
        self,
        *,
        on_failure: Callable[[Exception], object],
        cors_allowed_origins: Sequence[str],
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
            **options,
        )
        self._on_failure = on_failure
        self._draining = False

    def _engineio_server_class(self) -> type[engineio.Server]:
        return EngineServer

    def handle_request(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        if self._draining:
            start_response("503 Service Unavailable", [("Content-Length", "0")])
            return ()
        response: Iterable[bytes] = super().handle_request(environ, start_response)
        return response

    def drain(self) -> None:
        """Refuse new connections and close those there are; clients connect again elsewhere.

        What was emitted before still reaches them. Returns when every disconnect handler has.
        """
        self._draining = True
        Pool(CLOSING_AT_ONCE).map(_close, list(self.eio.sockets.values()))

    def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            self._check_attachment(eio_sid, data)
            super()._handle_eio_message(eio_sid, data)
        except ValueError as error:
            self._binary_packet.pop(eio_sid, None)
            log.debug("%s: refused a packet: %s", eio_sid, error)

    def _check_attachment(self, eio_sid: str, data: Any) -> None:
        waiting = self._binary_packet.get(eio_sid)
        if waiting is not None and isinstance(data, bytes):
            if len(data) + sum(map(len, waiting.attachments)) > self.eio.max_http_buffer_size:
                raise ValueError("the attachments are too large")
            return
        # A packet that starts before the attachments of the last one came replaces it.
        self._binary_packet.pop(eio_sid, None)
        if not data:
            raise ValueError("an empty packet")

    def _trigger_event(self, event: str, namespace: str, *args: Any) -> Any:
        try:
            return super()._trigger_event(event, namespace, *args)
        except Exception as error:
            if event not in self.reserved_events:
                return self._on_failure(error)
            if isinstance(error, Refused):
                raise
            log.exception("The %s handler failed", event)
            return False

    def _handle_event_internal(
        self,
        server: object,
        sid: str,
        eio_sid: str,
        data: list[Any],
        namespace: str,
        ack_id: int | None,
    ) -> None:
        answer = self._trigger_event(data[0], namespace, sid, *data[1:])
        if isinstance(answer, Future):
            answer.add_done_callback(
                lambda done: self._acknowledge(eio_sid, namespace, ack_id, self._outcome(done))
            )
        elif answer is not self.not_handled:
            self._acknowledge(eio_sid, namespace, ack_id, answer)

    def _outcome(self, done: Future[object]) -> object:
        try:
            return done.result()
        except Exception as error:  # noqa: BLE001 - the hook tells the expected from the rest
            return self._on_failure(error)

    def _acknowledge(
        self, eio_sid: str, namespace: str, ack_id: int | None, answer: object
    ) -> None:
        if ack_id is not None:
            data = [] if answer is None else [answer]
            self._send_packet(eio_sid, Packet(packet.ACK, data, namespace, ack_id))


class SocketIO(flask_socketio.SocketIO):  # type: ignore[misc]
    """Flask-SocketIO with the server above; handlers are registered on `server` itself.

    Its own middleware and request contexts are left out: they serve handlers registered
    through Flask-SocketIO, and cost more than relaying a message does.
    """

    server: Server

    def init_app(self, app: Flask, **options: Any) -> None:
        """Put the server in front of `app`, at `/socket.io/`. Takes `Server`'s options."""
        self.server_options.update(options)
        self.server = Server(**self.server_options)
        self.async_mode = self.server.async_mode
        app.extensions["socketio"] = self
        app.wsgi_app = socketio.WSGIApp(self.server, app.wsgi_app)  # type: ignore[method-assign]


def _may_connect(allowed: frozenset[str], origin: str, environ: WSGIEnvironment) -> bool:
    # Clients that are not browsers name the service itself as their origin.
    own = f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST')}"
    return "*" in allowed or origin in allowed or origin == own


def _close(connection: Socket) -> None:
    # Closed below Socket.IO: told to leave by a DISCONNECT packet, clients stay away for good.
    connection.close(wait=False, reason=Server.reason.SERVER_DISCONNECT)


def _websocket_transport(
    handler: Callable[[WebSocket], object], server: engineio.Server
) -> WSGIApplication:
    """Return what serves one WebSocket of an Engine.IO connection, and leaves nothing behind."""
    connection: Socket = handler.__self__  # type: ignore[attr-defined]

    def fail() -> None:
        connection.close(wait=False, abort=True, reason=server.reason.TRANSPORT_ERROR)

    def run(websocket: WebSocket) -> None:
        try:
            handler(websocket)
        except (ValueError, OSError) as error:
            # Not a packet of Engine.IO, or gone in the middle of an upgrade.
            log.debug("%s: %s", connection.sid, error)
            fail()

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return WebSocket(run, server.max_http_buffer_size)(environ, start_response)
        finally:
            if not connection.connected:
                fail()
            if connection.closed:
                server.sockets.pop(connection.sid, None)

    return serve
