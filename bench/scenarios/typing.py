"""2: a recorded session typed in rooms with two watchers."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from ..arena import Arena
from ..figures import Figure, Judged
from ..sides import Side
from ..world import World
from .outcome import checked, driver_note

ROOMS = 20
KIB = 1024


def typing(arena: Arena) -> list[Figure]:
    return [*_typed(arena, "typing", 0, 25, 0.7), *_typed(arena, "typing in 64 KiB", 64, 20, 0.25)]


def _typed(arena: Arena, name: str, kib: int, per_room: float, target: float) -> list[Figure]:
    """Measure `per_room` edits a second in each room."""
    world = World(people=ROOMS, live=ROOMS)
    stored = []
    with arena.pair(world) as sides:
        sides[0].log_in(world)

        def measure(side: Side) -> dict[str, Any]:
            rooms = [side.seats(world, room, watched=True) for room in world.rooms]
            load = {"interviews": rooms, "rates": {"edit": per_room}, "pad": kib * KIB}
            found = side.drive("load", warmup=arena.warmup, seconds=arena.seconds, rooms=[load])
            checked(side, found)
            if side.keeps:
                stored.append(_stored(side, world, found["rooms"][0]["texts"]))
            return found

        ours, peer = arena.in_turn(sides, measure)
    cpu = [
        [1e6 * found["cpu"] / found["rooms"][0]["done"] for found in side] for side in (ours, peer)
    ]
    sent = [
        [found["rooms"][0]["received"] / found["rooms"][0]["done"] for found in side]
        for side in (ours, peer)
    ]
    note = driver_note(*ours, *peer)
    return [
        Figure(2, f"{name}: CPU an edit", "us", cpu, target=target, note=note),
        Figure(2, f"{name}: sent an edit", "B", sent, target=1 / 50),
        Figure(2, f"{name}: texts stored whole", "share", [stored], 1.0, Judged.VALUE, True),
    ]


def _stored(side: Side, world: World, texts: dict[str, str]) -> float:
    """Return the share of `texts`, hashes by interview, that the service has stored."""
    same = 0
    for interview, digest in texts.items():
        code = side.get(f"/api/interviews/{interview}/code", world.admin["email"])["text"]
        same += sha256(code.encode()).hexdigest() == digest
    return same / len(texts)
