"""What waits to be sent to one client, which may not read it."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

from engineio.packet import Packet

MAX_PACKETS = 4096
MAX_BYTES = 4 * 1024 * 1024

BATCH_BYTES = 64 * 1024
"""About how much is written at a time, so that little is held twice."""

DROPPABLE = frozenset({"awareness", "dashboard", "eyeTracking", "position"})
"""Events that go first where a client reads too slowly: the next one makes up for them."""

# A Socket.IO event: how many attachments follow, in which namespace, and its name.
_EVENT = re.compile(r'[25](?:(\d+)-)?(?:/[^,\[]*,)?\d*\["(\w+)"')


class Outbox:
    """Packets in the order sent, at most `MAX_PACKETS` of `MAX_BYTES` of memory together.

    From half of either on, droppable events are left out. What is taken counts until it is
    `sent`. A single packet is taken whatever its size, if nothing else waits.
    """

    __slots__ = ("_bytes", "_dropping", "_packets", "_taken")

    def __init__(self) -> None:
        # A list, since most of these are empty most of the time.
        self._packets: list[Packet] = []
        self._bytes = 0
        self._taken = 0
        # Attachments to come of an event that was left out.
        self._dropping = 0

    def __bool__(self) -> bool:
        return bool(self._packets)

    def put(self, packet: Packet) -> bool:
        """Add a packet; False where there is no room for it."""
        size = sys.getsizeof(packet.data)
        waiting = len(self._packets) + self._taken
        if self._dropping and packet.binary:
            self._dropping -= 1
            return True
        crowded = 2 * waiting >= MAX_PACKETS or 2 * (self._bytes + size) >= MAX_BYTES
        if waiting and crowded:
            if self._drops(packet.data):
                return True
            if waiting >= MAX_PACKETS or self._bytes + size > MAX_BYTES:
                return False
        self._bytes += size
        self._packets.append(packet)
        return True

    def take(self, most_bytes: int = MAX_BYTES) -> list[Packet]:
        """Take out the first packets, at least one and about `most_bytes`, if there are any."""
        count = size = 0
        for packet in self._packets:
            if size >= most_bytes:
                break
            size += sys.getsizeof(packet.data)
            count += 1
        taken = self._packets[:count]
        del self._packets[:count]
        self._taken += count
        return taken

    def sent(self, packets: Sequence[Packet]) -> None:
        """Make room: `packets`, taken before, have left the process."""
        self._taken -= len(packets)
        self._bytes -= sum(sys.getsizeof(packet.data) for packet in packets)

    def _drops(self, data: Any) -> bool:
        match = _EVENT.match(data) if isinstance(data, str) else None
        if match is None or match[2] not in DROPPABLE:
            return False
        self._dropping = int(match[1] or 0)
        return True
