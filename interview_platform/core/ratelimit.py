"""Token buckets: what may be taken a second, in one process or over all of them."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic

from redis import Redis

OWN_SHARE = 0.25
"""What share of a rate a process leaves to a holder without asking the others."""

FORGOTTEN_AFTER = 60
"""Seconds that Redis keeps a sum to which nothing is added."""

_TOLD_AT_ONCE = 200


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

    def owe(self, amount: float) -> float:
        """Take `amount` tokens, there or not; returns the seconds until none are owed."""
        now, full_at = monotonic(), self._full_at
        self._full_at = full_at = (full_at if full_at > now else now) + amount / self.rate
        owed = full_at - now - self.burst / self.rate
        return owed if owed > 0 else 0.0


class SharedBucket(Bucket):
    """A holder's bucket in this process, which flows slower while they ask elsewhere too.

    What flows in over all processes is `rate`, divided by what is asked for in each; `share`
    has them know of each other. What has gathered before that, up to `burst`, is each one's.
    """

    __slots__ = ("_asked", "_counted_at", "_heard_at", "_sum", "_whole_rate")

    def __init__(self, rate: float, burst: float) -> None:
        super().__init__(rate, burst)
        self._whole_rate = rate
        self._asked = 0
        self._counted_at = self._heard_at = monotonic()
        # What was asked for in all processes together when last heard of.
        self._sum: int | None = None

    def take(self, amount: float = 1.0) -> bool:
        self._asked += 1
        return super().take(amount)

    def count(self) -> int:
        """Return how often was asked since the last count, if it is worth telling."""
        now = monotonic()
        asked, self._asked = self._asked, 0
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
