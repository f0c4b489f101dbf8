"""8: what the service costs once there is much of everything, and over two processes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

from bson import Binary, ObjectId
from pymongo import ASCENDING
from pymongo.database import Database

from interview_platform.candidates.model import index_terms
from interview_platform.core.paging import encode_cursor

from ..arena import Arena
from ..driver.target import Target
from ..driver.typist import Typist, YjsTypist
from ..figures import Figure
from ..sides import Ours, Side
from ..world import NOW, World, document, profile_of
from .outcome import checked
from .signal import PER_ROOM, ROOMS

Document = dict[str, Any]

FEW, MANY = 1_000, 100_000
SHORT, LONG = 500, 50_000
PAGE, PER_PAGE = "/api/admin/candidates", 50
CALLS = 4
# Seconds before each call, and for which an idle service is watched: it stirs every ten.
APART, IDLE = 1.0, 20.0
JOINS = 20
# Seconds after which a service has let go of a room that nobody is in.
DESERTED = 17.0
BATCH = 1_000
EMPTY_DOCUMENT = b"\x00\x00"


def growth(arena: Arena) -> list[Figure]:
    return [*_pages(arena), *_joins(arena), *_processes(arena)]


def _pages(arena: Arena) -> list[Figure]:
    """Compare the list of candidates where there are few, where there are many, and its end.

    The embedded store walks through all of them for each page, and takes seconds for many: what
    the service would have taken doing nothing in the meantime is not counted.
    """
    many = MANY // 20 if arena.quick else MANY
    world = World(people=2)
    admin = world.admin["email"]
    with (
        arena.side(Ours, world, write=lambda database: _fill(database, FEW)) as small_side,
        arena.side(Ours, world, write=lambda database: _fill(database, many)) as large_side,
    ):
        first, last = PAGE, f"{PAGE}?after={_before_last(arena.database(large_side))}"
        idle = {side: _idle(side, admin) for side in (small_side, large_side)}

        def measure(page: tuple[Side, str]) -> float:
            side, path = page
            # Where the store is quick too: what is called rarely finds its caches cold.
            time.sleep(APART)
            before, began = _cpu(side), time.monotonic()
            side.get(path, admin)
            return 1e6 * (_cpu(side) - before - idle[side] * (time.monotonic() - began))

        pages = ((small_side, first), (large_side, first), (large_side, last))
        at_small, at_large, at_end = arena.in_turn(pages, measure, arena.rounds * CALLS)
    name = f"page of candidates: {many:,} there, or {FEW:,}"
    return [
        Figure(8, name, "us", [at_large, at_small], 1.1),
        Figure(8, f"page of candidates of {many:,}: last, or first", "us", [at_end, at_large], 1.1),
    ]


def _idle(side: Side, admin: str) -> float:
    """Return what the service takes a second while nobody calls it, after a first call."""
    side.get(PAGE, admin)
    before = _cpu(side)
    time.sleep(IDLE)
    return (_cpu(side) - before) / IDLE


def _cpu(side: Side) -> float:
    return Target.of(side.target).cpu()


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


def _before_last(database: Database[Any]) -> str:
    """Return the cursor after which the list ends with one whole page."""
    oldest = database["candidateprofiles"].find({}, {"_id": True}).sort("_id", ASCENDING)
    *_, before = oldest.limit(PER_PAGE + 1)
    return encode_cursor((before["_id"],))


def _joins(arena: Arena) -> list[Figure]:
    """Compare joining a long interview with joining a short one.

    One join after another, as of who loads the page anew, and where nobody has been for a while.
    """
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
        again: list[list[float]] = [[], []]
        first: list[list[float]] = [[], []]
        for _ in range(arena.rounds):
            time.sleep(DESERTED)
            for seat, found in zip(seats, first, strict=True):
                found.append(_join(side, seat, 1))
            for seat, found in zip(seats, again, strict=True):
                found.append(_join(side, seat, JOINS))
    name = f"join: {long:,} log entries, or {SHORT}"
    return [
        Figure(8, name, "ms", again[::-1], 1.5),
        Figure(8, f"{name}; nobody there", "ms", first[::-1], 1.5),
    ]


def _join(side: Side, seat: tuple[Any, ...], times: int) -> float:
    """Return the milliseconds of CPU that a join takes, one after another."""
    cpu = side.drive("join", seat=seat, times=times)["cpu"]
    return float(1000 * sum(cpu) / len(cpu))


def _processes(arena: Arena) -> list[Figure]:
    """Compare a signal's CPU over two processes with that in one.

    Two processes carry twice what one does, less what they spend on each other. It is
    reckoned from CPU, as stores and driver leave no second core to measure it on. Each process
    gets the same to do, since a message costs less where there are many.
    """
    world = World(people=ROOMS, live=ROOMS)

    def measure(side: Side) -> float:
        carried = world.rooms if side is two else world.rooms[: ROOMS // 2]
        rooms = [side.seats(world, room, watched=False) for room in carried]
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
