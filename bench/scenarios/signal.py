"""1: relaying a small signal, in 20 rooms of two."""

from __future__ import annotations

from typing import Any

from ..arena import Arena
from ..figures import Figure
from ..sides import Side
from ..world import World
from .outcome import checked, driver_note

ROOMS = 20
PER_ROOM = 50  # signals a second


def signal(arena: Arena) -> list[Figure]:
    world = World(people=ROOMS, live=ROOMS)
    with arena.pair(world) as sides:
        sides[0].log_in(world)

        def measure(side: Side) -> dict[str, Any]:
            rooms = [side.seats(world, room, watched=False) for room in world.rooms]
            load = {"interviews": rooms, "rates": {"signal": PER_ROOM}}
            found = side.drive("load", warmup=arena.warmup, seconds=arena.seconds, rooms=[load])
            return checked(side, found)

        ours, peer = arena.in_turn(sides, measure)
    note = driver_note(*ours, *peer)
    return [
        Figure(1, "signal: CPU a message", "us", [_cpu(ours), _cpu(peer)], 2.0, note=note),
        Figure(1, "signal: p50", "ms", [_share(ours, "p50"), _share(peer, "p50")]),
        Figure(1, "signal: p99", "ms", [_share(ours, "p99"), _share(peer, "p99")]),
    ]


def _cpu(founds: list[dict[str, Any]]) -> list[float]:
    return [1e6 * found["cpu"] / found["rooms"][0]["done"] for found in founds]


def _share(founds: list[dict[str, Any]], share: str) -> list[float]:
    return [found["rooms"][0][share] for found in founds]
