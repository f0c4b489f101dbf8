"""The outcome of something that goes on elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from threading import Event
from time import monotonic
from typing import Any, Generic, TypeVar, cast

log = logging.getLogger(__name__)

T = TypeVar("T")
U = TypeVar("U")


class Promise(Generic[T]):
    """A value to come, or an error.

    As `concurrent.futures.Future`, without cancelling, and without a lock or a condition
    variable each, which under gevent cost more than relaying a message does: lists take and
    give one thing at a time, whichever thread asks. The first outcome holds. Any thread may
    end a promise; callbacks run there, or at once where it has ended, and must not block.
    """

    __slots__ = ("_callbacks", "_outcomes")

    def __init__(self) -> None:
        self._callbacks: list[Callable[[Promise[T]], object]] = []
        # Of those who ended it; all but the first are of no account.
        self._outcomes: list[tuple[T | None, Exception | None]] = []

    def done(self) -> bool:
        return bool(self._outcomes)

    def result(self, timeout: float | None = None) -> T:
        """Wait for the value and return it; raises the error, or TimeoutError after `timeout` s."""
        value, error = self._outcome(timeout)
        if error is not None:
            raise error
        return cast(T, value)

    def exception(self, timeout: float | None = None) -> Exception | None:
        """Wait for the outcome and return the error, None for a value; raises TimeoutError."""
        return self._outcome(timeout)[1]

    def add_done_callback(self, callback: Callable[[Promise[T]], object]) -> None:
        self._callbacks.append(callback)
        if self._outcomes:
            self._call_back()

    def then(self, make: Callable[[T], U]) -> Promise[U]:
        """Return the promise of what `make` makes of the value, each time somebody asks.

        An error stays what it is.
        """
        return _Made(self, make)

    def set_result(self, value: T) -> None:
        self._outcomes.append((value, None))
        self._call_back()

    def set_exception(self, error: Exception) -> None:
        self._outcomes.append((None, error))
        self._call_back()

    def _call_back(self) -> None:
        """Call whoever waits; of several threads that do, each callback is one's."""
        while self._callbacks:
            try:
                callback = self._callbacks.pop(0)
            except IndexError:
                return
            try:
                callback(self)
            except Exception:
                log.exception("a promise's callback failed")

    def _outcome(self, timeout: float | None) -> tuple[T | None, Exception | None]:
        if not self._outcomes:
            ended = Event()
            self.add_done_callback(lambda _: ended.set())
            if not ended.wait(timeout):
                raise TimeoutError
        return self._outcomes[0]


class _Made(Promise[U]):
    """What is made of another promise's value. It costs nothing until somebody asks."""

    __slots__ = ("_make", "_source")

    def __init__(self, source: Promise[T], make: Callable[[T], U]) -> None:
        self._source: Promise[Any] = source
        self._make: Callable[[Any], U] = make

    def done(self) -> bool:
        return self._source.done()

    def add_done_callback(self, callback: Callable[[Promise[U]], object]) -> None:
        self._source.add_done_callback(lambda _: callback(self))

    def _outcome(self, timeout: float | None) -> tuple[U | None, Exception | None]:
        value, error = self._source._outcome(timeout)
        return (None, error) if error is not None else (self._make(value), None)


def all_done(promises: Collection[Promise[T]], timeout: float | None = None) -> bool:
    """Wait until all of `promises` have ended; False where some have not after `timeout` s."""
    end = None if timeout is None else monotonic() + timeout
    for promise in promises:
        try:
            promise.exception(None if end is None else max(0.0, end - monotonic()))
        except TimeoutError:
            return False
    return True
