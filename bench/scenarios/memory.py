"""7: what idle connections hold, and how soon the service answers."""

from __future__ import annotations

from itertools import pairwise

from ..arena import Arena
from ..figures import Figure, Judged
from ..sides import Side
from ..world import World

CONNECTIONS = 5_000
STEPS = 5
KB = 1024


def memory(arena: Arena) -> list[Figure]:
    connections = 500 if arena.quick else CONNECTIONS
    world = World(people=50, live=connections // 2)
    with arena.pair(world) as sides:
        sides[0].log_in(world)
        found = [side.drive("crowd", seats=_everybody(side, world), steps=STEPS) for side in sides]

        def start(side: Side) -> float:
            side.stop()
            side.start()
            return side.started_in

        starts = arena.in_turn(sides, start)
    each = [
        [(after[0] - before[0]) / KB / told["step"] for before, after in pairwise(told["sizes"])]
        for told in found
    ]
    empty = [[told["sizes"][0][0] / KB / KB] for told in found]
    held = [[float(told["held"])] for told in found]
    return [
        Figure(7, "an idle connection in a room", "KB", each, 30, Judged.DIFFERENCE),
        Figure(7, "connections held", "", held, connections, Judged.VALUE, at_least=True),
        Figure(7, "before the first connection", "MB", empty),
        Figure(7, "start to first answer", "s", starts, 2.0, Judged.VALUE),
    ]


def _everybody(side: Side, world: World) -> list[tuple[str, str, str | None]]:
    rooms = [side.seats(world, room, watched=False) for room in world.rooms]
    return [(room["id"], role, token) for room in rooms for role, token in room["seats"]]
