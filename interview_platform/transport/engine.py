"""Engine.IO: connections that are bounded, watched by one greenlet, and cheap while idle."""

from __future__ import annotations

import logging
from base64 import b64decode
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

import engineio
import gevent
from engineio.exceptions import ContentTooLongError, EngineIOError, QueueEmpty
from engineio.packet import CLOSE, MESSAGE, NOOP, OPEN, PONG, Packet
from engineio.socket import Socket
from gevent.event import Event

from ..core.errors import RequestTimeout
from .incoming import Incoming
from .limits import Allowance, Limits
from .outbox import BATCH_BYTES, Outbox
from .outgoing import ASK, Outgoing
from .websocket import WebSocket

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

JOIN_WITHIN = 4.0
"""Seconds that a connection may be in no namespace, and that an upgrade may take."""

STALL_TIMEOUT = 15.0
"""Seconds after which a client is cut off that takes not one byte of what is sent."""

MAX_PACKETS_POSTED = 1_000
"""What a client that polls may send in one body: what has piled up meanwhile."""

MAX_UNANSWERED = 128
"""PINGs on their way to a client, beyond which it is cut off: it receives and does not answer."""

LOOK_EVERY = 1.0  # seconds

_MESSAGE = str(MESSAGE)

log = logging.getLogger(__name__)


