"""Every event of an interview that is kept is told to each socket once, whatever Redis loses.

Events are relayed before they are stored, so nobody knows their numbers then. A feed
remembers what this process has told by the ids of log entries, and compares that with the
log as it grows: what another process logged and Redis did not bring is told late, out of
the log, and dropped if it is heard after all. Up to `upto` everything has been told.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from bson import ObjectId

from ..core.broadcast import Message

# Entries told late, or just before the feed began, of which the relay may come still.
REMEMBERED = 1_000
BEFORE = 64

# Seconds after which the log is asked for the number of what another process told, which has
# not said it; and after which it is odd that the log has none.
UNNUMBERED = 1.0
OVERDUE = 3.0


class Told(NamedTuple):
    """An event that was told, or written without being told (None), before it had a number."""

    message: Message | None
    own: bool
    at: float


# One that this process wrote is neither waited for nor late.
_WROTE = Told(None, own=True, at=0.0)


class Feed:
    """What this process has told of one interview."""

    def __init__(self, interview_id: ObjectId) -> None:
        self.interview_id = interview_id
        self.upto = 0
        self.positioned = 0
        self._told: dict[str, Told] = {}
        # Entries that are stored, beyond one that is not known yet.
        self._ahead: dict[int, str] = {}
        self._late: OrderedDict[str, None] = OrderedDict()

    def begin(self, upto: int, before: Iterator[str]) -> None:
        """Take all up to number `upto` as told; `before` are the ids of the last of these."""
        self.upto = upto
        for entry_id in before:
            self._told.pop(entry_id, None)
            self._remember_late(entry_id)
        # Numbers that were heard of before are known by now.
        self._ahead = {seq: entry_id for seq, entry_id in self._ahead.items() if seq > upto}
        self._go_on()

    def wrote(self, entry_id: ObjectId) -> None:
        """Note an entry that this process writes; what is told of it is told by `tells`."""
        self._told[str(entry_id)] = _WROTE

    def tells(self, entry_id: str, message: Message) -> bool:
        """Tell whether `message` is news, and note that it is told now."""
        if entry_id in self._late:
            return False
        known = self._told.get(entry_id)
        own = known.own if known else False
        self._told[entry_id] = Told(message, own, known.at if known else time.monotonic())
        return True

    def stored(self, entry_id: ObjectId, seq: int) -> None:
        """Note the number of an entry that was told here or written by this process, or of
        which nothing is told."""
        if seq > self.upto + 1:
            self._ahead[seq] = str(entry_id)
            return
        self._told.pop(str(entry_id), None)
        if seq > self.upto:
            self.upto = seq
            if self._ahead:
                self._go_on()

    def failed(self, entry_id: ObjectId) -> None:
        """Note that an entry of this process is not stored, and will not be."""
        self._told.pop(str(entry_id), None)

    def passes(self, seq: int, entry_id: str) -> bool:
        """Go on to number `seq`; tells whether it is new to this process and must be told."""
        if seq != self.upto + 1:
            return False
        self.upto = seq
        self._ahead.pop(seq, None)
        if self._told.pop(entry_id, None) or entry_id in self._late:
            return False
        self._remember_late(entry_id)
        return True

    def knows(self, entry_id: str) -> bool:
        return entry_id in self._told or entry_id in self._late

    @property
    def in_want(self) -> bool:
        """Whether the log holds, or should hold by now, what others have written."""
        since = time.monotonic() - UNNUMBERED
        return bool(self._ahead) or any(
            not told.own and told.at < since for told in self._told.values()
        )

    def unnumbered(self) -> list[Message]:
        """Return what was told and has no number yet, in the order told."""
        return [told.message for told in self._told.values() if told.message]

    def unstored(self) -> list[Message]:
        """Return what was told and is not known to be in the log, in the order told."""
        stored = set(self._ahead.values())
        return [
            told.message
            for entry_id, told in self._told.items()
            if told.message and entry_id not in stored
        ]

    def overdue(self) -> list[Message]:
        """Take out what others told and the log should hold by now; the log was just read."""
        since = time.monotonic() - OVERDUE
        late = [
            (entry_id, told)
            for entry_id, told in self._told.items()
            if not told.own and told.at < since
        ]
        for entry_id, _ in late:
            del self._told[entry_id]
            self._remember_late(entry_id)
        return [told.message for _, told in late if told.message]

    def _go_on(self) -> None:
        while next_id := self._ahead.pop(self.upto + 1, None):
            self.upto += 1
            self._told.pop(next_id, None)

    def _remember_late(self, entry_id: str) -> None:
        self._late[entry_id] = None
        if len(self._late) > REMEMBERED:
            self._late.popitem(last=False)
