"""Token buckets: what may be taken a second, in one process or over all of them."""

from __future__ import annotations

import logging
import math
import time
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from threading import Thread
from time import monotonic

from redis import Redis
from redis.exceptions import RedisError

from .errors import TooManyRequests

OWN_SHARE = 0.25
"""What share of a rate a process leaves to a holder without asking the others."""

FORGOTTEN_AFTER = 60
"""Seconds that Redis keeps a sum to which nothing is added."""

_TOLD_AT_ONCE = 200

SHARE_EVERY = 1.0  # seconds

log = logging.getLogger(__name__)


class Bucket:
    """Holds up to `burst` tokens; `rate` a second flow in. It begins full.

    All that is kept is when it will be full again, as in the virtual scheduling of ITU-T I.371.
    """

    __slots__ = ("_full_at", "burst", "rate")

    def __init__(self, rate: float, burst: float) -> None:
        self.rate = rate
        self.burst = burst
        self._full_at = monotonic()

    @property
    def level(self) -> float:
        """How many tokens there are; below zero, how many are owed."""
        return self.burst - max(0.0, self._full_at - monotonic()) * self.rate

    @property
    def full(self) -> bool:
        return self._full_at <= monotonic()

    def take(self, amount: float = 1.0) -> bool:
        """Take `amount` tokens if they are there, and tell whether they were."""
        now, full_at = monotonic(), self._full_at
        full_at = (full_at if full_at > now else now) + amount / self.rate
        if (full_at - now) * self.rate > self.burst:
            return False
        self._full_at = full_at
        return True

    def wait(self, amount: float = 1.0) -> float:
        """Return the seconds until `amount` tokens are there, 0 if they are; takes none."""
        return max(0.0, amount - self.level) / self.rate

    def owe(self, amount: float) -> float:
        """Take `amount` tokens, there or not; returns the seconds until none are owed."""
        now, full_at = monotonic(), self._full_at
        self._full_at = full_at = (full_at if full_at > now else now) + amount / self.rate
        owed = full_at - now - self.burst / self.rate
        return owed if owed > 0 else 0.0


