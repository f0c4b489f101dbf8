"""An event loop of a few microseconds a turn, so that the driver is not what is measured."""

from __future__ import annotations

import heapq
import select
from collections.abc import Callable
from itertools import count
from time import monotonic

Due = Callable[[float], None]


class Loop:
    """Calls back for what is due and for file descriptors that can be read or written."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._ready: dict[int, Callable[[int], None]] = {}
        self._due: list[tuple[float, int, Due]] = []
        self._order = count()

    def watch(self, descriptor: int, ready: Callable[[int], None]) -> None:
        """Have `ready(events)` called whenever `descriptor` can be read."""
        self._ready[descriptor] = ready
        self._epoll.register(descriptor, select.EPOLLIN)

    def want_to_write(self, descriptor: int, wanted: bool) -> None:
        events = select.EPOLLIN | (select.EPOLLOUT if wanted else 0)
        self._epoll.modify(descriptor, events)

    def forget(self, descriptor: int) -> None:
        if self._ready.pop(descriptor, None):
            self._epoll.unregister(descriptor)

    def at(self, moment: float, due: Due) -> None:
        """Have `due(moment)` called at `moment`, in monotonic seconds."""
        heapq.heappush(self._due, (moment, next(self._order), due))

    def every(self, interval: float, start: float, stop: float, due: Due) -> None:
        """Have `due(moment)` called each `interval` seconds from `start` until before `stop`."""

        def again(moment: float) -> None:
            due(moment)
            if moment + interval < stop:
                self.at(moment + interval, again)

        if start < stop:
            self.at(start, again)

    def run(self, until: float, done: Callable[[], bool] = lambda: False) -> None:
        """Run until the moment `until`, or until `done()`."""
        while (now := monotonic()) < until and not done():
            while self._due and self._due[0][0] <= now:
                moment, _, due = heapq.heappop(self._due)
                due(moment)
            wake = min(until, self._due[0][0]) if self._due else until
            for descriptor, events in self._epoll.poll(max(0.0, min(wake - monotonic(), 0.05))):
                ready = self._ready.get(descriptor)
                if ready:
                    ready(events)
