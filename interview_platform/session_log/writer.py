"""Group commit: many events, of many interviews, in one write to the store.

What is appended waits for the write before it to end: in a quiet hour it is written at
once, in a busy one with many others. Of most logs this process knows the last number,
and their events are written together, in one ordered insert. The rest are written alone,
after reading back what is stored: logs met for the first time, those of which a write
ended in doubt, and those that another process writes too without saying so, which would
otherwise make the common insert stop again and again. Processes that hear each other say
what they have stored, and need not read.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from threading import Event, Lock, Thread

from bson import ObjectId
from pymongo.errors import PyMongoError

from ..core.errors import Invalid, ServiceError, Unavailable
from ..core.mongo import Document
from ..core.promise import all_done
from ..core.ratelimit import Bucket
from .backlog import Backlog, Log
from .entry import Entry, sealed_error
from .repository import WINDOW, SessionLogRepository, Stopped, Stored

log = logging.getLogger(__name__)

THREADS = 4

# Inserts beyond this wait, for each costs more than the events in it: what comes meanwhile
# shares the next one.
INSERTS_PER_SECOND = 10
INSERTS_AT_ONCE = 10

# All in seconds. After an insert, when other processes have their turn.
PAUSE = 0.01
# A log is written alone for so long after a process was seen to write it that did not say so.
RIVALRY = 5.0
# Between two tries: at first, and at most.
RETRY = 0.02
RETRY_MOST = 1.0

Tell = Callable[[Sequence[Document]], None]


class LogWriter:
    """Stores entries in the background, each log's in the order they were given.

    Where an entry with its client's key is stored already, that one's number is the promise's.
    Its threads start with the first entry; under gevent they are greenlets.
    """

    def __init__(self, repository: SessionLogRepository) -> None:
        self._repository = repository
        self._tell_stored: Tell = _tell_nobody
        self._tell_refused: Tell = _tell_nobody
        self._backlog = Backlog()
        self._closing = Event()
        self._starting = Lock()
        self._started = False
        self._away = False
        self._pace = Bucket(INSERTS_PER_SECOND, INSERTS_AT_ONCE)

    @property
    def waiting(self) -> int:
        """How many entries wait for the store."""
        return self._backlog.waiting

    def tell_to(self, stored: Tell, refused: Tell | None) -> None:
        """Have `stored` called with the documents that were stored, and `refused` with those
        that will not be, in whichever thread finds out."""
        self._tell_stored = stored
        self._tell_refused = refused or _tell_nobody

    def append(self, interview_id: ObjectId, entry: Entry) -> None:
        """Have `entry` stored, without waiting for it.

        Raises `Unavailable` if too much waits for the store, and `Conflict` if the log is
        sealed. Its promise ends with `Unavailable` if the writer is closed before the store
        took it, with `Invalid` if the store refuses it, and with `Conflict` if the log turns
        out to be sealed.
        """
        self._backlog.add(interview_id, entry)
        if not self._started:
            self._start()

    def has_room_for(self, size: int) -> bool:
        """Tell whether an entry of `size` bytes would be taken."""
        return self._backlog.has_room_for(size)

    def known(self, interview_id: ObjectId) -> int:
        """Return a number of this log that is known to be stored, 0 if none is."""
        return self._backlog.known(interview_id)

    def doubt(self, interview_id: ObjectId) -> None:
        """Have this log read back before its next write: somebody else may write to it now."""
        self._backlog.doubt(interview_id)

    def hear(self, interview_id: ObjectId, seq: int) -> None:
        """Take another process's word that this number of the log is stored by a majority."""
        self._backlog.hear(interview_id, seq)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was appended so far has ended; False after `timeout` seconds."""
        return all_done([entry.stored for entry in self._backlog.entries()], timeout)

    def close(self, timeout: float | None = 5.0) -> None:
        """Flush, then give up what is not stored after `timeout` seconds, and stop."""
        self.flush(timeout)
        self._closing.set()
        self._backlog.close()
        # A thread may be storing these at this very moment: then the first outcome holds.
        self._refuse(self._backlog.entries(), Unavailable("The session log was closed"))

    def _start(self) -> None:
        with self._starting:
            if self._started:
                return
            self._started = True
        for number in range(THREADS):
            Thread(target=self._run, name=f"session-log-{number}", daemon=True).start()

    def _run(self) -> None:
        while work := self._backlog.next():
            try:
                if work.together:
                    self._write_together(work.logs)
                else:
                    self._write_alone(work.logs[0])
            except Exception:
                log.exception("the session log's writer failed and goes on")
                self._doubt(work.logs)
                self._closing.wait(RETRY_MOST)
            finally:
                self._backlog.give_back(work)

    def _write_together(self, logs: list[Log]) -> None:
        batch = self._backlog.batch(logs)
        try:
            self._insert(batch)
        except Stopped as stopped:
            logged = batch[stopped.at][0]
            # Whoever was faster is about to say so.
            self._closing.wait(PAUSE)
            if stopped.refused or not logged.follow():
                self._doubt([logged])
        except PyMongoError as error:
            self._lost(error)
            self._doubt([logged for logged, _ in batch])
        else:
            self._closing.wait(max(PAUSE, self._pace.owe(1)))

    def _write_alone(self, logged: Log) -> None:
        delay = RETRY
        overtaken = False
        while not self._closing.is_set():
            try:
                if not self._read_back(logged) and overtaken and not self._find(logged):
                    # What was in the way is not stored for good yet, and may not stay.
                    self._closing.wait(RETRY)
                    self._read_back(logged)
                self._insert(self._backlog.batch([logged]))
            except Stopped:
                logged.in_doubt = overtaken = True
            except PyMongoError as error:
                logged.in_doubt = True
                self._lost(error)
                self._closing.wait(delay)
                delay = min(2 * delay, RETRY_MOST)
            else:
                if logged.has_silent_rivals:
                    self._closing.wait(PAUSE)
                return

    def _insert(self, batch: list[tuple[Log, Entry]]) -> None:
        """Store `batch`, which holds each log's next entries in order.

        Raises what the repository does, with the promises of entries before a stop kept,
        and that of an entry that the store refuses broken.
        """
        if not batch:
            return
        lasts: dict[Log, int] = {}
        documents: list[Document] = []
        for logged, entry in batch:
            seq = lasts[logged] = lasts.get(logged, logged.last or 0) + 1
            documents.append(entry.numbered(seq))
        try:
            self._repository.insert(documents)
        except Stopped as stopped:
            self._stored(batch[: stopped.stored], documents[: stopped.stored])
            if stopped.refused:
                log.warning("the store refuses an event: %s", stopped)
                logged, entry = batch[stopped.at]
                self._backlog.refused(logged, entry)
                self._refuse([entry], Invalid({"data": ["The store refuses this event."]}))
            else:
                self._settle_repeat(*batch[stopped.at])
            raise
        self._stored(batch, documents)
        self._back()

    def _settle_repeat(self, logged: Log, entry: Entry) -> None:
        """Take out an entry that cannot be stored, since a client has sent it twice.

        It has the number of the one that is stored. Raises PyMongo's errors.
        """
        key = entry.client_key
        first = self._repository.of_client(logged.interview_id, key) if key else None
        if first is None or first.id == entry.id:
            return
        self._backlog.refused(logged, entry)
        self._tell_refused([entry.document])
        entry.stored.set_result(first.seq)

    def _found(self, logged: Log, entry: Entry, seq: int) -> None:
        self._tell_stored([entry.numbered(seq)])
        self._backlog.found(logged, entry, seq)
        entry.stored.set_result(seq)

    def _stored(self, batch: list[tuple[Log, Entry]], documents: list[Document]) -> None:
        if not documents:
            return
        self._tell_stored(documents)
        self._backlog.stored(batch)
        for (_, entry), document in zip(batch, documents, strict=True):
            entry.stored.set_result(document["seq"])

    def _sealed(self, logged: Log) -> None:
        self._refuse(self._backlog.sealed(logged), sealed_error())

    def _refuse(self, entries: Sequence[Entry], error: ServiceError) -> None:
        if entries:
            self._tell_refused([entry.document for entry in entries])
        for entry in entries:
            entry.stored.set_exception(error)

    def _read_back(self, logged: Log) -> bool:
        """Bring what is known of the log up to date; tells whether there was anything new.

        Entries of ours that are found have been stored by a write that ended in doubt.
        """
        logged.in_doubt = False
        before = logged.last
        if before is None:
            self._jump(logged)
            return True
        while True:
            # As quick as can be: whoever takes longer than others that write has no turn.
            news = self._repository.next_after(logged.interview_id, logged.last or 0)
            self._take_up(logged, news)
            if len(news) < WINDOW:
                return logged.last != before
            # Ours are stored in order: where the first is not, none is.
            if not self._find(logged):
                self._jump(logged)

    def _find(self, logged: Log) -> bool:
        """Look for the next entry, wherever it stands; tells whether it is stored already.

        Where the driver tried twice, a write that was overtaken may have been made by the first,
        and others may have said since that they have stored more.
        """
        ours = self._backlog.first(logged)
        if ours is None:
            return False
        seq = self._repository.number_of(ours.id)
        if seq is None:
            return False
        self._found(logged, ours, seq)
        return True

    def _jump(self, logged: Log) -> None:
        """Go to the end of a log that holds none of what waits."""
        end = self._repository.end(logged.interview_id, logged.last or 0)
        logged.last = end.seq
        if end.sealed:
            self._sealed(logged)

    def _take_up(self, logged: Log, news: Iterable[Stored]) -> None:
        """Find out who wrote what follows in the log."""
        for stored in news:
            ours = self._backlog.first(logged)
            if ours and ours.id == stored.id:
                self._found(logged, ours, stored.seq)
            else:
                logged.last = stored.seq
                if stored.seq > logged.told:
                    logged.silent_rivals_until = time.monotonic() + RIVALRY
            if stored.sealed:
                self._sealed(logged)

    def _doubt(self, logs: Iterable[Log]) -> None:
        for logged in logs:
            logged.in_doubt = True

    def _lost(self, error: PyMongoError) -> None:
        if not self._away:
            self._away = True
            # Not the message: it may spell out the events.
            log.warning("the store is away, %d events wait: %r", self.waiting, type(error))

    def _back(self) -> None:
        if self._away:
            self._away = False
            log.info("the store is back")


def _tell_nobody(_: Sequence[Document]) -> None:
    pass