class Shares:
    """How much of something each of many holders uses, of which each has a share.

    A holder may use `rate` a second, and `burst` at once. Those who use little are forgotten.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: OrderedDict[Hashable, Bucket] = OrderedDict()

    def delay(self, holder: Hashable) -> float:
        """Return the seconds until the holder has used no more than its share."""
        bucket = self._buckets.get(holder)
        return max(0.0, -bucket.level / bucket.rate) if bucket else 0.0

    def charge(self, holder: Hashable, amount: float) -> None:
        """Take note that the holder has used `amount`."""
        bucket = self._buckets.get(holder)
        if bucket is None:
            bucket = self._buckets[holder] = Bucket(self._rate, self._burst)
        self._buckets.move_to_end(holder)
        bucket.owe(amount)
        while self._buckets and next(iter(self._buckets.values())).full:
            self._buckets.popitem(last=False)


class SharedBucket(Bucket):
    """A holder's bucket in this process, which flows slower while they ask elsewhere too.

    What flows in over all processes is `rate`, divided by what is asked for in each; `share`
    has them know of each other. What has gathered before that, up to `burst`, is each one's.
    """

    __slots__ = ("_asked", "_counted_at", "_heard_at", "_sum", "_whole_rate")

    def __init__(self, rate: float, burst: float) -> None:
        super().__init__(rate, burst)
        self._whole_rate = rate
        self._asked = 0.0
        self._counted_at = self._heard_at = monotonic()
        # What was asked for in all processes together when last heard of.
        self._sum: int | None = None

    def take(self, amount: float = 1.0) -> bool:
        self._asked += amount
        return super().take(amount)

    def owe(self, amount: float) -> float:
        self._asked += amount
        return super().owe(amount)

    def wait(self, amount: float = 1.0) -> float:
        seconds = super().wait(amount)
        if seconds:
            # Refused, which is asking too.
            self._asked += amount
        return seconds

    def count(self) -> int:
        """Return how much was asked for since the last count, if it is worth telling."""
        now = monotonic()
        asked, self._asked = round(self._asked), 0.0
        seconds, self._counted_at = now - self._counted_at, now
        if asked > self._whole_rate * OWN_SHARE * seconds:
            return asked
        self._flow(self._whole_rate)
        return 0

    def hear(self, asked: int, total: int) -> None:
        """Take note that `asked` here has made it `total` in all processes."""
        now = monotonic()
        if self._sum is not None and total > self._sum:
            # Whoever tells each time hears of as long as they tell of.
            in_all = (total - self._sum) / (now - self._heard_at)
            rate = self._whole_rate
            if in_all > rate:
                rate *= max(OWN_SHARE, min(1.0, asked / (total - self._sum)))
            self._flow(rate)
        self._sum, self._heard_at = total, now

    def _flow(self, rate: float) -> None:
        missing = self.burst - self.level
        self.rate = rate
        self._full_at = monotonic() + missing / rate


class RateLimit:
    """Lets each holder take `rate` tokens a second over all processes, `burst` of them at once.

    While Redis is away each process keeps to what it knows.
    """

    def __init__(self, redis: Redis, name: str, *, rate: float, burst: float) -> None:
        self._redis = redis
        self._name = name
        self._rate = rate
        self._burst = burst
        self._buckets: dict[str, SharedBucket] = {}
        self._sharing = False
        self._away = False

    def check(self, holder: str, amount: float = 1.0) -> None:
        """Raise `TooManyRequests` where `take` would. Takes nothing."""
        bucket = self._buckets.get(holder)
        if bucket and (seconds := bucket.wait(min(amount, self._burst))):
            raise _too_many(seconds)

    def take(self, holder: str, amount: float = 1.0) -> None:
        """Take `amount` tokens, or `burst` where that is less; never waits.

        Raises `TooManyRequests`, which says when they will be there, and takes none then.
        """
        bucket = self._buckets.get(holder)
        if bucket is None:
            bucket = self._buckets[holder] = SharedBucket(self._rate, self._burst)
            self._start()
        amount = min(amount, self._burst)
        if not bucket.take(amount):
            raise _too_many(bucket.wait(amount))

    def _start(self) -> None:
        if not self._sharing:
            self._sharing = True
            Thread(target=self._run, name=self._name, daemon=True).start()

    def _run(self) -> None:
        """Share what was asked for, as long as anybody has asked lately."""
        while self._buckets:
            time.sleep(SHARE_EVERY)
            for holder, bucket in list(self._buckets.items()):
                if bucket.full:
                    del self._buckets[holder]
            try:
                share(self._redis, self._name, self._buckets.copy())
            except RedisError as error:
                if not self._away:
                    log.warning("%s: each process limits alone: %s", self._name, error)
                self._away = True
            except Exception:
                log.exception("%s: not shared between processes", self._name)
            else:
                self._away = False
        self._sharing = False


def _too_many(seconds: float) -> TooManyRequests:
    return TooManyRequests(math.ceil(seconds) or 1, "Too many requests, try again later")


def share(redis: Redis, name: str, buckets: Mapping[str, SharedBucket]) -> None:
    """Tell the other processes what was asked for here, and hear what was asked for there.

    To be called about each second; `buckets` are known by their holders. Those that are
    little used are not spoken of, so most cost nothing. Raises redis-py's errors: then each
    process goes on as it knows.
    """
    told = [(holder, asked) for holder, bucket in buckets.items() if (asked := bucket.count())]
    for start in range(0, len(told), _TOLD_AT_ONCE):
        batch = told[start : start + _TOLD_AT_ONCE]
        with redis.pipeline(transaction=False) as pipe:
            for holder, asked in batch:
                pipe.incrby(f"{name}:{holder}", asked)
                pipe.expire(f"{name}:{holder}", FORGOTTEN_AFTER)
            sums = pipe.execute()[::2]
        for (holder, asked), total in zip(batch, sums, strict=True):
            buckets[holder].hear(asked, total)
