"""5: REST calls, from four connections that call without pause."""

from __future__ import annotations

from itertools import count
from typing import Any

from ..arena import Arena
from ..figures import Figure, Judged
from ..sides import Side
from ..world import World
from .outcome import checked

PEOPLE = 50
CONNECTIONS = 4
BOOKINGS = 4_000
"""Bodies made for one round: more than either side takes."""


def rest(arena: Arena) -> list[Figure]:
    world = World(people=PEOPLE, scheduled=PEOPLE)
    booked = count()
    # Booking comes last, since the lists grow by it.
    calls = (
        ("GET", "/api/admin/candidates", world.admin, 0.6),
        ("GET", "/api/admin/interviews", world.admin, 0.6),
        ("GET", "/api/candidates/me", world.candidates[0], 0.8),
        ("GET", "/health", None, 1.0),
        ("POST", "/api/admin/interviews", world.admin, 1.0),
    )
    figures = []
    with arena.pair(world) as sides:
        for method, path, caller, target in calls:

            def measure(
                side: Side,
                connections: int = CONNECTIONS,
                method: str = method,
                path: str = path,
                caller: dict[str, Any] | None = caller,
            ) -> dict[str, Any]:
                call: dict[str, Any] = {"method": method, "path": path, "connections": connections}
                if caller:
                    call["token"] = side.token(caller["email"])
                if method == "POST":
                    call["bodies"] = [world.booking(next(booked)) for _ in range(BOOKINGS)]
                seconds = arena.seconds / 2
                found = side.drive("load", warmup=seconds / 2, seconds=seconds, calls=[call])
                return checked(side, found)

            ours, peer = arena.in_turn(sides, measure)
            name = f"{method} {path}"
            figures.append(Figure(5, f"{name}: CPU", "us", [_cpu(ours), _cpu(peer)], target))
            if path == "/health":
                ours, peer = arena.in_turn(sides, lambda side: measure(side, 1))
                p50 = [[found["calls"][0]["p50"] for found in founds] for founds in (ours, peer)]
                alone = f"{name}: p50 of one connection"
                figures.append(Figure(5, alone, "ms", p50, target=2.0, judged=Judged.VALUE))
    return figures


def _cpu(founds: list[dict[str, Any]]) -> list[float]:
    return [1e6 * found["cpu"] / found["calls"][0]["done"] for found in founds]
