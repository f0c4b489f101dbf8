"""Connections to stores, and threads."""

from __future__ import annotations

from functools import cached_property
from typing import Self

from redis import Redis

from ..core import mongo, redis
from ..core.broadcast import Broadcaster
from ..core.mongo import Store
from ..core.queueing import JobQueue
from ..core.security import PasswordHasher
from ..core.settings import Settings
from ..core.workpool import FairWorkpool, Workpool

HASHING_THREADS = 2
HASHING_QUEUE = 64
EDITING_THREADS = 2
EDITING_QUEUE = 64
EDITING_QUEUE_EACH = 16
DIGESTING_THREADS = 1
DIGESTING_QUEUE = 64


class Infrastructure:
    """Builds each part on first use, so that a job pays only for what it needs.

    Nothing connects before that either: PyMongo's client must be born in the process that
    uses it.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of every connection that was made."""
        built = vars(self)
        for name in ("gaze", "session_log", "presence", "broadcaster", "redis"):
            if name in built:
                built[name].close()
        if "store" in built:
            built["store"].client.close()

    @cached_property
    def store(self) -> Store:
        return mongo.connect(self.settings.mongo_uri, self.settings.mongo_db_name)

    @cached_property
    def redis(self) -> Redis:
        return redis.connect(self.settings.redis_url)

    @cached_property
    def hasher(self) -> PasswordHasher:
        pool = Workpool(HASHING_THREADS, HASHING_QUEUE)
        return PasswordHasher(self.settings.bcrypt_salt_rounds, self.settings.password_pepper, pool)

    @cached_property
    def digesting(self) -> Workpool:
        return Workpool(DIGESTING_THREADS, DIGESTING_QUEUE)

    @cached_property
    def queue(self) -> JobQueue:
        return JobQueue(self.redis)

    @cached_property
    def broadcaster(self) -> Broadcaster:
        return Broadcaster(self.settings.redis_url)

    @cached_property
    def editing(self) -> FairWorkpool:
        """The threads on which large edits are worked into shared documents, and logs are played:
        for each interview one thing at a time."""
        return FairWorkpool(EDITING_THREADS, EDITING_QUEUE, EDITING_QUEUE_EACH)
