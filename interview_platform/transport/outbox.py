"""What waits to be sent to one client, which may not read it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from .outgoing import Outgoing

MAX_PACKETS = 4096
MAX_BYTES = 4 * 1024 * 1024

BATCH_BYTES = 64 * 1024
"""About how much is written at a time, so that little is held twice."""

# A Socket.IO event: how many attachments follow, in which namespace, and its name.
_EVENT = re.compile(rb'4[25](?:\d+-)?(?:/[^,\[]*,)?\["(\w+)"')


class Outbox:
    """Packets in the order sent, at most `MAX_PACKETS` of `MAX_BYTES` of memory together.

    From half of either on, events whose names are `droppable` are left out. What is taken
    counts until it is `sent`. A single packet is taken whatever its size, if nothing else waits.
    """

    __slots__ = ("_bytes", "_droppable", "_taken", "packets")

    def __init__(self, droppable: Collection[str] = ()) -> None:
        self._droppable = droppable
        # A list, since most of these are empty most of the time.
        self.packets: list[Outgoing] = []
        self._bytes = 0
        self._taken = 0

    def put(self, packet: Outgoing) -> bool:
        """Add a packet; False where there is no room for it."""
        size = packet.size
        waiting = len(self.packets) + self._taken
        crowded = 2 * waiting >= MAX_PACKETS or 2 * (self._bytes + size) >= MAX_BYTES
        if waiting and crowded:
            if _event(packet) in self._droppable:
                return True
            if waiting >= MAX_PACKETS or self._bytes + size > MAX_BYTES:
                return False
        self._bytes += size
        self.packets.append(packet)
        return True

    def take(self, most_bytes: int = MAX_BYTES) -> list[Outgoing]:
        """Take out the first packets, at least one and about `most_bytes`, if there are any."""
        count = size = 0
        for packet in self.packets:
            if size >= most_bytes:
                break
            size += packet.size
            count += 1
        taken = self.packets[:count]
        del self.packets[:count]
        self._taken += count
        return taken

    def sent(self, packets: Sequence[Outgoing]) -> None:
        """Make room: `packets`, taken before, have left the process."""
        self._taken -= len(packets)
        self._bytes -= sum(packet.size for packet in packets)


def _event(packet: Outgoing) -> str | None:
    match = _EVENT.match(packet.text)
    return match[1].decode() if match else None
