"""Writing and reading interviews' logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any

from bson import ObjectId

from ..core.errors import ServiceError
from ..core.mongo import Document, Session
from ..core.paging import Page, PageRequest
from .entry import TYPES, Entry, Event
from .repository import SessionLogRepository
from .writer import LogWriter

__all__ = ["TYPES", "Event", "SessionLog"]


class SessionLog:
    """The one ordered log of each interview: numbered from 1, no gaps, no doubles.

    An event's `actor` is `{userId, name, role}`, or None for the service itself; its
    `type` is one of `TYPES`.
    """

    def __init__(self, repository: SessionLogRepository) -> None:
        self._repository = repository
        self._writer = LogWriter(repository)

    @property
    def waiting(self) -> int:
        """How many events of this process wait for the store."""
        return self._writer.waiting

    def append(
        self,
        interview_id: ObjectId,
        type: str,  # noqa: A002
        actor: Mapping[str, Any] | None,
        data: Mapping[str, Any],
        at: datetime | None = None,
    ) -> Future[int]:
        """Log an event in the background; returns its number to come, at once.

        The future is done once a majority of the store's members has the event. It ends
        with `Unavailable` where too much waits for the store, and with `Invalid` or
        `TooLarge` for an event that cannot be stored. Its callbacks must not block.
        """
        try:
            entry = Entry.of(interview_id, Event(type, actor, data, at))
        except ServiceError as error:
            refused: Future[int] = Future()
            refused.set_exception(error)
            return refused
        return self._writer.append(interview_id, entry)

    def append_in(
        self, session: Session, interview_id: ObjectId, events: Sequence[Event]
    ) -> list[int]:
        """Log `events` in the transaction of `session`; returns their numbers.

        They exist if it commits. Has the transaction run again where another writer was
        faster. Raises `Invalid` and `TooLarge` for an event that cannot be stored.
        """
        entries = [Entry.of(interview_id, event) for event in events]
        if not entries:
            return []
        known = self._writer.known(interview_id)
        last = self._repository.last_seq(interview_id, known, session)
        # What waits in the background must not rely on the number before this.
        self._writer.doubt(interview_id)
        numbers = list(range(last + 1, last + 1 + len(entries)))
        self._repository.insert_in(
            session,
            [entry.numbered(seq) for entry, seq in zip(entries, numbers, strict=True)],
        )
        return numbers

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

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was appended so far has ended; False after `timeout` seconds."""
        return self._writer.flush(timeout)

    def close(self, timeout: float | None = 5.0) -> None:
        """Flush, give up what is not stored after `timeout` seconds, and take no more."""
        self._writer.close(timeout)
