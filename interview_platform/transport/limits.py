"""How much of a process one address and one person may take: connections, events and bytes."""

from __future__ import annotations

import logging
import time
from collections import Counter
from threading import Thread

from redis import Redis
from redis.exceptions import RedisError

from ..core.errors import TooManyRequests
from ..core.network import network_of
from ..core.places import Places
from ..core.ratelimit import Bucket, SharedBucket, share

AT_ONCE = 5
"""Seconds' worth of events that may come at once: what a client sends again after a cut."""

EVENT_BYTES = 16 * 1024
"""Bytes of a message that take as much as another event."""

BYTES_PER_SECOND = 4 * 1024 * 1024
BYTES_AT_ONCE = 24 * 1024 * 1024

SHARE_EVERY = 1.0  # seconds

log = logging.getLogger(__name__)


class TooManyConnections(TooManyRequests):
    """More connections than one person may have."""

    code = "too_many_connections"

    def __init__(self) -> None:
        super().__init__(1, "Too many connections")


class Allowance:
    """What one person may still send, over all of their connections.

    Tokens of `events` stand for what an event costs this process: one for a small event that
    is passed on, which takes about 230 us of CPU.
    """

    __slots__ = ("connections", "events", "traffic")

    def __init__(self, events_per_second: int) -> None:
        self.connections = 0
        self.events = SharedBucket(events_per_second, events_per_second * AT_ONCE)
        self.traffic = Bucket(BYTES_PER_SECOND, BYTES_AT_ONCE)

    @property
    def untouched(self) -> bool:
        """Whether nothing would be lost by making it anew."""
        return not self.connections and self.events.full and self.traffic.full


class Limits:
    """Counts what addresses and people take.

    An address is limited in each process. A person is limited over all of them, as far as
    Redis tells: while it is away each process keeps to what it knows.
    """

    def __init__(
        self, redis: Redis, *, per_address: int, per_person: int, events_per_second: int
    ) -> None:
        self._redis = redis
        self._per_address = per_address
        self._events_per_second = events_per_second
        self._addresses: Counter[str] = Counter()
        self._people: dict[str, Allowance] = {}
        self._places = Places(redis, "limits:sockets", per_person)
        self._started = False
        self._away = False

    def arrive(self, address: str) -> bool:
        """Count a connection from `address`; False, and not counted, where it has too many."""
        network = network_of(address)
        if self._addresses[network] >= self._per_address:
            return False
        self._addresses[network] += 1
        return True

    def depart(self, address: str) -> None:
        network = network_of(address)
        self._addresses[network] -= 1
        if not self._addresses[network]:
            del self._addresses[network]

    def admit(self, person: str, connection_id: str) -> Allowance:
        """Count a connection as one of `person`; waits for Redis once at most.

        Raises `TooManyConnections`.
        """
        self._start()
        if not self._places.take(person, connection_id):
            raise TooManyConnections
        allowance = self._people.get(person)
        if allowance is None:
            allowance = self._people[person] = Allowance(self._events_per_second)
        allowance.connections += 1
        return allowance

    def release(self, person: str, connection_id: str) -> None:
        """Take back what `admit` did."""
        self._places.leave(person, connection_id)
        self._people[person].connections -= 1

    def _start(self) -> None:
        if not self._started:
            self._started = True
            Thread(target=self._run, name="limits", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(SHARE_EVERY)
            try:
                self._tend()
            except RedisError as error:
                self._lost(error)
            except Exception:
                log.exception("limits are not shared between processes")
            else:
                self._away = False

    def _tend(self) -> None:
        for person, allowance in list(self._people.items()):
            if allowance.untouched:
                del self._people[person]
        self._places.tend()
        events = {person: allowance.events for person, allowance in self._people.items()}
        share(self._redis, "limits:events", events)

    def _lost(self, error: RedisError) -> None:
        if not self._away:
            self._away = True
            log.warning("limits are kept a process each, redis is away: %s", error)
