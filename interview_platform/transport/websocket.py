"""WebSocket on a gevent web server's own socket: no greenlet of its own, every message bounded."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

import gevent
from gevent.lock import Semaphore
from gevent.socket import wait
from websockets.datastructures import Headers
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import SEND_EOF, State
from websockets.server import ServerProtocol
from websockets.speedups import apply_mask

from ..core.connections import Client
from ..core.ratelimit import Bucket

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

RECEIVE_BYTES = 16 * 1024
FRAMES_PER_SECOND = 1_000
FRAMES_AT_ONCE = 5_000
"""Frames beyond this are read more slowly: those that hold nothing cost time too."""

TURN = 0.005
"""Seconds for which a peer's messages are handled before other greenlets have their turn."""

CLOSE_TIMEOUT = 3.0
"""Seconds that a peer has to answer a close frame, or to hear why it is being cut off."""

_HANDSHAKE_HEADERS = ("Connection", "Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version")

# First bytes of frames that are whole: messages, and what else is no part of one.
_WHOLE_MESSAGES = frozenset({0x80 | Opcode.TEXT, 0x80 | Opcode.BINARY})
_CONTROL = frozenset({0x80 | Opcode.CLOSE, 0x80 | Opcode.PING, 0x80 | Opcode.PONG})
_MOST_IN_CONTROL = 125
_MASKED = 0x80

# At DEBUG the protocol writes down whole frames, tokens and what people write included.
_protocol_log = logging.getLogger(f"{__name__}.protocol")
_protocol_log.setLevel(logging.WARNING)


