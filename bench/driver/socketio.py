"""A Socket.IO client that speaks WebSocket and Engine.IO frames directly (RFC 6455; both at
protocol versions 4 and 5), on the namespace `/interview`."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import orjson
from websockets.speedups import apply_mask

from .loop import Loop
from .stream import Stream
from .target import Target

NAMESPACE = b"/interview,"

_TEXT, _BINARY, _CLOSE = 1, 2, 8
_ACKNOWLEDGEMENT = re.compile(rb"4[36](?:\d+-)?/interview,(\d+)\[")

# Text, then the attachments that belong to it.
Packet = tuple[bytes, list[bytes]]


class RefusedError(Exception):
    """What the service said instead of yes."""


class Client:
    """One socket. It waits for what it asks for; from `run_in` on, packets go to a callback."""

    def __init__(self, target: Target) -> None:
        self._stream = Stream(target.address)
        self._stream.send(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
            b"Host: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            % target.host_header
        )
        self._buffer = b""
        self._attachments: tuple[bytes, int, list[bytes]] | None = None
        self._arrived: deque[Packet] = deque()
        self._numbers = count()
        self._hear: Callable[[Packet], None] = self._arrived.append
        self.unacknowledged = 0
        self.refusals: list[bytes] = []

    @property
    def received(self) -> int:
        """Bytes that the server has sent, frames and all."""
        return self._stream.received

    def enter(self, token: str | None) -> None:
        """Ask to be let into the namespace, once the connection is upgraded."""
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += self._stream.receive()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            raise RefusedError(head.decode())
        self.write(b"40" + NAMESPACE + (orjson.dumps({"token": token}) if token else b""))

    def await_entry(self) -> str:
        """Wait until the namespace lets this socket in, and return its id there."""
        packet, _ = self.await_packet(lambda text: text.startswith(b"4") and NAMESPACE in text)
        if not packet.startswith(b"40"):
            raise RefusedError(packet.decode())
        return str(orjson.loads(packet.removeprefix(b"40" + NAMESPACE))["sid"])

    def await_packet(self, wanted: Callable[[bytes], bool]) -> Packet:
        """Wait for a packet whose text is `wanted`, passing over others."""
        while True:
            while self._arrived:
                packet = self._arrived.popleft()
                if wanted(packet[0]):
                    return packet
            self._take(self._stream.receive())

    def ask(self, event: str, data: Any) -> int:
        """Send an event, and return the number that it is acknowledged with."""
        number = next(self._numbers)
        self.write(b"42" + NAMESPACE + b"%d" % number + orjson.dumps([event, data]))
        return number

    def answer(self, number: int) -> tuple[dict[str, Any], list[bytes]]:
        """Wait for an acknowledgement. Raises `RefusedError` for one that says no."""
        head = re.compile(rb"4[36](?:\d+-)?/interview,%d\[" % number)
        text, attachments = self.await_packet(lambda text: head.match(text) is not None)
        (told,) = orjson.loads(text[text.index(b"[") :])
        if not told["ok"]:
            raise RefusedError(text.decode())
        return told, attachments

    def run_in(self, loop: Loop, hear: Callable[[Packet], None]) -> None:
        """Never wait again: have `hear` called with what arrives but acknowledgements."""
        self._arrived.clear()
        self._hear = hear
        self._stream.run_in(loop, self._take)

    def emit(self, packet: bytes, *attachments: bytes, acknowledged: bool = False) -> None:
        """Send an event whose text, from the bracket on, is ready: `["signal",{...}]`."""
        kind = b"45%d-" % len(attachments) if attachments else b"42"
        number = b""
        if acknowledged:
            number = b"%d" % next(self._numbers)
            self.unacknowledged += 1
        frames = _frame(_TEXT, kind + NAMESPACE + number + packet)
        for attachment in attachments:
            frames += _frame(_BINARY, attachment)
        self._stream.send(frames)

    def write(self, text: bytes) -> None:
        self._stream.send(_frame(_TEXT, text))

    def close(self) -> None:
        self._stream.close()

    def _take(self, data: bytes) -> None:
        for opcode, payload in self._frames(data):
            if opcode == _BINARY and self._attachments:
                text, missing, attachments = self._attachments
                attachments.append(payload)
                if len(attachments) == missing:
                    self._attachments = None
                    self._pass(text, attachments)
            elif opcode == _CLOSE:
                raise RefusedError(f"closed: {payload!r}")
            elif payload == b"2":
                self.write(b"3")
            elif payload[:2] in (b"45", b"46"):
                self._attachments = payload, int(payload[2 : payload.index(b"-")]), []
            else:
                self._pass(payload, [])

    def _pass(self, text: bytes, attachments: list[bytes]) -> None:
        if self.unacknowledged and _ACKNOWLEDGEMENT.match(text):
            self.unacknowledged -= 1
            if b'"ok":true' not in text:
                self.refusals.append(text)
        else:
            self._hear((text, attachments))

    def _frames(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield opcode and payload of each whole frame; servers neither mask nor split them."""
        buffer = self._buffer + data if self._buffer else data
        at, end = 0, len(buffer)
        while end - at >= 2:
            length, start = buffer[at + 1], at + 2
            if length > 125:
                start += 2 if length == 126 else 8
                if end < start:
                    break
                length = int.from_bytes(buffer[at + 2 : start], "big")
            if end < start + length:
                break
            yield buffer[at] & 15, buffer[start : start + length]
            at = start + length
        self._buffer = buffer[at:]


def _frame(opcode: int, payload: bytes) -> bytes:
    length, mask = len(payload), os.urandom(4)
    if length < 126:
        head = bytes((128 | opcode, 128 | length))
    elif length < 65536:
        head = bytes((128 | opcode, 128 | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((128 | opcode, 128 | 127)) + length.to_bytes(8, "big")
    return head + mask + apply_mask(payload, mask)
