"""Socket.IO packets: the JSON in them, and which of those that clients send are taken."""

from __future__ import annotations

import re
from typing import Any

import orjson
from socketio import packet

from ..core import json

MAX_ATTACHMENTS = 10
MAX_DEPTH = 254
"""How many levels of JSON can be written again to others: orjson's own bound."""

RESERVED_EVENTS = frozenset({"connect", "disconnect", "*"})
"""Names that python-socketio gives a meaning of its own, and that no client may send."""

# The head of an event: how many attachments it has, in which namespace it is, and the number
# that it is acknowledged by.
EVENT_HEAD = re.compile(
    r"(?:2|5(?P<attachments>\d{1,10})-)(?:(?P<namespace>/[^,\[]*),)?(?P<id>\d{0,100})",
    re.ASCII,
)

# Of that number, where it is read at one go.
MAX_ID_DIGITS = 15


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


class UnreadableError(ValueError):
    """A packet that is refused; `packet` knows what its head says, as far as it has one."""

    def __init__(self, unreadable: Packet, reason: Exception) -> None:
        super().__init__(str(reason))
        self.packet = unreadable


class Packet(packet.Packet):  # type: ignore[misc]
    """A Socket.IO packet that is well formed once decoded, or else raises UnreadableError.

    An event is a list that starts with its name, an acknowledgement a list, the payload of
    a connection an object or None; each attachment has exactly one place.
    """

    def decode(self, encoded_packet: object) -> int:
        try:
            return self._decode(encoded_packet)
        except ValueError as error:
            raise UnreadableError(self, error) from error

    def _decode(self, encoded_packet: object) -> int:
        if not isinstance(encoded_packet, str):
            raise ValueError("a packet starts as text")  # noqa: TRY004 - refused as any other is
        attachments = self._read_event(encoded_packet)
        if attachments is None:
            attachments = super().decode(encoded_packet)
        if not self._is_well_formed(attachments):
            raise ValueError("not a packet that a client may send")
        if encoded_packet.count("[") + encoded_packet.count("{") > MAX_DEPTH:
            try:
                orjson.dumps(self.data)
            except TypeError as error:
                raise ValueError("nested too deep to be sent on") from error
        return attachments

    def _read_event(self, text: str) -> int | None:
        """Read an event, which nearly all packets are, at one go; returns its attachments' number.

        None, and nothing read, for all that is not plainly one. Raises ValueError.
        """
        head = EVENT_HEAD.match(text)
        if head is None or head.end() == len(text) or len(head["id"]) > MAX_ID_DIGITS:
            return None
        attachments, namespace, number = head.groups()
        if namespace and "?" in namespace:
            return None
        # The head first: whoever sent what cannot be read is answered by it.
        self.packet_type = packet.BINARY_EVENT if attachments else packet.EVENT
        self.namespace = namespace
        self.id = int(number) if number else None
        self.data = PacketJSON.loads(text[head.end() :])
        return int(attachments or 0)

    def _is_well_formed(self, attachments: int) -> bool:
        if self.packet_type == packet.EVENT and not attachments:
            return _is_event(self.data)
        binary = self.packet_type in (packet.BINARY_EVENT, packet.BINARY_ACK)
        if binary != (0 < attachments <= MAX_ATTACHMENTS):
            return False
        match self.packet_type, self.data:
            case packet.BINARY_EVENT, data:
                return _is_event(data)
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


def _is_event(data: object) -> bool:
    """Tell whether `data` is a list that starts with a name that a client may use."""
    if not isinstance(data, list) or not data:
        return False
    return isinstance(data[0], str) and data[0] not in RESERVED_EVENTS
