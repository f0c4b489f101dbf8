"""What waits to be written to the session logs, and whose turn it is."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from bson import ObjectId

from ..core.condition import condition
from ..core.errors import ServiceError, Unavailable
from ..core.promise import Promise
from .entry import Entry, sealed_error

# What may wait in one process; beyond it, entries are refused.
MAX_WAITING = 10_000
MAX_WAITING_BYTES = 16 * 1024 * 1024

# What one batch holds at most; a single message to the store holds far more.
BATCH = 500
BATCH_BYTES = 4 * 1024 * 1024

# Logs whose last number is remembered.
REMEMBERED = 5_000


@dataclass(slots=True, eq=False)
class Waiting:
    """An entry on its way to the store, and the promise of its number."""

    entry: Entry
    stored: Promise[int] = field(default_factory=Promise)

    def end(self, outcome: int | ServiceError) -> None:
        # Closing gives up entries that a thread may be storing at this very moment: then the
        # first outcome holds.
        if isinstance(outcome, int):
            self.stored.set_result(outcome)
        else:
            self.stored.set_exception(outcome)


@dataclass(slots=True, eq=False)
class Log:
    """One interview's log, as far as this process knows it.

    `last` is a number known to be stored by a majority, and all that waits comes after it.
    """

    interview_id: ObjectId
    waiting: deque[Waiting] = field(default_factory=deque)
    last: int | None = None
    # A number that another process said is stored.
    told: int = 0
    # Somebody else may have written since, or some of what waits is stored already.
    in_doubt: bool = False
    silent_rivals_until: float = 0.0
    sealed: bool = False
    # Queued, or with a thread.
    busy: bool = False

    @property
    def has_silent_rivals(self) -> bool:
        """Whether another process, which does not say so, wrote it a short while ago."""
        return time.monotonic() < self.silent_rivals_until

    @property
    def alone(self) -> bool:
        """Whether to read back what is stored before writing, apart from other logs."""
        return self.last is None or self.in_doubt or self.has_silent_rivals

    def follow(self) -> bool:
        """Go to where another process said that the log is; tells whether that is further on.

        Not where some of what waits may be stored before that.
        """
        if self.last is None or self.in_doubt or self.told <= self.last:
            return False
        self.last = self.told
        return True


class Work(NamedTuple):
    """Logs to be written in one insert, or one log to be written alone."""

    logs: list[Log]
    together: bool


class Backlog:
    """A bounded buffer of entries by log. A log is with one thread at a time."""

    def __init__(self) -> None:
        self.waiting = 0
        self._bytes = 0
        self._logs: OrderedDict[ObjectId, Log] = OrderedDict()
        self._together: list[Log] = []
        self._alone: deque[Log] = deque()
        self._inserting = False
        self._closed = False
        # Guards all of the above; told of work.
        self._changed = condition()

    def add(self, interview_id: ObjectId, entry: Entry) -> Promise[int]:
        """Have `entry` wait.

        Refused with `Unavailable` by a backlog that is full or closed, and with `Conflict`
        for a log that is sealed.
        """
        waiting = Waiting(entry)
        with self._changed:
            if not self.has_room_for(entry.size):
                waiting.end(Unavailable("The session log cannot be written, try again"))
                return waiting.stored
            log = self._find(interview_id)
            if log.sealed:
                waiting.end(sealed_error())
                return waiting.stored
            self.waiting += 1
            self._bytes += entry.size
            log.waiting.append(waiting)
            if not log.busy:
                log.busy = True
                self._queue(log)
        return waiting.stored

    def has_room_for(self, size: int) -> bool:
        """Tell whether an entry of `size` bytes would be taken."""
        return (
            not self._closed
            and self.waiting < MAX_WAITING
            and self._bytes + size <= MAX_WAITING_BYTES
        )

    def known(self, interview_id: ObjectId) -> int:
        """Return a number of this log that is known to be stored, 0 if none is."""
        with self._changed:
            log = self._logs.get(interview_id)
            return (log.last or 0) if log else 0

    def doubt(self, interview_id: ObjectId) -> None:
        """Have this log read back before its next write."""
        with self._changed:
            if log := self._logs.get(interview_id):
                log.in_doubt = True

    def hear(self, interview_id: ObjectId, seq: int) -> None:
        """Take another process's word that this number of the log is stored."""
        with self._changed:
            if log := self._logs.get(interview_id):
                log.told = max(log.told, seq)

    def unended(self) -> list[Promise[int]]:
        """Return the promises that are open."""
        with self._changed:
            return [waiting.stored for log in self._logs.values() for waiting in log.waiting]

    def close(self) -> None:
        """Give up what still waits, and send the threads home."""
        with self._changed:
            self._closed = True
            abandoned = [waiting for log in self._logs.values() for waiting in log.waiting]
            self._changed.notify_all()
        for waiting in abandoned:
            waiting.end(Unavailable("The session log was closed"))

    # For the threads that write:

    def next(self) -> Work | None:
        """Wait for work; None when closed. What is taken is to be given back."""
        with self._changed:
            while not self._closed:
                if self._alone:
                    return Work([self._alone.popleft()], together=False)
                if self._together and not self._inserting:
                    self._inserting = True
                    logs, self._together = self._together, []
                    for log in logs:
                        log.follow()
                    return Work(logs, together=True)
                self._changed.wait()
        return None

    def give_back(self, work: Work) -> None:
        """End the work on these logs; those with more to write stand in line again."""
        with self._changed:
            if work.together:
                self._inserting = False
            for log in work.logs:
                log.busy = bool(log.waiting)
                if log.busy:
                    self._queue(log)
            if self._alone and self._together:
                # The caller takes the one; somebody has to take the other.
                self._changed.notify()

    def batch(self, logs: list[Log]) -> list[tuple[Log, Waiting]]:
        """Return the first entries of `logs`, as many as one insert may hold."""
        found: list[tuple[Log, Waiting]] = []
        size = 0
        with self._changed:
            for log in logs:
                for waiting in islice(log.waiting, BATCH - len(found)):
                    size += waiting.entry.size
                    if size > BATCH_BYTES and found:
                        return found
                    found.append((log, waiting))
        return found

    def first(self, log: Log) -> Waiting | None:
        """Return the entry that the log has to store next."""
        with self._changed:
            return log.waiting[0] if log.waiting else None

    def stored(self, batch: list[tuple[Log, Waiting]]) -> None:
        """Keep the promises of entries that are stored, in their order."""
        ended = []
        with self._changed:
            for log, waiting in batch:
                log.last = (log.last or 0) + 1
                self._remove(log, waiting)
                ended.append((waiting, log.last))
        for waiting, seq in ended:
            waiting.end(seq)

    def found(self, log: Log, waiting: Waiting, seq: int) -> None:
        """Keep the promise of an entry that is stored already, as this number."""
        with self._changed:
            log.last = max(log.last or 0, seq)
            self._remove(log, waiting)
        waiting.end(seq)

    def refused(self, log: Log, waiting: Waiting, error: ServiceError) -> None:
        """Break the promise of an entry that cannot be stored."""
        with self._changed:
            self._remove(log, waiting)
        waiting.end(error)

    def sealed(self, log: Log) -> None:
        """Refuse what waits for a log that was found sealed, and what will come."""
        with self._changed:
            log.sealed = True
            refused = list(log.waiting)
            for waiting in refused:
                self._remove(log, waiting)
        for waiting in refused:
            waiting.end(sealed_error())

    # Under the lock:

    def _find(self, interview_id: ObjectId) -> Log:
        log = self._logs.get(interview_id)
        if log is not None:
            self._logs.move_to_end(interview_id)
            return log
        if len(self._logs) >= REMEMBERED:
            oldest = next(iter(self._logs.values()))
            if not oldest.busy:
                del self._logs[oldest.interview_id]
        log = self._logs[interview_id] = Log(interview_id)
        return log

    def _queue(self, log: Log) -> None:
        (self._alone if log.alone else self._together).append(log)
        self._changed.notify()

    def _remove(self, log: Log, waiting: Waiting) -> None:
        log.waiting.remove(waiting)
        self.waiting -= 1
        self._bytes -= waiting.entry.size
