"""The outcome of something that goes on elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from threading import Event, Lock
from time import monotonic
from typing import Generic, TypeVar, cast

log = logging.getLogger(__name__)

T = TypeVar("T")
U = TypeVar("U")

# One for all: it is held for less than a microsecond.
_lock = Lock()


class Promise(Generic[T]):
    """A value to come, or an error.

    As `concurrent.futures.Future`, without cancelling, and without a condition variable
    each, which under gevent costs more than relaying a message does. The first outcome
    holds. Any thread may end a promise; callbacks run there, or at once where it has ended,
    and must not block.
    """

    __slots__ = ("_callbacks", "_error", "_value")

    def __init__(self) -> None:
        self._callbacks: list[Callable[[Promise[T]], object]] | None = []
        self._value: T | None = None
        self._error: Exception | None = None

    def done(self) -> bool:
        return self._callbacks is None

    def result(self, timeout: float | None = None) -> T:
        """Wait for the value and return it; raises the error, or TimeoutError after `timeout` s."""
        self._wait(timeout)
        if self._error is not None:
            raise self._error
        return cast(T, self._value)

    def exception(self, timeout: float | None = None) -> Exception | None:
        """Wait for the outcome and return the error, None for a value; raises TimeoutError."""
        self._wait(timeout)
        return self._error

    def add_done_callback(self, callback: Callable[[Promise[T]], object]) -> None:
        with _lock:
            if self._callbacks is not None:
                self._callbacks.append(callback)
                return
        self._call(callback)

    def then(self, make: Callable[[T], U]) -> Promise[U]:
        """Return the promise of what `make` makes of the value; an error stays what it is."""
        made: Promise[U] = Promise()

        def end(_: Promise[T]) -> None:
            if self._error is not None:
                made.set_exception(self._error)
            else:
                made.set_result(make(cast(T, self._value)))

        self.add_done_callback(end)
        return made

    def set_result(self, value: T) -> None:
        self._end(value, None)

    def set_exception(self, error: Exception) -> None:
        self._end(None, error)

    def _end(self, value: T | None, error: Exception | None) -> None:
        with _lock:
            callbacks = self._callbacks
            if callbacks is None:
                return
            self._value, self._error = value, error
            self._callbacks = None
        for callback in callbacks:
            self._call(callback)

    def _call(self, callback: Callable[[Promise[T]], object]) -> None:
        try:
            callback(self)
        except Exception:
            log.exception("a promise's callback failed")

    def _wait(self, timeout: float | None) -> None:
        if self._callbacks is None:
            return
        ended = Event()
        self.add_done_callback(lambda _: ended.set())
        if not ended.wait(timeout):
            raise TimeoutError


def all_done(promises: Collection[Promise[T]], timeout: float | None = None) -> bool:
    """Wait until all of `promises` have ended; False where some have not after `timeout` s."""
    end = None if timeout is None else monotonic() + timeout
    for promise in promises:
        try:
            promise.exception(None if end is None else max(0.0, end - monotonic()))
        except TimeoutError:
            return False
    return True
