"""Characters of two UTF-16 units, which no edit may cut in two: their halves are no text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..core.errors import Invalid
from .update import Struct, Update


class Halves:
    """Where a document has second halves of characters: those beyond Unicode's first plane."""

    def __init__(self) -> None:
        # By client, their clocks.
        self._clocks: dict[int, set[int]] = {}

    def note(self, structs: Iterable[Struct]) -> None:
        """Take note of what `structs` have brought into the document."""
        for struct in structs:
            if struct.text and not struct.text.isascii():
                halves = set(_second_halves(struct))
                if halves:
                    self._clocks.setdefault(struct.client, set()).update(halves)

    def check(self, content: Update, known: Mapping[int, int]) -> None:
        """Check that an update cuts no character, of the document or of its own, in two.

        `known` says, by client, up to which clock the document has what it wrote. Raises
        `Invalid`.
        """
        own: dict[int, set[int]] = {}
        for struct in content.structs:
            text = struct.text
            if text and not text.isascii():
                found = set(_second_halves(struct))
                if known.get(struct.client) in found:
                    raise _cut()
                if found:
                    own.setdefault(struct.client, set()).update(found)
        if not own and not self._clocks:
            return

        def cuts(client: int, clock: int) -> bool:
            return clock in self._clocks.get(client, ()) or clock in own.get(client, ())

        for struct in content.structs:
            if struct.left and cuts(struct.left[0], struct.left[1] + 1):
                raise _cut()
            if struct.right and cuts(*struct.right):
                raise _cut()
        for client, clock, length in content.deletions:
            if cuts(client, clock) or cuts(client, clock + length):
                raise _cut()


def _second_halves(struct: Struct) -> Iterator[int]:
    clock = struct.clock
    for character in struct.text or "":
        clock += 1
        if character > "\uffff":
            yield clock
            clock += 1


def _cut() -> Invalid:
    return Invalid({"update": ["Cuts a character in two."]})
