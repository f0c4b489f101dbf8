"""A bounded pool of native threads, for work that would otherwise hold up the gevent hub."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

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
            raise Unavailable("Too busy right now, try again in a moment")
        self._busy += 1
        try:
            result: T = self._pool.apply(function, args, kwargs)
            return result
        finally:
            self._busy -= 1