class Connection(Socket):  # type: ignore[misc]
    """One client's connection, by long polling or WebSocket.

    A greenlet that writes exists only while there is something to write, and none waits
    for the next ping: an idle connection is one greenlet that reads.
    """

    server: EngineServer
    queue: Outbox
    connected: bool
    closing: bool
    closed: bool

    def __init__(self, server: EngineServer, sid: str, address: str) -> None:
        super().__init__(server, sid)
        self.address = address
        # Who it belongs to and what they may send, once it is known.
        self.person = ""
        self.allowance: Allowance | None = None
        # Its socket in each namespace that it is in.
        self.sockets: dict[str, str] = {}
        # Since when it is in no namespace; None while it is in one.
        self.outside_since: float | None = monotonic()
        self.packets_outside = 0
        self.refused = 0
        # An event whose attachments have not all come yet.
        self.unfinished: Incoming | None = None
        self._ping_at = monotonic() + server.ping_interval
        self._pong_by: float | None = None
        # What is to be done with the answer to each PING that is on its way; a list, since it
        # is empty most of the time.
        self._unanswered: list[Callable[[], None] | None] = []
        self._websocket: WebSocket | None = None
        self._is_writing = False
        # Whether something that it sent is being handled, before the next is read.
        self._is_handling = False
        self._polled: Event | None = None

    def send(self, pkt: Packet) -> None:
        """Send a packet of Engine.IO's own; as `put`."""
        self.put(Outgoing.of(pkt))

    def put(self, outgoing: Outgoing, /, *answered: Callable[[], None]) -> None:
        """Send something, soon. A client that takes too little of what it is sent is cut off.

        Where that holds PINGs, each of `answered` is called with the answer to one, in order.
        By then, the client has received what was sent before that PING.
        """
        if self.closed:
            return
        if answered:
            self._unanswered += answered
            if len(self._unanswered) > MAX_UNANSWERED:
                self.cut("it does not answer PINGs")
                return
        websocket = self._websocket
        if (
            websocket is not None
            and self.upgraded
            and not self._is_writing
            and not self.queue.packets
        ):
            # Nothing waits before it: it may leave at once.
            try:
                if websocket.offer(outgoing.frames):
                    return
            except OSError:
                self.cut()
                return
        if self.queue.put(outgoing):
            self._wake()
        else:
            self.cut("it does not read what it is sent")

    def poll(self) -> list[Packet]:
        """Return the packets that wait for a client that polls; waits for some.

        Raises QueueEmpty where none come for so long that the client must be gone, and
        EngineIOError where it polls twice at once.
        """
        if self._polled is not None:
            raise EngineIOError("polled twice at once")
        if not self.queue.packets and not self.closed:
            self._polled = Event()
            try:
                if not self._polled.wait(self.server.ping_interval + self.server.ping_timeout):
                    raise QueueEmpty
            finally:
                self._polled = None
        taken = self.queue.take()
        self.queue.sent(taken)
        return [packet for outgoing in taken for packet in outgoing.packets]

    def receive(self, packet: str | bytes) -> None:
        """Handle a packet of the client's. Raises ValueError for what is none."""
        if isinstance(packet, bytes):
            self.server.deliver(self, packet)
        elif packet.startswith(_MESSAGE):
            self.server.deliver(self, packet[1:])
        elif packet.startswith("b"):
            self.server.deliver(self, b64decode(packet[1:], validate=True))
        elif (kind := int(packet[:1])) == PONG:
            self._pong_by = None
            self._ping_at = monotonic() + self.server.ping_interval
            if self._unanswered and (answered := self._unanswered.pop(0)):
                answered()
        elif kind == CLOSE:
            self.close(abort=True, reason=self.server.reason.CLIENT_DISCONNECT)

    def handle_post_request(self, environ: WSGIEnvironment) -> None:
        """Handle what a client that polls sends. Raises EngineIOError for what it may not send."""
        size = int(environ.get("CONTENT_LENGTH") or 0)
        if size > self.server.max_http_buffer_size:
            raise ContentTooLongError
        try:
            body = environ["wsgi.input"].read(size)
            if len(body) < size:
                raise ValueError("not as long as announced")
            parts = body.decode().split("\x1e")
            if len(parts) > MAX_PACKETS_POSTED:
                raise ValueError("too many packets")
            self._is_handling = True
            for part in parts:
                if self.closed:
                    break
                self.receive(part)
        except (ValueError, RequestTimeout) as error:
            raise EngineIOError from error
        finally:
            self._is_handling = False

    def close(self, wait: bool = False, abort: bool = False, reason: str | None = None) -> None:
        """Close the connection; with `abort`, without telling the client. Never waits for it."""
        if self.closing:
            return
        self.closing = True
        reason = reason or self.server.reason.SERVER_DISCONNECT
        self.server._trigger_event("disconnect", self.sid, reason, run_async=False)
        self.server.limits.depart(self.address)
        self.release()
        if not abort:
            self.send(Packet(CLOSE))
        self.closed = True
        if self._websocket is not None:
            self._websocket.end_soon()
        self._wake()

    def release(self) -> None:
        """Count it no more as one of a person's."""
        if self.allowance is not None:
            self.allowance = None
            self.server.limits.release(self.person, self.sid)

    def cut(self, reason: str | None = None) -> None:
        """End the connection at once, whatever waits to be sent; never waits.

        Logs the `reason` if it is the client's fault.
        """
        if self.closed:
            return
        self.closed = True
        if reason:
            log.info("%s: cut off, %s", self.sid, reason)
        if self._websocket is not None:
            self._websocket.cut()
        gevent.spawn(self.close, abort=True)

    def look_after(self, now: float) -> None:
        """See to whatever is due at `now`: a ping, or an end; never waits."""
        if self.closing:
            return
        if self._is_handling and self._pong_by is not None:
            # What has come meanwhile is not read yet, the answer to the ping among that.
            self._pong_by = now + self.server.ping_timeout
        if self._websocket is not None and self._websocket.stalled > STALL_TIMEOUT:
            self.cut("it does not read what it is sent")
        elif self.outside_since is not None and now - self.outside_since > JOIN_WITHIN:
            gevent.spawn(self.close)
        elif self._pong_by is not None and now > self._pong_by:
            gevent.spawn(self.close, reason=self.server.reason.PING_TIMEOUT)
        elif now >= self._ping_at:
            self._ping_at = now + self.server.ping_interval
            self._pong_by = self._pong_by or now + self.server.ping_timeout
            self._unanswered.append(None)
            self.put(ASK)

    def _wake(self) -> None:
        """Have what waits to be sent leave, by whichever way the client listens."""
        if self._polled is not None:
            self._polled.set()
        elif self._websocket is not None and self.upgraded and not self._is_writing:
            self._is_writing = True
            gevent.spawn(self._write, self._websocket)

    def _write(self, websocket: WebSocket) -> None:
        try:
            while packets := self.queue.take(BATCH_BYTES):
                websocket.write(b"".join([packet.frames for packet in packets]))
                self.queue.sent(packets)
            if self.closed:
                websocket.close()
        except OSError:
            self.cut()
        finally:
            self._is_writing = False

    def _upgrade_websocket(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        if self.upgrading or self.upgraded:
            return self.server._bad_request("Upgraded already")
        return super()._upgrade_websocket(environ, start_response)

    def _websocket_handler(self, websocket: WebSocket) -> None:
        """Serve the client by WebSocket until one side closes."""
        self._websocket = websocket
        if not self.connected:
            self.connected = self.upgraded = True
        elif not self._upgrade(websocket):
            self._websocket = None
            return
        self._wake()
        while (message := websocket.wait()) is not None:
            if self.closed:
                continue
            self._is_handling = True
            self.receive(message)
            self._is_handling = False
        self.close(abort=True, reason=self.server.reason.TRANSPORT_CLOSE)

    def _upgrade(self, websocket: WebSocket) -> bool:
        """Go over from long polling; tells whether the client did what the protocol asks for."""
        self.upgrading = True
        try:
            with suppress(gevent.Timeout), gevent.Timeout(JOIN_WITHIN):
                if websocket.wait() == "2probe":
                    websocket.write(Outgoing(b"3probe").frames)
                    self.send(Packet(NOOP))  # ends the poll that waits
                    self.upgraded = websocket.wait() == "5"
        finally:
            self.upgrading = False
        return bool(self.upgraded)


class EngineServer(engineio.Server):  # type: ignore[misc]
    """Engine.IO over `websocket`, which never waits for a client that does not read.

    `deliver` is called with the messages that a connection brings, and must not raise.
    """

    sockets: dict[str, Connection]
    deliver: Callable[[Connection, str | bytes], None]
    _async: dict[str, Any]

    def __init__(self, limits: Limits, droppable: Collection[str], **options: Any) -> None:
        super().__init__(monitor_clients=False, **options)
        self._async = {**self._async, "websocket": _websocket_transport}
        self.limits = limits
        self._droppable = droppable
        self._looking = False

    def create_queue(self) -> Outbox:
        """Return what holds a connection's packets until they are sent."""
        return Outbox(self._droppable)

    def disconnect(self, sid: str | None = None) -> None:
        """Close the connection `sid`, or every one."""
        for connection in [self.sockets.get(sid)] if sid else list(self.sockets.values()):
            if connection is not None:
                connection.close()

    def _handle_connect(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        transport: str,
        jsonp_index: int | None = None,
    ) -> Any:
        address = environ.get("REMOTE_ADDR", "")
        if not self.limits.arrive(address):
            return {
                "status": "429 Too Many Requests",
                "headers": [("Content-Type", "text/plain"), ("Retry-After", "5")],
                "response": b"Too many connections from this address",
            }
        connection = Connection(self, self.generate_id(), address)
        self.sockets[connection.sid] = connection
        greeting = {
            "sid": connection.sid,
            "upgrades": self._upgrades(connection.sid, transport),
            "pingTimeout": int(self.ping_timeout * 1000),
            "pingInterval": int(self.ping_interval * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
        connection.send(Packet(OPEN, greeting))
        self._trigger_event("connect", connection.sid, environ, run_async=False)
        self._look()
        if transport == "websocket":
            return connection._upgrade_websocket(environ, start_response)
        connection.connected = True
        return self._ok(connection.poll(), jsonp_index=jsonp_index)

    def _look(self) -> None:
        """Begin to look after the connections, if that is not so yet."""
        if not self._looking:
            self._looking = True
            gevent.spawn(self._look_after_all)

    def _look_after_all(self) -> None:
        while True:
            gevent.sleep(min(LOOK_EVERY, self.ping_interval / 4))
            now = monotonic()
            for connection in list(self.sockets.values()):
                connection.look_after(now)


def _websocket_transport(
    handler: Callable[[WebSocket], object], server: EngineServer
) -> WSGIApplication:
    """Return what serves one WebSocket of a connection, and leaves nothing behind."""
    connection: Connection = handler.__self__  # type: ignore[attr-defined]

    def fail() -> None:
        connection.close(abort=True, reason=server.reason.TRANSPORT_ERROR)

    def run(websocket: WebSocket) -> None:
        try:
            handler(websocket)
        except (ValueError, OSError) as error:
            # Not a packet of Engine.IO, or gone in the middle of an upgrade.
            log.debug("%s: %s", connection.sid, error)
            fail()

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return WebSocket(run, server.max_http_buffer_size).serve(environ, start_response)
        finally:
            if not connection.connected:
                fail()

    return serve
