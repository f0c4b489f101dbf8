"""Group commit: many events, of many interviews, in one write to the store.

What is appended waits for the write before it to end, so an idle log is written at once
and a busy one in batches. Two kinds of logs: of most, this process knows the last number,
and their events are written together, in one ordered insert. The others are written
alone, after reading back what is stored: those met for the first time, those of which a
write ended in doubt, and those that another process writes too, which would otherwise
make the common insert stop again and again.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError, wait
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from threading import Condition, Event, Lock, Thread

from bson import ObjectId
from pymongo.errors import PyMongoError

from ..core.errors import Invalid, ServiceError, Unavailable
from .entry import Entry
from .repository import SessionLogRepository, Stopped

log = logging.getLogger(__name__)

# What may wait for the store in this process; beyond it, appends are refused.
MAX_WAITING = 10_000
MAX_WAITING_BYTES = 16 * 1024 * 1024

# What one insert holds at most. The driver must not split it: only one message is ordered.
_BATCH = 500
_BATCH_BYTES = 4 * 1024 * 1024

_THREADS = 4
# Logs whose last number is remembered.
_REMEMBERED = 5_000

# All in seconds. Between two common inserts: what comes meanwhile shares the next one.
_GATHER = 0.02
# A log is written alone for so long after another process was seen to write it.
_RIVALRY = 5.0
# Between two tries: at first, and at most.
_RETRY = 0.05
_RETRY_MOST = 1.0


@dataclass(slots=True, eq=False)
class _Waiting:
    entry: Entry
    stored: Future[int] = field(default_factory=Future)

    def end(self, outcome: int | ServiceError) -> None:
        # Closing gives up entries that a thread may be storing at this very moment.
        with suppress(InvalidStateError):
            if isinstance(outcome, int):
                self.stored.set_result(outcome)
            else:
                self.stored.set_exception(outcome)


@dataclass(slots=True, eq=False)
class _Log:
    """One interview's log: what waits to be written, and the last number known to be stored."""

    interview_id: ObjectId
    waiting: deque[_Waiting] = field(default_factory=deque)
    last: int | None = None
    in_doubt: bool = False
    rivals_until: float = 0.0
    # In a queue, or with a thread.
    busy: bool = False

    @property
    def alone(self) -> bool:
        return self.last is None or self.in_doubt or time.monotonic() < self.rivals_until


_Batch = list[tuple[_Log, _Waiting]]


class LogWriter:
    """Stores entries in the background, each log's in the order they were given.

    Its threads start with the first entry; under gevent they are greenlets. A log is with
    one of them at a time.
    """

    def __init__(self, repository: SessionLogRepository) -> None:
        self._repository = repository
        self._logs: OrderedDict[ObjectId, _Log] = OrderedDict()
        self._waiting = 0
        self._waiting_bytes = 0
        # Guards what is above and what is queued; told of both.
        self._changed = Condition(Lock())
        self._together: list[_Log] = []
        self._alone: deque[_Log] = deque()
        self._inserting = False
        self._threads: list[Thread] = []
        self._closing = Event()
        self._store_is_away = False

    @property
    def waiting(self) -> int:
        """How many entries wait for the store."""
        return self._waiting

    def append(self, interview_id: ObjectId, entry: Entry) -> Future[int]:
        """Have `entry` stored; returns its number to come, at once.

        The future ends with `Unavailable` if too much waits for the store, or if the
        writer is closed before the store took it, and with `Invalid` if the store
        refuses the entry. It cannot be cancelled.
        """
        waiting = _Waiting(entry)
        with self._changed:
            if self._is_full(entry) or self._closing.is_set():
                waiting.end(Unavailable("The session log cannot be written, try again"))
                return waiting.stored
            waiting.stored.set_running_or_notify_cancel()
            self._waiting += 1
            self._waiting_bytes += entry.size
            logged = self._find(interview_id)
            logged.waiting.append(waiting)
            if not logged.busy:
                logged.busy = True
                self._queue(logged)
            threads = [] if self._threads else self._make_threads()
        for thread in threads:
            thread.start()
        return waiting.stored

    def known(self, interview_id: ObjectId) -> int:
        """Return a number of this log that is known to be stored, 0 if none is."""
        with self._changed:
            logged = self._logs.get(interview_id)
            return (logged.last or 0) if logged else 0

    def doubt(self, interview_id: ObjectId) -> None:
        """Have this log read back before its next write: somebody else may write to it now."""
        with self._changed:
            if logged := self._logs.get(interview_id):
                logged.in_doubt = True

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was appended so far has ended; False after `timeout` seconds."""
        return not wait([waiting.stored for waiting in self._unstored()], timeout).not_done

    def close(self, timeout: float | None = 5.0) -> None:
        """Flush, then give up what is not stored after `timeout` seconds, and stop."""
        self.flush(timeout)
        with self._changed:
            self._closing.set()
            self._changed.notify_all()
        for waiting in self._unstored():
            waiting.end(Unavailable("The session log was closed"))

    def _unstored(self) -> list[_Waiting]:
        with self._changed:
            return [waiting for logged in self._logs.values() for waiting in logged.waiting]

    # Under the lock:

    def _is_full(self, entry: Entry) -> bool:
        return (
            self._waiting >= MAX_WAITING or self._waiting_bytes + entry.size > MAX_WAITING_BYTES
        )

    def _find(self, interview_id: ObjectId) -> _Log:
        logged = self._logs.get(interview_id)
        if logged is None:
            logged = self._logs[interview_id] = _Log(interview_id)
            oldest = next(iter(self._logs.values()))
            if len(self._logs) > _REMEMBERED and not oldest.busy:
                del self._logs[oldest.interview_id]
        else:
            self._logs.move_to_end(interview_id)
        return logged

    def _queue(self, logged: _Log) -> None:
        (self._alone if logged.alone else self._together).append(logged)
        self._changed.notify()

    def _make_threads(self) -> list[Thread]:
        self._threads = [
            Thread(target=self._run, name=f"session-log-{number}", daemon=True)
            for number in range(_THREADS)
        ]
        return self._threads

    # In the threads:

    def _run(self) -> None:
        while work := self._next():
            write, logs = work
            try:
                write(logs)
            except Exception:
                log.exception("the session log's writer failed and goes on")
                self._doubt(logs)
                self._closing.wait(_RETRY_MOST)
            finally:
                self._give_back(logs, together=write == self._write_together)

    def _next(self) -> tuple[Callable[[list[_Log]], None], list[_Log]] | None:
        """Wait for logs and tell how to write them; None when closed."""
        with self._changed:
            while not self._closing.is_set():
                if self._alone:
                    return self._write_alone, [self._alone.popleft()]
                if self._together and not self._inserting:
                    self._inserting = True
                    logs, self._together = self._together, []
                    return self._write_together, logs
                self._changed.wait()
        return None
