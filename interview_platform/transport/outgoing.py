"""What is sent to clients, encoded once for all who get it.

Packets of Socket.IO 5 (github.com/socketio/socket.io-protocol) in messages of Engine.IO 4
(github.com/socketio/engine.io-protocol), in frames of WebSocket (RFC 6455, section 5.2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import orjson
from engineio.packet import MESSAGE, PING, Packet

from ..core import json

_TEXT, _BINARY = 0x81, 0x82

# An Engine.IO message, and in it a Socket.IO event or acknowledgement, without attachments
# and with some.
_EVENT, _BINARY_EVENT = b"42", b"45%d-"
_ACK, _BINARY_ACK = b"43", b"46%d-"


class Outgoing:
    """A text, and the attachments that belong to it."""

    __slots__ = ("attachments", "frames", "text")

    def __init__(self, text: bytes, attachments: Sequence[bytes] = ()) -> None:
        self.text = text
        self.attachments = attachments
        # As a WebSocket carries it.
        self.frames = _frame(_TEXT, text) if text else b""
        if attachments:
            self.frames += b"".join([_frame(_BINARY, each) for each in attachments])

    @classmethod
    def event(cls, namespace: str, name: str, data: Any) -> Outgoing:
        """Make the packet of an event. Raises TypeError for what JSON cannot say."""
        return _packet(_EVENT, _BINARY_EVENT, b"%b," % namespace.encode(), [name, data])

    @classmethod
    def acknowledgement(cls, namespace: str, number: int, answer: object) -> Outgoing:
        """Make the packet that acknowledges the event of this `number`; None says nothing."""
        head = b"%d" % number if namespace == "/" else b"%b,%d" % (namespace.encode(), number)
        return _packet(_ACK, _BINARY_ACK, head, [] if answer is None else [answer])

    @classmethod
    def of(cls, packet: Packet) -> Outgoing:
        """Make what Engine.IO itself sends, and Socket.IO at the beginning and the end."""
        encoded = packet.encode()
        return cls(b"", [encoded]) if isinstance(encoded, bytes) else cls(encoded.encode())

    @property
    def size(self) -> int:
        """About what it takes while it waits, in bytes."""
        return 128 + len(self.frames)

    @property
    def packets(self) -> list[Packet]:
        """As long polling carries it."""
        packets = [Packet(MESSAGE, attachment) for attachment in self.attachments]
        if self.text:
            packets.insert(0, Packet(int(self.text[:1]), self.text[1:].decode()))
        return packets


class Put(Protocol):
    """Sends something to a client, soon; never waits.

    Where that holds PINGs, each of `answered` is called with the answer to one, in order. These
    must not wait either.
    """

    def __call__(self, outgoing: Outgoing, /, *answered: Callable[[], None]) -> None: ...


class BetweenPings(Outgoing):
    """The same with a PING before and after it, in one piece.

    Clients answer each PING with a PONG, in order: the two answers tell before and after which
    of their messages they received it.
    """

    __slots__ = ()

    def __init__(self, outgoing: Outgoing) -> None:
        self.text = outgoing.text
        self.attachments = outgoing.attachments
        self.frames = ASK.frames + outgoing.frames + ASK.frames

    @property
    def packets(self) -> list[Packet]:
        return [*ASK.packets, *super().packets, *ASK.packets]


def _packet(plain: bytes, binary: bytes, head: bytes, content: list[Any]) -> Outgoing:
    attachments: list[bytes] = []

    def spell(value: Any) -> Any:
        if isinstance(value, bytes | bytearray | memoryview):
            attachments.append(bytes(value))
            return {"_placeholder": True, "num": len(attachments) - 1}
        return json.spell(value)

    body = orjson.dumps(content, default=spell, option=orjson.OPT_PASSTHROUGH_DATETIME)
    kind = binary % len(attachments) if attachments else plain
    return Outgoing(kind + head + body, attachments)


def _frame(opcode: int, payload: bytes) -> bytes:
    """Make a frame that is whole and, as a server's, not masked."""
    length = len(payload)
    if length < 126:
        return bytes((opcode, length)) + payload
    if length < 65_536:
        return b"%c\x7e%b%b" % (opcode, length.to_bytes(2, "big"), payload)
    return b"%c\x7f%b%b" % (opcode, length.to_bytes(8, "big"), payload)


ASK = Outgoing.of(Packet(PING))
"""A PING, which a client answers with a PONG."""
