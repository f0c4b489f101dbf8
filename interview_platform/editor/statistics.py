"""Who typed how much, what was pasted, when nobody typed, and what was run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from ..core.mongo import Document as Stored
from .edits import Edits

# An insert of more characters than this is no typing.
PASTE = 200
# Insertions of one edit with less kept between them, in bytes, count as one: what is pasted
# over something else shares letters with it by chance.
_BY_CHANCE = 8
# For longer than this nobody edited.
IDLE = timedelta(seconds=60)
# How many pastes, idle stretches and runs are listed: the first.
MAX_LISTED = 500


@dataclass(slots=True)
class Person:
    """What one person did; `inserted` and `deleted` are characters."""

    name: str | None = None
    inserted: int = 0
    deleted: int = 0
    edits: int = 0
    pastes: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Statistics:
    """What happened up to some moment; `people` by their user's id."""

    people: dict[str, Person] = field(default_factory=dict)
    idle: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    edited_at: datetime | None = None

    @classmethod
    def of(cls, kept: Stored) -> Self:
        """Return the statistics that `keep` made `kept` of."""
        people = {user_id: Person(**person) for user_id, person in kept["people"].items()}
        return cls(**{**kept, "people": people})

    def keep(self) -> Stored:
        """Return the statistics as they can be stored."""
        return asdict(self)

    def count_edit(self, entry: Stored, edits: Edits, deleted: int) -> None:
        """Count what somebody edited at once, and that it deleted so many characters."""
        actor = entry["actor"]
        person = self.people.setdefault(str(actor["userId"]), Person())
        person.name = actor.get("name") or person.name
        person.edits += 1
        person.deleted += deleted
        person.inserted += sum(len(edit.text.decode()) for edit in edits)
        at = entry["timestamp"]
        length = _longest_insert(edits)
        if length > PASTE and len(person.pastes) < MAX_LISTED:
            person.pastes.append({"seq": entry["seq"], "at": at, "length": length})
        if self.edited_at and at - self.edited_at > IDLE and len(self.idle) < MAX_LISTED:
            self.idle.append({"from": self.edited_at, "to": at})
        self.edited_at = max(at, self.edited_at or at)

    def count_run(self, entry: Stored) -> None:
        """Count that somebody ran the code."""
        data, actor = entry["data"], entry.get("actor") or {}
        if len(self.runs) < MAX_LISTED:
            self.runs.append(
                {
                    "seq": entry["seq"],
                    "at": entry["timestamp"],
                    "userId": actor.get("userId"),
                    "language": data.get("language"),
                    "exitCode": data.get("exitCode"),
                    "durationMs": data.get("durationMs"),
                }
            )


def _longest_insert(edits: Edits) -> int:
    longest = length = at = 0
    for start, stop, text in edits:
        if start - at >= _BY_CHANCE:
            length = 0
        length += len(text.decode())
        longest = max(longest, length)
        at = stop
    return longest
