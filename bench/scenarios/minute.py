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
RATES = {"edit": 38 / 60, "chat": 6 / 60, "signal": 30 / 60}
SAMPLES = 10
# Gaze as the clients of the peer tell it, and as this service's own do.
BY_SAMPLE = {"rates": {**RATES, "gaze": SAMPLES}}
BY_SECOND = {"rates": {**RATES, "gaze": 1}, "samples": SAMPLES}


def minute(arena: Arena) -> list[Figure]:
    most = 60 if arena.quick else MOST_INTERVIEWS
    world = World(people=PEOPLE, live=most)
    with arena.pair(world) as sides:
        sides[0].log_in(world)

        def rooms(side: Side, count: int, gaze: dict[str, Any]) -> dict[str, Any]:
            interviews = [side.seats(world, room, watched=True) for room in world.rooms[:count]]
            return {"interviews": interviews, **gaze}

        def measure(side: Side) -> list[dict[str, Any]]:
            times = {"warmup": arena.warmup, "seconds": arena.seconds}
            loads = [rooms(side, INTERVIEWS, gaze) for gaze in _gaze_of(side)]
            return [checked(side, side.drive("load", **times, rooms=[load])) for load in loads]

        ours, peer = arena.in_turn(sides, measure)
        found = [
            side.drive(
                "search",
                rooms=rooms(side, most, _gaze_of(side)[0]),
                first=INTERVIEWS,
                limit=LIMIT,
                seconds=arena.seconds,
            )
            for side in sides
        ]
    cpu = [[_cpu_a_minute(each[0], arena.seconds) for each in side] for side in (ours, peer)]
    by_sample = [[_cpu_a_minute(each[-1], arena.seconds) for each in ours], cpu[1]]
    note = driver_note(*(load for side in (ours, peer) for loads in side for load in loads))
    carried = [[float(each["carried"])] for each in found]
    edges = [_edge(each) for each in found]
    return [
        Figure(3, "CPU an interview minute", "ms", cpu, 0.5, note=note),
        Figure(3, "the same, an event a sample", "ms", by_sample, 0.5),
        Figure(3, "interviews at p99 < 100 ms", "", carried, note=" / ".join(edges)),
    ]


def _gaze_of(side: Side) -> list[dict[str, Any]]:
    """Return how the clients of this side tell gaze: first its own, then older ones."""
    return [BY_SECOND, BY_SAMPLE] if side.keeps else [BY_SAMPLE]


def _cpu_a_minute(found: dict[str, Any], seconds: float) -> float:
    minutes = INTERVIEWS * seconds / 60
    return float(1000 * found["cpu"] / minutes)


def _edge(found: dict[str, Any]) -> str:
    """Tell how busy server and driver were with the most interviews that were carried."""
    carried = [probe for probe in found["probes"] if probe["rooms"] == found["carried"]]
    if not carried:
        return "none"
    return f"server {carried[-1]['busy']:.0%}, driver {carried[-1]['driver']:.0%}"
