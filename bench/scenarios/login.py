"""4: what rooms notice of 8 clients who log in without pause."""

from __future__ import annotations

from typing import Any

from ..arena import Arena
from ..figures import Figure
from ..sides import Side
from ..world import PASSWORD, World
from .outcome import checked

ROOMS = 20
PER_ROOM = 5  # signals a second
CLIENTS = 8


def login(arena: Arena) -> list[Figure]:
    world = World(people=ROOMS, live=ROOMS)
    accounts = [person["email"] for person in world.candidates[:CLIENTS]]
    logins = {
        "method": "POST",
        "path": "/api/auth/login",
        "connections": CLIENTS,
        "bodies": [{"email": email, "password": PASSWORD} for email in accounts],
    }
    with arena.pair(world) as sides:
        sides[0].log_in(world)

        def measure(side: Side, calls: list[dict[str, Any]]) -> dict[str, Any]:
            rooms = [side.seats(world, room, watched=False) for room in world.rooms]
            load = {"interviews": rooms, "rates": {"signal": PER_ROOM}}
            times = {"warmup": arena.warmup, "seconds": arena.seconds}
            return checked(side, side.drive("load", **times, rooms=[load], calls=calls))

        idle = arena.in_turn(sides, lambda side: measure(side, []))
        busy = arena.in_turn(sides, lambda side: measure(side, [logins]))
    rates = [[found["calls"][0]["done"] / found["seconds"] for found in side] for side in busy]
    return [
        Figure(4, "relay p99 with nobody logging in", "ms", [*map(_p99, idle)]),
        Figure(4, "relay p99 while 8 log in", "ms", [*map(_p99, busy)], target=0.1),
        Figure(4, "logins a second", "/s", rates, target=1.5, at_least=True),
    ]


def _p99(founds: list[dict[str, Any]]) -> list[float]:
    return [found["rooms"][0]["p99"] for found in founds]
