"""Where the two sides meet: one pair of stores, a database for each, and turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from pymongo import MongoClient
from pymongo.database import Database

from interview_platform.core import redis
from interview_platform.local.stores import EmbeddedMongo, EmbeddedRedis

from .sides import Ours, Peer, Side
from .world import World

S = TypeVar("S")
T = TypeVar("T")

REDIS_DATABASES = 16


class Arena:
    """Runs scenarios in `rounds` of `seconds`, on stores with their data in `directory`."""

    def __init__(self, directory: Path, *, rounds: int, seconds: float) -> None:
        self.rounds = rounds
        self.seconds = seconds
        self.quick = rounds < 5
        self._directory = directory
        self._stack = ExitStack()
        self._numbers = count(1)

    def __enter__(self) -> Arena:
        enter = self._stack.enter_context
        self._mongo_url = enter(EmbeddedMongo(self._directory)).url
        self._redis_url = enter(EmbeddedRedis(self._directory)).url
        self._client: MongoClient[dict[str, Any]] = enter(
            MongoClient(self._mongo_url, tz_aware=True)
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def warmup(self) -> float:
        return min(2.0, self.seconds / 2)

    @contextmanager
    def pair(self, world: World) -> Iterator[tuple[Side, Side]]:
        """Run both sides for the time of a `with`, each on a world of its own."""
        with ExitStack() as stack:
            ours, peer = (stack.enter_context(self.side(kind, world)) for kind in (Ours, Peer))
            yield ours, peer

    @contextmanager
    def side(
        self,
        kind: type[Side],
        world: World,
        environ: Mapping[str, str] | None = None,
        write: Callable[[Database[Any]], None] | None = None,
    ) -> Iterator[Side]:
        """Run one side for the time of a `with`.

        `environ` adds to its settings, and `write` to its database once that is prepared.
        """
        number = next(self._numbers)
        name = f"bench_{number}_{kind.name}"
        database = self._client[name]
        world.write(database)
        settings = {
            "MONGO_URI": self._mongo_url,
            "MONGO_DB_NAME": name,
            "REDIS_URL": f"{self._redis_url}/{number % REDIS_DATABASES}",
        }
        with redis.connect(settings["REDIS_URL"]) as counters:
            # An earlier scenario may have had the same one.
            counters.flushdb()
        side = kind({**settings, **(environ or {})}, self._directory / f"{name}.log")
        side.prepare()
        if write:
            write(database)
        # It is not dropped afterwards: that takes the embedded store minutes, and all of it
        # goes with the directory.
        with side:
            yield side

    def database(self, side: Side) -> Database[dict[str, Any]]:
        return self._client[side.settings["MONGO_DB_NAME"]]

    def in_turn(
        self, subjects: tuple[S, ...], measure: Callable[[S], T], rounds: int | None = None
    ) -> list[list[T]]:
        """Measure each subject once a round, and return what came of it, a list a subject."""
        found: list[list[T]] = [[] for _ in subjects]
        for number in range(rounds or self.rounds):
            # Who goes first changes, as what one leaves behind meets the other.
            order = range(len(subjects)) if number % 2 == 0 else reversed(range(len(subjects)))
            for index in order:
                found[index].append(measure(subjects[index]))
        return found
