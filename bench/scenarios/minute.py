"""3: minutes of interviews: typing, gaze, chat and signals of two, and one who watches."""

from __future__ import annotations

from typing import Any

from ..arena import Arena
from ..figures import Figure
from ..sides import Side
from ..world import World
from .outcome import checked, driver_note

INTERVIEWS = 40
MOST_INTERVIEWS = 800
PEOPLE = 50
LIMIT = 100.0  # ms

# A second. The recorded session has 18,334 keystrokes in 483 minutes with any.
RATES = {"gaze": 10.0, "edit": 38 / 60, "chat": 6 / 60, "signal": 30 / 60}


def minute(arena: Arena) -> list[Figure]:
    most = 60 if arena.quick else MOST_INTERVIEWS
    world = World(people=PEOPLE, live=most)
    with arena.pair(world) as sides:
        sides[0].log_in(world)

        def rooms(side: Side, count: int) -> dict[str, Any]:
            interviews = [side.seats(world, room, watched=True) for room in world.rooms[:count]]
            return {"interviews": interviews, "rates": RATES}

        def measure(side: Side) -> dict[str, Any]:
            times = {"warmup": arena.warmup, "seconds": arena.seconds}
            load = rooms(side, INTERVIEWS)
            return checked(side, side.drive("load", **times, rooms=[load]))

        ours, peer = arena.in_turn(sides, measure)
        found = [
            side.drive(
                "search",
                rooms=rooms(side, most),
                first=INTERVIEWS,
                limit=LIMIT,
                seconds=arena.seconds,
            )
            for side in sides
        ]
    cpu = [[_cpu_a_minute(each, arena.seconds) for each in side] for side in (ours, peer)]
    carried = [[float(each["carried"])] for each in found]
    edges = [_edge(each) for each in found]
    return [
        Figure(3, "CPU an interview minute", "ms", cpu, 0.5, note=driver_note(*ours, *peer)),
        Figure(3, "interviews at p99 < 100 ms", "", carried, note=" / ".join(edges)),
    ]


def _cpu_a_minute(found: dict[str, Any], seconds: float) -> float:
    minutes = INTERVIEWS * seconds / 60
    return float(1000 * found["cpu"] / minutes)


def _edge(found: dict[str, Any]) -> str:
    """Tell how busy server and driver were with the most interviews that were carried."""
    carried = [probe for probe in found["probes"] if probe["rooms"] == found["carried"]]
    if not carried:
        return "none"
    return f"server {carried[-1]['busy']:.0%}, driver {carried[-1]['driver']:.0%}"
