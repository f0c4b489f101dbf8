"""Whether all that an update's structs rest on is there, in an order in which they can be taken."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush

from .update import Struct


def ends_with(structs: Sequence[Struct], clocks: Mapping[int, int]) -> dict[int, int] | None:
    """Return, by client, the clock that follows all that is known once `structs` are taken.

    `clocks` says so of what is known before, and the clients that `structs` do not name are
    left out. None where a struct rests on something that is neither known nor among them:
    what its client wrote before it, or the characters beside it.
    """
    ends: dict[int, int] = {}
    for client, clock, length, _, left, right in structs:
        end = ends.get(client) or clocks.get(client, 0)
        if (
            clock > end
            or (left and left[1] >= (ends.get(left[0]) or clocks.get(left[0], 0)))
            or (right and right[1] >= (ends.get(right[0]) or clocks.get(right[0], 0)))
        ):
            return _ends_in_another_order(structs, clocks)
        ends[client] = max(end, clock + length)
    return ends


def _ends_in_another_order(
    structs: Sequence[Struct], clocks: Mapping[int, int]
) -> dict[int, int] | None:
    queues: dict[int, deque[Struct]] = defaultdict(deque)
    for struct in structs:
        queues[struct.client].append(struct)
    ends = {client: clocks.get(client, 0) for client in queues}

    def missing(struct: Struct) -> tuple[int, int] | None:
        for neighbour in (struct.left, struct.right):
            if neighbour:
                client, clock = neighbour
                if clock >= ends.get(client, clocks.get(client, 0)):
                    return neighbour
        return None

    # By the client that they wait for: the clock that they wait for, and who waits.
    waiting: dict[int, list[tuple[int, int]]] = defaultdict(list)
    ready = list(queues)
    while ready:
        client = ready.pop()
        queue = queues[client]
        while queue:
            struct = queue[0]
            if struct.clock > ends[client]:
                return None
            if lacking := missing(struct):
                heappush(waiting[lacking[0]], (lacking[1], client))
                break
            queue.popleft()
            ends[client] = max(ends[client], struct.clock + struct.length)
        heap = waiting[client]
        while heap and heap[0][0] < ends[client]:
            ready.append(heappop(heap)[1])
    return None if any(queues.values()) else ends
