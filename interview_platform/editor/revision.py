"""What has changed in a text since somebody saw it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from weakref import ref

from .edits import Edits

# How many edits are looked back upon.
MOST_EDITS = 10_000


class Revision:
    """A moment in the life of a text, after so many `edits`; holds on to those after it."""

    __slots__ = ("__weakref__", "change", "edits", "next")

    def __init__(self, edits: int = 0) -> None:
        self.edits = edits
        self.change: Edits = []
        self.next: Revision | None = None


class Base(NamedTuple):
    """A text that somebody has before them, and may edit.

    What made of it the text at `revision` is in `changes`.
    """

    text: str
    revision: Revision
    changes: Sequence[Edits] = ()


class History:
    """The changes of a text, each kept for as long as somebody has a revision from before it."""

    def __init__(self) -> None:
        self._last = ref(Revision())

    @property
    def is_kept(self) -> bool:
        """Whether anybody has a revision."""
        return self._last() is not None

    @property
    def now(self) -> Revision:
        """The revision of the text as it is."""
        revision = self._last()
        if revision is None:
            revision = Revision()
            self._last = ref(revision)
        return revision

    def record(self, change: Edits) -> None:
        """Take note that `change` was made."""
        revision = self._last()
        if revision is not None:
            revision.change = change
            revision.next = Revision(revision.edits + len(change))
            self._last = ref(revision.next)

    def distance(self, base: Base) -> int:
        """Return how many edits made of `base` the text as it is."""
        return self.now.edits - base.revision.edits + sum(map(len, base.changes))

    def since(self, base: Base) -> list[Edits] | None:
        """Return what made of `base` the text as it is, change by change.

        None where that is not known: it was another text's, or is over `MOST_EDITS` ago.
        """
        if self.distance(base) > MOST_EDITS:
            return None
        changes = list(base.changes)
        now, revision = self.now, base.revision
        while revision is not now:
            if revision.next is None:
                return None
            changes.append(revision.change)
            revision = revision.next
        return changes
