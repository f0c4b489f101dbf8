"""8: what the service costs once there is much of everything, and over two processes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

from bson import Binary, ObjectId
from pymongo.database import Database

from interview_platform.candidates.model import index_terms

from ..arena import Arena
from ..driver.typist import Typist, YjsTypist
from ..figures import Figure
from ..sides import Ours, Side
from ..world import NOW, World, document, profile_of
from .outcome import checked
from .signal import PER_ROOM, ROOMS

Document = dict[str, Any]

FEW, MANY = 1_000, 100_000
SHORT, LONG = 500, 50_000
JOINS = 20
BATCH = 1_000
EMPTY_DOCUMENT = b"\x00\x00"


def growth(arena: Arena) -> list[Figure]:
    return [*_pages(arena), *_joins(arena), *_processes(arena)]


def _pages(arena: Arena) -> list[Figure]:
    """Compare the list of candidates where there are few, where there are many, and its end."""
    many = MANY // 20 if arena.quick else MANY
    world = World(people=2)
    admin = world.admin["email"]
    with (
        arena.side(Ours, world, write=lambda database: _fill(database, FEW)) as small_side,
        arena.side(Ours, world, write=lambda database: _fill(database, many)) as large_side,
    ):
        last = _last_page(large_side, admin)

        def measure(side: Side, path: str = "/api/admin/candidates") -> float:
            call = {"method": "GET", "path": path, "connections": 2, "token": side.token(admin)}
            seconds = arena.seconds / 2
            found = side.drive("load", warmup=seconds / 2, seconds=seconds, calls=[call])
            return float(1e6 * checked(side, found)["cpu"] / found["calls"][0]["done"])

        at_small, at_large = arena.in_turn((small_side, large_side), measure)
        (at_end,) = arena.in_turn((large_side,), lambda side: measure(side, last))
    name = f"page of candidates: {many:,} there, or {FEW:,}"
    return [
        Figure(8, name, "us", [at_large, at_small], 1.1),
        Figure(8, f"page of candidates of {many:,}: last, or first", "us", [at_end, at_large], 1.1),
    ]


def _fill(database: Database[Any], candidates: int) -> None:
    """Write so many candidates, as this service keeps them."""
    for start in range(0, candidates, BATCH):
        numbers = range(start, min(start + BATCH, candidates))
        users = [
            document(
                name=f"Ada {number}",
                email=f"ada{number}@example.com",
                passwordHash="",
                role="candidate",
                status="active",
            )
            for number in numbers
        ]
        profiles = [profile_of(user["_id"], n) for n, user in zip(numbers, users, strict=True)]
        for user, profile in zip(users, profiles, strict=True):
            profile["index"] = index_terms(user, profile)
        database["users"].insert_many(users)
        database["candidateprofiles"].insert_many(profiles)


def _last_page(side: Side, admin: str) -> str:
    """Return the path of the last whole page of 50."""
    path = first = "/api/admin/candidates"
    while True:
        after = side.get(f"{path}{'&' if '?' in path else '?'}limit=50", admin)["next"]
        if after is None:
            return path
        path = f"{first}?after={after}"


def _joins(arena: Arena) -> list[Figure]:
    """Compare joining a long interview with joining a short one."""
    long = LONG // 10 if arena.quick else LONG
    world = World(people=2, live=2)
    lengths = (SHORT, long)

    def write(database: Database[Any]) -> None:
        for room, length in zip(world.rooms, lengths, strict=True):
            database["sessionlogs"].insert_many(_entries(room, length))

    with arena.side(Ours, world, write=write) as side:
        rooms = [side.seats(world, room, watched=False) for room in world.rooms]
        seats = [(room["id"], *room["seats"][0]) for room in rooms]
        for seat in seats:
            # The first to come in pays for keyframes that the service would have made on its way.
            side.drive("join", seat=seat, times=1)
        cpu: list[list[float]] = [[], []]
        for _ in range(arena.rounds):
            for seat, found in zip(seats, cpu, strict=True):
                times = side.drive("join", seat=seat, times=JOINS)["cpu"]
                found.append(1000 * sum(times) / len(times))
    return [Figure(8, f"join: {long:,} log entries, or {SHORT}", "ms", cpu[::-1], 1.5)]


def _processes(arena: Arena) -> list[Figure]:
    """Compare a signal's CPU over two processes with that in one.

    Two processes carry twice what one does, less what they spend on each other. It is
    reckoned from CPU, as stores and driver leave no second core to measure it on.
    """
    world = World(people=ROOMS, live=ROOMS)

    def measure(side: Side) -> float:
        rooms = [side.seats(world, room, watched=False) for room in world.rooms]
        load = {"interviews": rooms, "rates": {"signal": PER_ROOM}}
        found = side.drive("load", warmup=arena.warmup, seconds=arena.seconds, rooms=[load])
        return float(checked(side, found)["cpu"] / found["rooms"][0]["done"])

    with (
        arena.side(Ours, world) as one,
        arena.side(Ours, world, {"WEB_CONCURRENCY": "2"}) as two,
    ):
        one.log_in(world)
        two.log_in(world)
        alone, shared = arena.in_turn((one, two), measure)
    carried = [2 / cost for cost in shared]
    base = [1 / cost for cost in alone]
    name = "signals a second of CPU: two processes, or one"
    return [Figure(8, name, "/s", [carried, base], 1.8, at_least=True)]


def _entries(room: Document, length: int) -> list[Document]:
    """Return the log of an interview in which only code was typed."""
    actor = {"userId": room["candidate"], "role": "candidate"}
    step = timedelta(milliseconds=100)
    return [
        {
            "_id": ObjectId(),
            "interview": room["_id"],
            "seq": seq,
            "type": "code",
            "timestamp": NOW + seq * step,
            "actor": actor,
            "data": {"update": Binary(update)},
        }
        for seq, update in enumerate(islice(_updates(), length), 1)
    ]


def _updates() -> Iterator[bytes]:
    typist = YjsTypist(Typist(), EMPTY_DOCUMENT)
    while True:
        yield typist.update()