class WebSocket:
    """A WSGI application that upgrades one request, then runs `handler(self)` until it returns.

    Messages of more than `max_size` bytes, all fragments taken together, close the
    connection with 1009. No extension is negotiated, so nothing is larger in memory than
    it was on the wire. Serves gunicorn's gevent worker and gevent.pywsgi.

    One greenlet may wait for messages and another send some; any may close or cut. Nothing
    times out but closing: whoever runs it watches `stalled`, and asks for signs of life.
    """

    _socket: socket.socket
    # Of a socket with TLS: how many bytes it holds that can be read at once.
    _decrypted: Callable[[], int] | None

    def __init__(self, handler: Callable[[WebSocket], object], max_size: int) -> None:
        self._handler = handler
        self._protocol = ServerProtocol(
            state=State.OPEN, extensions=None, max_size=max_size, logger=_protocol_log
        )
        # A list, since it is empty nearly always, and then the smallest there is.
        self._messages: list[str | bytes] = []
        # Whether the protocol's state is OPEN: it is asked for with each message.
        self._is_open = True
        self._max_size = max_size
        # What has arrived of a frame that is not whole yet, and how long that one is, as far as
        # is known; while the peer sends none but plain ones: whole messages and control frames.
        self._unread = bytearray()
        self._wanted = 0
        self._is_plain = True
        self._fragments = bytearray()
        self._is_text = False
        self._writing = Semaphore()
        self._pace = Bucket(FRAMES_PER_SECOND, FRAMES_AT_ONCE)
        self._deadline: gevent.Greenlet[[], None] | None = None
        self._offered_at = 0.0
        self._turn_began = 0.0

    @property
    def stalled(self) -> float:
        """For how many seconds the peer has taken nothing of what it is being sent."""
        return monotonic() - self._offered_at if self._offered_at else 0.0

    def serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        response = self._protocol.accept(_request(environ))
        if response.status_code != 101:
            headers = [
                (name, response.headers[name]) for name in ("Content-Type", "Content-Length")
            ]
            start_response(f"{response.status_code} {response.reason_phrase}", headers)
            return (bytes(response.body),)
        under_gunicorn = "gunicorn.socket" in environ
        self._socket = _socket_of(environ)
        self._socket.settimeout(None)
        self._decrypted = getattr(self._socket, "pending", None)
        try:
            self._write(response.serialize())
            # Whoever called holds it for as long as the connection lasts.
            environ.clear()
            self._handler(self)
        finally:
            self._finish()
        if under_gunicorn:
            # So gunicorn is told that the connection speaks HTTP no more.
            raise StopIteration
        return ()

    def wait(self) -> str | bytes | None:
        """Return the next message, or None once the connection is closed."""
        if self._messages and monotonic() - self._turn_began > TURN:
            gevent.sleep(0)
            self._turn_began = monotonic()
        while not self._messages and self._is_open:
            self._receive()
            self._turn_began = monotonic()
        return self._messages.pop(0) if self._messages else None

    def write(self, frames: bytes) -> None:
        """Send whole frames that are ready, and wait until the peer takes them.

        Raises OSError where the connection is closed or breaks.
        """
        with self._writing:
            if not self._is_open:
                raise _closed()
            self._write_whole(frames)

    def offer(self, frames: bytes) -> bool:
        """Send whole frames that are ready if the peer takes some of them at once.

        Never waits: the rest of them follows by itself, before anything else. Tells whether
        they are sent. Raises OSError where the connection is closed or breaks.
        """
        if not self._is_open:
            raise _closed()
        if self._decrypted is not None or not self._writing.acquire(blocking=False):
            # To send with TLS may wait.
            return False
        sent = 0
        try:
            sent = self._socket.send(frames, 0, 0.0)  # type: ignore[call-arg]
        except BlockingIOError:
            return False
        except OSError:
            self.cut()
            raise
        finally:
            # What is half sent keeps others from writing until it is whole.
            if sent in (0, len(frames)):
                self._writing.release()
        if sent < len(frames):
            gevent.spawn(self._write_rest, frames[sent:])
        return True

    def close(self) -> None:
        """Start the closing handshake; `wait` returns None within `CLOSE_TIMEOUT` seconds."""
        self.end_soon()
        if self._is_open:
            self._is_open = False
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
            with suppress(OSError):
                self._flush()

    def end_soon(self) -> None:
        """Have the connection cut off unless it has closed within `CLOSE_TIMEOUT` seconds."""
        if self._deadline is None:
            self._deadline = gevent.spawn_later(CLOSE_TIMEOUT, self.cut)

    def cut(self) -> None:
        """End the connection at once, and wake whoever reads from it or writes to it."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _receive(self) -> None:
        """Read, once there is something.

        First others have their turn: a peer with much to say must not have the hub to itself,
        and of most there is hardly ever something yet, so that to read first would be in vain.
        """
        try:
            if self._decrypted is None or not self._decrypted():
                wait(self._socket._read_event)  # type: ignore[attr-defined]
            data = self._socket.recv(RECEIVE_BYTES)
        except OSError:
            data = b""
        if not data:
            self._is_open = False
            self.cut()
            self._protocol.receive_eof()
            return
        try:
            frames = self._take(data)
        except UnicodeDecodeError:
            self._is_open = False
            self._protocol.fail(CloseCode.INVALID_DATA)
            frames = 1
        if self._protocol.writes:
            with suppress(OSError):
                self._flush()
        if delay := self._pace.owe(frames):
            gevent.sleep(delay)

    def _take(self, data: bytes) -> int:
        """Take what has arrived, and return how many frames were whole with it.

        Whole messages in one frame, which nearly all are, are read here; other frames are
        the protocol's, which is told of whole ones as long as all goes well. Raises
        UnicodeDecodeError.
        """
        if not self._is_plain:
            return self._take_any(data)
        if self._unread:
            self._unread += data
            if len(self._unread) < self._wanted:
                return 0
            data = bytes(self._unread)
            self._unread.clear()
            self._wanted = 0
        at, end, frames = 0, len(data), 0
        # RFC 6455, section 5.2.
        while end - at >= 2:
            # What is not masked has a length below zero here.
            head, length = data[at], data[at + 1] - _MASKED
            start = at + 2
            if length > 125:
                start += 2 if length == 126 else 8
                if end < start:
                    break
                length = int.from_bytes(data[at + 2 : start], "big")
            is_message = head in _WHOLE_MESSAGES
            most = self._max_size if is_message else _MOST_IN_CONTROL
            if not 0 <= length <= most or not (is_message or head in _CONTROL):
                self._is_plain = False
                return frames + self._take_any(data[at:])
            stop = start + 4 + length
            if end < stop:
                self._wanted = stop - at
                break
            if is_message:
                payload = apply_mask(data[start + 4 : stop], data[start : start + 4])
                self._messages.append(payload if head & 0x0F == Opcode.BINARY else payload.decode())
            else:
                self._take_any(data[at:stop])
            at, frames = stop, frames + 1
        if at < end:
            self._unread += data[at:]
        return frames

    def _take_any(self, data: bytes) -> int:
        self._protocol.receive_data(data)
        self._is_open = self._protocol.state is State.OPEN
        frames = self._protocol.events_received()
        for event in frames:
            if isinstance(event, Frame):
                self._collect(event)
        return len(frames)

    def _collect(self, frame: Frame) -> None:
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        if frame.opcode is not Opcode.CONT:
            self._is_text = frame.opcode is Opcode.TEXT
        payload = frame.data
        if self._fragments or not frame.fin:
            self._fragments += payload
            if not frame.fin:
                return
            payload, self._fragments = self._fragments, bytearray()
        self._messages.append(str(payload, "utf-8") if self._is_text else bytes(payload))

    def _flush(self) -> None:
        """Write what the protocol has to send: frames of several senders leave in one call."""
        with self._writing:
            frames = self._protocol.data_to_send()
            if data := b"".join(frames):
                self._write_whole(data)
            if SEND_EOF in frames:
                self._socket.shutdown(socket.SHUT_WR)

    def _write_rest(self, rest: bytes) -> None:
        try:
            with suppress(OSError):
                self._write_whole(rest)
        finally:
            self._writing.release()

    def _write_whole(self, data: bytes) -> None:
        try:
            self._write(data)
        except OSError:
            # Part of a frame may have left: nothing after it would make sense.
            self.cut()
            raise

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                self._offered_at = monotonic()
                rest = rest[self._socket.send(rest) :]
        finally:
            self._offered_at = 0.0

    def _finish(self) -> None:
        """Close, and read on until the peer has closed too: unread data would reset the
        connection, and with it lose the close frame and what was sent before it."""
        self.close()
        while self._protocol.state is not State.CLOSED:
            self._receive()
            self._messages.clear()
        if self._deadline is not None:
            self._deadline.kill(block=False)


def _closed() -> OSError:
    return OSError("the WebSocket is closed")


def _request(environ: WSGIEnvironment) -> Request:
    headers = Headers()
    for name in _HANDSHAKE_HEADERS:
        value = environ.get(f"HTTP_{name.upper().replace('-', '_')}")
        if value is not None:
            headers[name] = value
    return Request(
        environ["PATH_INFO"], headers, environ["REQUEST_METHOD"], environ["SERVER_PROTOCOL"]
    )


def _socket_of(environ: WSGIEnvironment) -> Any:
    if "gunicorn.socket" in environ:
        client = environ["gunicorn.socket"]
        return client.socket if isinstance(client, Client) else client
    # pywsgi gives a request that asks for an upgrade the buffered reader of its socket.
    return environ["wsgi.input"].raw._sock
