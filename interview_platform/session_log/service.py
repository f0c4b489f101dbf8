"""Writing and reading interviews' logs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from bson import ObjectId

from ..core.errors import Conflict, Unavailable
from ..core.mongo import Document, Session
from ..core.paging import Page, PageRequest
from ..core.workpool import Workpool
from .chain import hashes_of
from .entry import MAX_BYTES, TYPES, Entry, Event, client_key, log_actor, sealed_error
from .repository import SessionLogRepository
from .writer import LogWriter, Tell

__all__ = ["TYPES", "Entry", "Event", "SessionLog", "client_key", "log_actor"]

# How many events are hashed at once, apart from the hub.
AT_ONCE = 64


class SessionLog:
    """The one ordered log of each interview: numbered from 1, no gaps, no doubles.

    An event's `actor` is `{userId, name, role}`, or None for the service itself; its
    `type` is one of `TYPES`.
    """

    def __init__(self, repository: SessionLogRepository, pool: Workpool) -> None:
        self._repository = repository
        self._pool = pool
        self._writer = LogWriter(repository)

    @property
    def waiting(self) -> int:
        """How many events of this process wait for the store."""
        return self._writer.waiting

    def tell_to(self, stored: Tell, refused: Tell | None = None) -> None:
        """Have `stored` called with entries that this process has stored, those of one log in
        order, one after another, and `refused` with those that are not stored, and will not
        be; they must not wait."""
        self._writer.tell_to(stored, refused)

    def hear(self, interview_id: ObjectId, seq: int) -> None:
        """Take another process's word that the log has number `seq`, stored by a majority.

        It saves reading the log before writing to it.
        """
        self._writer.hear(interview_id, seq)

    def append(
        self,
        interview_id: ObjectId,
        type: str,  # noqa: A002
        actor: Mapping[str, Any] | None,
        data: Mapping[str, Any],
        at: datetime | None = None,
        client_key: bytes | None = None,
    ) -> Entry:
        """Log an event in the background; returns it at once.

        Events of one `client_key` are logged once: the number of the first is that of all.

        `stored` is done once a majority of the store's members has the event. Raises
        `Unavailable` where too much waits for the store, `Invalid` or `TooLarge` for an event
        that cannot be stored, and `Conflict` for a log that is sealed; where that turns out
        later, `stored` ends with it. Its callbacks must not block.
        """
        entry = Entry(interview_id, type, actor, data, at, client_key)
        self._writer.append(interview_id, entry)
        return entry

    def number_of(self, interview_id: ObjectId, client_key: bytes) -> int | None:
        """Return the number of the event that is stored with this key, None if none is."""
        found = self._repository.of_client(interview_id, client_key)
        return found.seq if found else None

    def check_ready(self) -> None:
        """Raise `Unavailable` where the largest event would be refused for what waits already."""
        if not self._writer.has_room_for(MAX_BYTES):
            raise Unavailable("The session log cannot be written, try again")

    def append_in(
        self,
        session: Session,
        interview_id: ObjectId,
        events: Sequence[Event],
        *,
        new: bool = False,
    ) -> list[tuple[int, ObjectId]]:
        """Log `events` in the transaction of `session`; returns the numbers and ids of entries.

        They exist if it commits. `new` says that the interview is made in it too: its log is
        empty. Has the transaction run again where another writer was
        faster. Raises `Invalid` and `TooLarge` for an event that cannot be stored, and
        `Conflict` for a log that is sealed.
        """
        entries = [Entry(interview_id, *event) for event in events]
        if not entries:
            return []
        last = 0
        if not new:
            known = self._writer.known(interview_id)
            last, sealed = self._repository.end(interview_id, known, session)
            if sealed:
                raise sealed_error()
        # What waits in the background must not rely on the number before this.
        self._writer.doubt(interview_id)
        numbered = list(enumerate(entries, last + 1))
        self._repository.insert_in(session, [entry.numbered(seq) for seq, entry in numbered])
        return [(seq, entry.id) for seq, entry in numbered]

    def page(
        self,
        interview_id: ObjectId,
        page: PageRequest,
        *,
        type: str | None = None,  # noqa: A002
        newest_first: bool = True,
    ) -> Page[Document]:
        """Return events by number, those of one `type` where it is given.

        A cursor's key is `(seq,)`. Events of an older service lack `actor`.
        """
        return self._repository.page(interview_id, page, type, newest_first=newest_first)

    def entries(
        self,
        interview_id: ObjectId,
        *,
        after: int = 0,
        upto: int | None = None,
        types: Collection[str] | None = None,
    ) -> Iterator[Document]:
        """Yield the stored events, `after` < seq <= `upto`, in order; some `types` alone if given.

        Without `upto`, those that are stored when the first is asked for. Reads a few at a
        time, so a log of any length can be walked.
        """
        end = self._repository.last_seq(interview_id, after) if upto is None else upto
        yield from self._repository.entries(interview_id, after, end, types)

    def by_ids(self, entry_ids: Collection[ObjectId]) -> list[Document]:
        """Return those of the events that are stored, by interview and number."""
        return self._repository.by_ids(entry_ids)

    def ids_since(self, interview_id: ObjectId, seq: int) -> Iterator[tuple[int, ObjectId]]:
        """Yield number and id of every event after number `seq`, in order."""
        for stored in self._repository.since(interview_id, seq):
            yield stored.seq, stored.id

    def last_seq(self, interview_id: ObjectId) -> int:
        """Return the number of the log's last stored event, 0 for an empty log."""
        return self._repository.last_seq(interview_id, self._writer.known(interview_id))

    def count_edits(self, since: datetime, until: datetime) -> dict[tuple[ObjectId, ObjectId], int]:
        """Return how many edits of the code came from `since` up to `until`.

        By interview and account; those that the service itself made are left out.
        """
        return self._repository.count_edits(since, until)

    def seq_at(self, interview_id: ObjectId, moment: datetime) -> int:
        """Return the number of the last event that happened at `moment` or before, or 0."""
        return self._repository.seq_at(interview_id, moment)

    def erase(
        self,
        interview_id: ObjectId,
        *,
        types: Collection[str] | None = None,
        user_id: ObjectId | None = None,
    ) -> int:
        """Take the content out of a sealed log's events; returns of how many.

        Of those of one of `types` or by `user_id`; without either, of all. Their hashes
        stay, and so does who did it, by id: the receipt still holds. Again, changes
        nothing. Raises `Conflict` for a log that is not sealed.
        """
        if not self._repository.end(interview_id, self._writer.known(interview_id)).sealed:
            raise Conflict("The interview's log is not sealed")
        count = 0
        # By type alone an index leads to them; who did it has none.
        entries = self.entries(interview_id, types=None if user_id else types)
        while some := list(islice(entries, AT_ONCE)):
            found = [entry for entry in some if _erasable(entry, types, user_id)]
            if found:
                self._repository.erase(found, self._pool.run(hashes_of, found))
            count += len(found)
        return count

    def has_content(self, interview_id: ObjectId) -> bool:
        """Tell whether a log begins with an event that was not erased; logs are erased in order."""
        return self._repository.has_content(interview_id)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was appended so far has ended; False after `timeout` seconds."""
        return self._writer.flush(timeout)

    def close(self, timeout: float | None = 5.0) -> None:
        """Flush, give up what is not stored after `timeout` seconds, and take no more."""
        self._writer.close(timeout)


def _erasable(entry: Document, types: Collection[str] | None, user_id: ObjectId | None) -> bool:
    if entry.get("erased") or entry.get("sealed"):
        return False
    if types is None and user_id is None:
        return True
    of_types = types is not None and entry["type"] in types
    by_user = user_id is not None and (entry.get("actor") or {}).get("userId") == user_id
    return of_types or by_user
