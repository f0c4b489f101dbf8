"""What waits to be written to the session logs, and whose turn it is."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from itertools import islice
from queue import SimpleQueue
from threading import Lock
from typing import NamedTuple

from bson import ObjectId

from ..core.errors import Unavailable
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
class Log:
    """One interview's log, as far as this process knows it.

    `last` is a number known to be stored by a majority, and all that waits comes after it.
    """

    interview_id: ObjectId
    waiting: deque[Entry] = field(default_factory=deque)
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
        # Guards all of the above. Nothing waits while it is held.
        self._lock = Lock()
        # One for each piece of work that a thread could take: whoever takes one looks for it.
        self._bell: SimpleQueue[None] = SimpleQueue()

    def add(self, interview_id: ObjectId, entry: Entry) -> None:
        """Have `entry` wait.

        Raises `Unavailable` where the backlog is full or closed, and `Conflict` for a log that
        is sealed.
        """
        size = entry.size
        with self._lock:
            if not self.has_room_for(size):
                raise Unavailable("The session log cannot be written, try again")
            log = self._find(interview_id)
            if log.sealed:
                raise sealed_error()
            self.waiting += 1
            self._bytes += size
            log.waiting.append(entry)
            if not log.busy:
                log.busy = True
                self._queue(log)

    def has_room_for(self, size: int) -> bool:
        """Tell whether an entry of `size` bytes would be taken."""
        return (
            not self._closed
            and self.waiting < MAX_WAITING
            and self._bytes + size <= MAX_WAITING_BYTES
        )

    def known(self, interview_id: ObjectId) -> int:
        """Return a number of this log that is known to be stored, 0 if none is."""
        with self._lock:
            log = self._logs.get(interview_id)
            return (log.last or 0) if log else 0

    def doubt(self, interview_id: ObjectId) -> None:
        """Have this log read back before its next write."""
        with self._lock:
            if log := self._logs.get(interview_id):
                log.in_doubt = True

    def hear(self, interview_id: ObjectId, seq: int) -> None:
        """Take another process's word that this number of the log is stored."""
        with self._lock:
            if log := self._logs.get(interview_id):
                log.told = max(log.told, seq)

    def entries(self) -> list[Entry]:
        """Return what waits."""
        with self._lock:
            return [entry for log in self._logs.values() for entry in log.waiting]

    def close(self) -> None:
        """Take no more, and send the threads home."""
        with self._lock:
            self._closed = True
        self._bell.put(None)

    # For the threads that write:

    def next(self) -> Work | None:
        """Wait for work; None when closed. What is taken is to be given back."""
        while True:
            with self._lock:
                if self._closed:
                    break
                if self._alone:
                    return Work([self._alone.popleft()], together=False)
                if self._together and not self._inserting:
                    self._inserting = True
                    logs, self._together = self._together, []
                    for log in logs:
                        log.follow()
                    return Work(logs, together=True)
            self._bell.get()
        self._bell.put(None)  # for the next thread
        return None

    def give_back(self, work: Work) -> None:
        """End the work on these logs; those with more to write stand in line again.

        The caller is to look for work next.
        """
        with self._lock:
            if work.together:
                self._inserting = False
                if self._together:
                    self._bell.put(None)
            for log in work.logs:
                log.busy = bool(log.waiting)
                if log.busy:
                    self._queue(log)

    def batch(self, logs: list[Log]) -> list[tuple[Log, Entry]]:
        """Return the first entries of `logs`, as many as one insert may hold."""
        found: list[tuple[Log, Entry]] = []
        size = 0
        with self._lock:
            for log in logs:
                for entry in islice(log.waiting, BATCH - len(found)):
                    size += entry.size
                    if size > BATCH_BYTES and found:
                        return found
                    found.append((log, entry))
        return found

    def first(self, log: Log) -> Entry | None:
        """Return the entry that the log has to store next."""
        with self._lock:
            return log.waiting[0] if log.waiting else None

    def stored(self, batch: list[tuple[Log, Entry]]) -> None:
        """Take out entries that are stored, as the next ones of their logs."""
        with self._lock:
            for log, entry in batch:
                log.last = (log.last or 0) + 1
                self._remove(log, entry)

    def found(self, log: Log, entry: Entry, seq: int) -> None:
        """Take out an entry that is stored already, as this number."""
        with self._lock:
            log.last = max(log.last or 0, seq)
            self._remove(log, entry)

    def refused(self, log: Log, entry: Entry) -> None:
        """Take out an entry that cannot be stored."""
        with self._lock:
            self._remove(log, entry)

    def sealed(self, log: Log) -> list[Entry]:
        """Take out what waits for a log that was found sealed, and refuse what will come."""
        with self._lock:
            log.sealed = True
            refused = list(log.waiting)
            for entry in refused:
                self._remove(log, entry)
        return refused

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
        if log.alone:
            self._alone.append(log)
            self._bell.put(None)
        else:
            self._together.append(log)
            # Those that come while others are inserted are taken up when that is done.
            if len(self._together) == 1 and not self._inserting:
                self._bell.put(None)

    def _remove(self, log: Log, entry: Entry) -> None:
        log.waiting.remove(entry)
        self.waiting -= 1
        self._bytes -= entry.size
