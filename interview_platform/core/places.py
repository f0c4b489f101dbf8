"""So many places a holder, counted over all processes, and never lost with one that dies."""

from __future__ import annotations

import math
import time
from collections import defaultdict

from redis import Redis
from redis.exceptions import RedisError

LEASE = 30.0
"""Seconds after which the places of a process that says nothing more are free."""

RENEW_EVERY = 10.0

_AT_ONCE = 200


class Places:
    """At most `most` places a holder over the processes that share `redis`.

    A place is a lease in a sorted set, scored with its end. While Redis is away each process
    counts its own places alone, and those it gave meanwhile count as soon as it is back.
    """

    def __init__(self, redis: Redis, name: str, most: int) -> None:
        self._redis = redis
        self._name = name
        self._most = most
        self._taken: defaultdict[str, set[str]] = defaultdict(set)
        self._left: list[tuple[str, str]] = []
        self._renew_at = 0.0
        self._away = False

    def take(self, holder: str, place: str) -> bool:
        """Take a place, named uniquely, if there is one; waits for Redis once at most."""
        own = self._taken[holder]
        if len(own) >= self._most:
            return False
        own.add(place)
        if self._away:
            return True
        try:
            free = self._lease(holder, place)
        except RedisError:
            self._away = True
            return True
        if not free:
            own.discard(place)
        return free

    def leave(self, holder: str, place: str) -> None:
        """Give a place back; never waits. The other processes hear of it at the next `tend`."""
        own = self._taken.get(holder)
        if own is None:
            return
        own.discard(place)
        self._left.append((holder, place))
        if not own:
            del self._taken[holder]

    def tend(self) -> None:
        """Keep the leases; to be called about each second. Raises redis-py's errors."""
        # Not tried again if it fails: a lease that nobody renews ends.
        left, self._left = self._left, []
        try:
            self._free(left)
            if time.monotonic() >= self._renew_at:
                self._renew()
        except RedisError:
            self._away, self._renew_at = True, 0.0
            raise
        self._away = False

    def _lease(self, holder: str, place: str) -> bool:
        key, now = self._key(holder), time.time()
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.zremrangebyscore(key, "-inf", now)
            pipe.zadd(key, {place: now + LEASE})
            pipe.expire(key, math.ceil(LEASE))
            pipe.zcard(key)
            taken: int = pipe.execute()[-1]
        if taken > self._most:
            self._redis.zrem(key, place)
        return taken <= self._most

    def _free(self, left: list[tuple[str, str]]) -> None:
        for start in range(0, len(left), _AT_ONCE):
            with self._redis.pipeline(transaction=False) as pipe:
                for holder, place in left[start : start + _AT_ONCE]:
                    pipe.zrem(self._key(holder), place)
                pipe.execute()

    def _renew(self) -> None:
        holders = list(self._taken)
        for start in range(0, len(holders), _AT_ONCE):
            until = time.time() + LEASE
            with self._redis.pipeline(transaction=False) as pipe:
                for holder in holders[start : start + _AT_ONCE]:
                    if own := self._taken.get(holder):
                        pipe.zadd(self._key(holder), dict.fromkeys(own, until))
                        pipe.expire(self._key(holder), math.ceil(LEASE))
                pipe.execute()
        self._renew_at = time.monotonic() + RENEW_EVERY

    def _key(self, holder: str) -> str:
        return f"{self._name}:{holder}"
