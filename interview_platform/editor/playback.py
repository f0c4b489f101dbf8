"""Playing the log of an interview: the document, as it was at each number."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator

from ..core.errors import Invalid
from ..core.mongo import Document as Stored
from .bounds import MAX_STATE
from .document import Document
from .edits import Edits, edits_between, edits_in_bytes
from .statistics import Statistics
from .update import units

log = logging.getLogger(__name__)

# How many numbers of the log lie between two keyframes.
KEYFRAME_EVERY = 500

# What a document is written in where nothing says so.
PLAIN = "plaintext"

# The types of log entries that are played.
PLAYED = ("code", "system")

# What is kept of the entry of an edit that is not worked in yet.
_NOTED = ("seq", "timestamp", "actor")


class Playback:
    """The document after number `seq` of a log, with all that `/code` and its kin tell.

    `cursors` says, by user's id, where that person's last edit left them, in bytes of UTF-8.
    """

    def __init__(self, keyframe: Stored | None = None) -> None:
        self.seq = 0
        self.document = Document()
        self.language = PLAIN
        self.cursors: dict[str, int] = {}
        self.statistics = Statistics()
        # The entries of edits that came before what they rest on, by update.
        self._early: dict[bytes, Stored] = {}
        # Those, and that of the edit at hand.
        self._entries: dict[bytes, Stored] = {}
        if keyframe:
            self.seq = keyframe["seq"]
            self.document = Document.of([keyframe["state"]])
            for entry in keyframe["early"]:
                self._early[entry["update"]] = entry
                self.document.apply(entry["update"], trusted=True)
            self.language = keyframe["language"]
            self.cursors = dict(keyframe["cursors"])
            self.statistics = Statistics.of(keyframe["statistics"])
        self._text = self.document.text.encode()

    def play(self, entries: Iterable[Stored]) -> list[Stored]:
        """Play the next entries; returns the keyframes that come before the last of them."""
        keyframes: list[Stored] = []
        left = deque(entries)
        while left:
            # Until the document is another one.
            document = self.document
            with document.watched(self._change):
                while left and self.document is document:
                    keyframes += self._play(left.popleft())
        return keyframes

    def advance(self, seq: int) -> list[Stored]:
        """Go on to number `seq`, all before it being played; returns the keyframes passed."""
        return list(self._advance(seq))

    def offsets(self) -> dict[str, int]:
        """Return where each person's cursor is, in UTF-16 units."""
        return {
            user_id: units(self._text[:place].decode()) for user_id, place in self.cursors.items()
        }

    def _play(self, entry: Stored) -> Iterator[Stored]:
        yield from self._advance(entry["seq"] - 1)
        # None once it is erased.
        data = entry.get("data") or {}
        if entry["type"] == "code":
            try:
                self._edit(entry, data)
            except Invalid:
                # Was never checked. The rest is worth more than an error.
                log.warning("entry %s is no edit of the code", entry["_id"])
        elif data.get("event") == "code.language":
            self.language = data["language"]
        elif data.get("event") == "code.run":
            self.statistics.count_run(entry)

    def _advance(self, seq: int) -> Iterator[Stored]:
        first = self.seq - self.seq % KEYFRAME_EVERY + KEYFRAME_EVERY
        for due in range(first, seq + 1, KEYFRAME_EVERY):
            if sum(map(len, self._early)) <= MAX_STATE:
                yield self._keyframe(due)
        self.seq = seq

    def _keyframe(self, seq: int) -> Stored:
        return {
            "seq": seq,
            "state": self.document.since(None),
            "early": [
                {**{name: entry[name] for name in _NOTED}, "update": update}
                for update, entry in self._early.items()
            ],
            "language": self.language,
            "cursors": dict(self.cursors),
            "statistics": self.statistics.keep(),
        }

    def _edit(self, entry: Stored, data: Stored) -> None:
        self.language = data.get("language", self.language)
        if data.get("origin") == "starter":
            # What an older service logged before the birth is in the text it was born with.
            self.document = Document.of([data["update"]])
            self._text = self.document.text.encode()
            self.cursors.clear()
        elif "update" in data:
            self._work_in(entry, data["update"])
        elif "codeSnapshot" in data:
            text = data["codeSnapshot"]
            self.document = Document.written(text)
            old = self._text.decode()
            if edits := edits_in_bytes(edits_between(old, text), old):
                self._follow(entry, edits)

    def _work_in(self, entry: Stored, update: bytes) -> None:
        """Work in an edit, and those before it that rest on it."""
        self._entries = {**self._early, update: self._early.get(update, entry)}
        self.document.apply(update, trusted=True)
        self._early = {early: self._entries[early] for early in self.document.early}

    def _change(self, update: bytes, edits: Edits) -> None:
        """Follow a change of the text by an update that is worked in."""
        self._follow(self._entries[update], edits)

    def _follow(self, entry: Stored, edits: Edits) -> None:
        """Follow a change of the text."""
        deleted = self._rewrite(edits)
        actor = entry.get("actor")
        person = str(actor["userId"]) if actor else None
        shift = 0
        for start, stop, text in edits:
            at = start + shift
            end = at + len(text)
            for other, place in self.cursors.items():
                if place > at:
                    self.cursors[other] = max(end, place + len(text) - (stop - start))
            shift += len(text) - (stop - start)
            if person:
                self.cursors[person] = end
        if actor:
            self.statistics.count_edit(entry, edits, deleted)

    def _rewrite(self, edits: Edits) -> int:
        """Bring the text up to date, and return how many characters are gone."""
        old, at, deleted = self._text, 0, 0
        pieces: list[bytes] = []
        for start, stop, text in edits:
            pieces += (old[at:start], text)
            deleted += len(old[start:stop].decode())
            at = stop
        pieces.append(old[at:])
        self._text = b"".join(pieces)
        return deleted
