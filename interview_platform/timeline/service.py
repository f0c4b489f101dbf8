"""An interview played back: what happened, and what the code was at any moment."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from bson import ObjectId

from ..auth.model import Actor
from ..core import json
from ..core.clock import from_milliseconds
from ..core.mongo import Document
from ..core.workpool import FairWorkpool
from ..editor.service import EditorService, Version
from ..interviews.service import InterviewService
from ..session_log.service import SessionLog
from .diff import unified

# From this number on a place in the log is a time, in milliseconds since the epoch.
FIRST_TIME = 10**11

# How many entries are spelled at once.
_AT_ONCE = 64


class TimelineService:
    """Reads only. A place in a log is a number of it, or a time in milliseconds.

    Everything raises `NotFound` for those who may not know of the interview.
    """

    def __init__(
        self,
        interviews: InterviewService,
        session_log: SessionLog,
        editor: EditorService,
        pool: FairWorkpool,
    ) -> None:
        self._interviews = interviews
        self._log = session_log
        self._editor = editor
        self._pool = pool

    def events(
        self,
        actor: Actor,
        interview_id: ObjectId,
        *,
        first: int | None = None,
        last: int | None = None,
        types: Collection[str] | None = None,
    ) -> Iterator[bytes]:
        """Return what happened from place `first` to place `last`, both included, as lines.

        A line is the JSON of an event, as the log's pages have it; a few come at once.
        """
        self._interviews.check(actor, "timeline.list_events", interview_id)
        after = self._before(interview_id, first) if first else 0
        upto = self._log.last_seq(interview_id)
        if last is not None:
            upto = min(upto, self._seq(interview_id, last))
        entries = self._log.entries(interview_id, after=after, upto=upto, types=types)
        return self._lines(interview_id, entries)

    def code(self, actor: Actor, interview_id: ObjectId, at: int | None = None) -> Document:
        """Return text, language and cursors at a place, by default now."""
        self._interviews.check(actor, "timeline.get_code", interview_id)
        version = self._version(interview_id, at)
        people = version.statistics.people
        return {
            "seq": version.seq,
            "at": self._time_of(interview_id, version.seq),
            "text": version.document.text,
            "language": version.language,
            "cursors": [
                {"userId": user_id, "name": people[user_id].name, "offset": offset}
                for user_id, offset in version.cursors.items()
            ],
        }

    def diff(
        self, actor: Actor, interview_id: ObjectId, first: int = 0, last: int | None = None
    ) -> Document:
        """Return how the text at one place differs from that at another, as a unified diff."""
        self._interviews.check(actor, "timeline.get_diff", interview_id)
        old = self._version(interview_id, first)
        new = self._version(interview_id, last)
        names = f"code@{old.seq}", f"code@{new.seq}"
        diff = self._pool.run(interview_id, unified, old.document.text, new.document.text, *names)
        return {"from": old.seq, "to": new.seq, "diff": diff}

    def statistics(self, actor: Actor, interview_id: ObjectId) -> Document:
        """Return who typed how much, what was pasted, when nobody typed, and what was run."""
        self._interviews.check(actor, "timeline.get_stats", interview_id)
        kept: dict[str, Any] = self._editor.load(interview_id).statistics.keep()
        people = [{"userId": user_id, **person} for user_id, person in kept["people"].items()]
        return {"people": people, "idle": kept["idle"], "runs": kept["runs"]}

    def _lines(self, interview_id: ObjectId, entries: Iterator[Document]) -> Iterator[bytes]:
        while some := list(islice(entries, _AT_ONCE)):
            yield self._pool.run(interview_id, _spell, some)

    def _version(self, interview_id: ObjectId, place: int | None) -> Version:
        """Return the document at `place`, by default after all that happened."""
        return self._editor.load(
            interview_id, None if place is None else self._seq(interview_id, place)
        )

    def _seq(self, interview_id: ObjectId, place: int) -> int:
        """Return the number of the last event at `place` or before."""
        if place < FIRST_TIME:
            return place
        return self._log.seq_at(interview_id, from_milliseconds(place))

    def _before(self, interview_id: ObjectId, place: int) -> int:
        """Return the number of the last event before `place`."""
        if place < FIRST_TIME:
            return place - 1
        moment = from_milliseconds(place) - timedelta(milliseconds=1)
        return self._log.seq_at(interview_id, moment)

    def _time_of(self, interview_id: ObjectId, seq: int) -> datetime | None:
        found = list(self._log.entries(interview_id, after=seq - 1, upto=seq)) if seq else []
        return found[0]["timestamp"] if found else None


def _spell(entries: Sequence[Document]) -> bytes:
    return b"".join(json.dumps(_event(entry)) + b"\n" for entry in entries)


def _event(entry: Document) -> Document:
    return {
        "id": entry["_id"],
        "seq": entry["seq"],
        "type": entry["type"],
        "timestamp": entry["timestamp"],
        "actor": entry.get("actor"),
        "data": entry.get("data") or {},
        "erased": entry.get("erased", False),
    }
