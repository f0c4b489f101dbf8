"""One socket's samples on their way to the store: their pace, their fold, what waits."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, pairwise
from typing import NamedTuple

from bson import ObjectId

from ..auth.model import Actor
from ..core.clock import milliseconds
from ..core.errors import Invalid, ServiceError
from ..core.promise import Promise
from .attention import Fold, Summary
from .model import Sample, Stretch

# At most so many samples a second. In ms: that many and one more take at least so long,
# as a display of 60 pictures a second shows a few more.
MAX_RATE = 60
_RATE_TIME = 990

# How far samples may be ahead of the service's clock, and how late they may come, in ms.
MAX_AHEAD = 30_000
MAX_LATE = 5 * 60_000

# A bucket is full with so many samples, or bytes.
FULL = 300
FULL_BYTES = 1024 * 1024


class Arrival(NamedTuple):
    """Samples that came together, and the promise of the number of their log entry."""

    samples: Sequence[Sample]
    received: datetime
    stored: Promise[int]

    def end(self, outcome: int | Exception) -> None:
        if isinstance(outcome, int):
            self.stored.set_result(outcome)
        else:
            self.stored.set_exception(outcome)


@dataclass(slots=True, eq=False)
class Bucket:
    """What waits of one socket, to be stored as one; `size` is in bytes, roughly.

    `clock_offset` was added to the times of its samples, in ms.
    """

    interview_id: ObjectId
    socket_id: str
    actor: Actor
    arrivals: list[Arrival] = field(default_factory=list)
    count: int = 0
    size: int = 0
    clock_offset: int = 0
    since: float = field(default_factory=time.monotonic)

    @property
    def is_full(self) -> bool:
        return self.count >= FULL or self.size >= FULL_BYTES

    @property
    def samples(self) -> list[Sample]:
        return list(chain.from_iterable(arrival.samples for arrival in self.arrivals))

    def end(self, outcome: int | Exception) -> None:
        """Keep or break the promises of all that is in it."""
        for arrival in self.arrivals:
            arrival.end(outcome)

    def drop_since(self, moment: datetime, error: ServiceError) -> bool:
        """Refuse what arrived at `moment` or later; tells whether there was any."""
        dropped = [arrival for arrival in self.arrivals if arrival.received >= moment]
        self.arrivals = [arrival for arrival in self.arrivals if arrival.received < moment]
        for arrival in dropped:
            arrival.end(error)
        return bool(dropped)


class Stream:
    """Takes one socket's samples in order.

    `ended` says that no more will come, and `hurried` that what waits shall wait no longer.
    `clock_offset` was added to the times of the latest, in ms.
    """

    def __init__(self, interview_id: ObjectId, socket_id: str, actor: Actor) -> None:
        self.ended = False
        self.hurried = False
        self.active = time.monotonic()
        self._interview_id = interview_id
        self._socket_id = socket_id
        self._actor = actor
        self._times: deque[int] = deque(maxlen=MAX_RATE)
        self._fold = Fold()
        self.clock_offset = 0
        self._bucket: Bucket | None = None
        # Buckets that get no more, since the correction of times is another by now.
        self._closed: deque[tuple[Bucket, Summary]] = deque()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return self._bucket is None and not self._closed

    @property
    def last(self) -> int:
        """The time of the last sample, in ms since the epoch."""
        return self._times[-1] if self._times else 0

    @property
    def going_on(self) -> list[Stretch]:
        """What goes on for long enough."""
        return list(self._fold.going_on)

    def is_due(self, before: float) -> bool:
        """Tell whether what waits shall be stored, as it does since `before` or for another
        reason; by the monotonic clock."""
        if self._closed:
            return True
        bucket = self._bucket
        if bucket is None:
            return False
        return self.hurried or self.ended or bucket.is_full or bucket.since <= before

    def check(self, samples: Sequence[Sample], now: datetime, field: str) -> None:
        """Raise `Invalid`, naming `field`, for samples whose times cannot be taken."""
        new = [sample.t for sample in samples]
        current = milliseconds(now)
        if new[-1] > current + MAX_AHEAD or new[0] < current - MAX_LATE:
            raise _invalid(field, "Too far from the service's time: t is in ms since the epoch.")
        if any(later < earlier for earlier, later in pairwise([self.last, *new])):
            raise _invalid(field, "Must come in the order of their times.")
        times = [*self._times, *new]
        paced = zip(times, times[MAX_RATE:], strict=False)
        if any(later - earlier < _RATE_TIME for earlier, later in paced):
            raise _invalid(field, f"At most {MAX_RATE} a second.")

    def add(
        self, samples: Sequence[Sample], size: int, now: datetime, clock_offset: int = 0
    ) -> tuple[Promise[int], list[Stretch]]:
        """Take samples of `size` bytes, to whose times `clock_offset` was added.

        Returns their promise, and the stretches that they have made long enough.
        """
        if clock_offset != self.clock_offset:
            self.clock_offset = clock_offset
            self._fold.cut()
            if self._bucket:
                self._closed.append((self._bucket, self._fold.take()))
                self._bucket = None
        if self._bucket is None:
            self._bucket = Bucket(
                self._interview_id, self._socket_id, self._actor, clock_offset=clock_offset
            )
        arrival = Arrival(samples, now, Promise())
        self._bucket.arrivals.append(arrival)
        self._bucket.count += len(samples)
        self._bucket.size += size
        self._times.extend(sample.t for sample in samples)
        self.active = time.monotonic()
        passed = [stretch for sample in samples for stretch in self._fold.add(sample)]
        return arrival.stored, passed

    def take(self) -> tuple[Bucket, Summary] | None:
        """Take out what waits, with what it comes down to."""
        if self._closed:
            return self._closed.popleft()
        bucket, self._bucket = self._bucket, None
        self.hurried = False
        return (bucket, self._fold.take()) if bucket else None


def summarize(samples: Sequence[Sample]) -> Summary:
    """Return what samples come down to that follow nothing."""
    fold = Fold()
    for sample in samples:
        fold.add(sample)
    return fold.take()


def _invalid(field: str, problem: str) -> Invalid:
    return Invalid({field: [problem]})
