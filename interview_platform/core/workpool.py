"""A bounded pool of native threads, for work that would otherwise hold up the gevent hub."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from time import thread_time
from typing import ParamSpec, TypeVar

from gevent.lock import Semaphore
from gevent.threadpool import ThreadPool

from .errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")


class Workpool:
    """Runs functions on `threads` native threads; at most `waiting` calls wait for one.

    Apart from gevent's own pool on purpose: that one resolves names, and must not
    stand in line behind slow work.
    """

    def __init__(self, threads: int, waiting: int) -> None:
        self._pool = ThreadPool(threads)
        self._most = threads + waiting
        self._busy = 0

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `function` returns, while other greenlets go on.

        Raises `Unavailable` at once where too many calls wait already.
        """
        if self._busy >= self._most:
            raise _too_busy()
        self._busy += 1
        try:
            result: T = self._pool.apply(function, args, kwargs)
            return result
        finally:
            self._busy -= 1


class FairWorkpool:
    """A work pool that many holders share: one call of each runs at a time.

    So the threads go round the holders, however much one of them asks for. At most
    `waiting_each` calls of one holder wait for its others, and `waiting` holders for a thread.
    """

    def __init__(self, threads: int, waiting: int, waiting_each: int) -> None:
        self._pool = Workpool(threads, waiting)
        self._most = waiting_each + 1
        # By holder, with how many calls run or wait.
        self._turns: dict[Hashable, tuple[Semaphore, int]] = {}

    def run(
        self, holder: Hashable, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return what `function` returns, while other greenlets go on.

        Raises `Unavailable` at once where too many calls wait already.
        """
        turn, calls = self._turns.get(holder) or (Semaphore(), 0)
        if calls >= self._most:
            raise _too_busy()
        self._turns[holder] = turn, calls + 1
        try:
            with turn:
                return self._pool.run(function, *args, **kwargs)
        finally:
            _, calls = self._turns[holder]
            if calls > 1:
                self._turns[holder] = turn, calls - 1
            else:
                del self._turns[holder]


class Stopwatch:
    """Measures the processor time of calls that run in other threads."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `function` returns, and add the seconds that it took, also if it raises."""
        began = thread_time()
        try:
            return function(*args, **kwargs)
        finally:
            self.seconds += thread_time() - began


def _too_busy() -> Unavailable:
    return Unavailable("Too busy right now, try again in a moment")
