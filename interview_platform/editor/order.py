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
    ends = _ends_in_this_order(structs, clocks)
    if ends is None:
        ends, _ = _in_another_order(structs, clocks)
    return ends


def in_order(structs: Sequence[Struct], clocks: Mapping[int, int]) -> Sequence[Struct] | None:
    """Return `structs` in an order in which each rests on those before it and on what is known.

    `clocks` says what is known, as in `ends_with`. None where there is no such order.
    """
    if _ends_in_this_order(structs, clocks) is not None:
        return structs
    ends, taken = _in_another_order(structs, clocks)
    return None if ends is None else taken


def _ends_in_this_order(
    structs: Sequence[Struct], clocks: Mapping[int, int]
) -> dict[int, int] | None:
    ends: dict[int, int] = {}
    for client, clock, length, _, left, right in structs:
        end = ends.get(client) or clocks.get(client, 0)
        if (
            clock > end
            or (left and left[1] >= (ends.get(left[0]) or clocks.get(left[0], 0)))
            or (right and right[1] >= (ends.get(right[0]) or clocks.get(right[0], 0)))
        ):
            return None
        ends[client] = max(end, clock + length)
    return ends


def _in_another_order(
    structs: Sequence[Struct], clocks: Mapping[int, int]
) -> tuple[dict[int, int] | None, list[Struct]]:
    """Return what `ends_with` does, and the structs that can be taken, in order."""
    queues: dict[int, deque[Struct]] = defaultdict(deque)
    for struct in structs:
        queues[struct.client].append(struct)
    ends = {client: clocks.get(client, 0) for client in queues}
    taken: list[Struct] = []

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
                return None, taken
            if lacking := missing(struct):
                heappush(waiting[lacking[0]], (lacking[1], client))
                break
            taken.append(queue.popleft())
            ends[client] = max(ends[client], struct.clock + struct.length)
        heap = waiting[client]
        while heap and heap[0][0] < ends[client]:
            ready.append(heappop(heap)[1])
    return (None if any(queues.values()) else ends), taken
