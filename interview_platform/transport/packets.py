"""Socket.IO packets that are no events: which of those that clients send are taken."""

from __future__ import annotations

import re
from typing import Any

import orjson
from socketio import packet

from ..core import json

# The name of a namespace, whole: that a query may follow it was a rule of version 4 of the
# protocol, which python-socketio keeps and clients of version 5 do not.
_NAMESPACE = re.compile(r"\d(?:\d+-)?(/[^,]*)", re.ASCII)


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


class UnreadableConnectError(ValueError):
    """A connection to `namespace` with a payload that is refused."""

    def __init__(self, namespace: str | None, reason: Exception) -> None:
        super().__init__(str(reason))
        self.namespace = namespace


class Packet(packet.Packet):  # type: ignore[misc]
    """A Socket.IO packet that is no event, and well formed once decoded.

    The payload of a connection is an object or None, an acknowledgement a list.
    """

    def decode(self, encoded_packet: str) -> int:
        """Read the packet. Raises ValueError, UnreadableConnectError for a connection."""
        try:
            attachments = int(super().decode(encoded_packet))
            if attachments or not self._is_well_formed():
                raise ValueError("not a packet that a client may send")
        except ValueError as error:
            if self.packet_type == packet.CONNECT:
                raise UnreadableConnectError(_namespace_of(encoded_packet), error) from error
            raise
        self.namespace = _namespace_of(encoded_packet)
        return attachments

    def _is_well_formed(self) -> bool:
        match self.packet_type, self.data:
            case packet.CONNECT, (None | {}):
                return True
            case packet.DISCONNECT, None:
                return True
            case packet.ACK, [*_]:
                return self.id is not None
        return False


def _namespace_of(encoded_packet: str) -> str | None:
    match = _NAMESPACE.match(encoded_packet)
    return match[1] if match else None
