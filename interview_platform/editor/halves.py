"""Characters of two UTF-16 units, which no edit may cut in two: their halves are no text."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import NamedTuple

from ..core.errors import Invalid
from .update import Struct, Update

# Of the higher byte of a UTF-16 unit: whether the unit is the second half of a character.
_IS_SECOND = bytes(ord("1") if 0xDC <= byte < 0xE0 else ord("0") for byte in range(256))


class _Stretch(NamedTuple):
    """Characters that one client wrote in a row, from `clock` on.

    `bits` has a bit for each UTF-16 unit, the lowest first: whether it is a second half.
    """

    clock: int
    bits: bytes


class Halves:
    """Where a document has second halves of characters: those beyond Unicode's first plane."""

    def __init__(self) -> None:
        # By client, by clock.
        self._stretches: dict[int, list[_Stretch]] = {}

    def note(self, structs: Iterable[Struct]) -> None:
        """Take note of what `structs` have brought into the document.

        A client's structs come by clock, and each once.
        """
        for client, clock, _, text, _, _ in structs:
            if text and not text.isascii() and (bits := _second_halves(text)):
                self._stretches.setdefault(client, []).append(_Stretch(clock, bits))

    def check(self, content: Update, known: Mapping[int, int]) -> None:
        """Check that an update cuts no character, of the document or of its own, in two.

        `known` says, by client, up to which clock the document has what it wrote. Raises
        `Invalid`.
        """
        own = Halves()
        own.note(content.structs)
        if any(own.has(client, known.get(client, 0)) for client in own._stretches):
            raise _cut()
        if not own._stretches and not self._stretches:
            return

        def cuts(client: int, clock: int) -> bool:
            return self.has(client, clock) or own.has(client, clock)

        for struct in content.structs:
            if struct.left and cuts(struct.left[0], struct.left[1] + 1):
                raise _cut()
            if struct.right and cuts(*struct.right):
                raise _cut()
        for client, clock, length in content.deletions:
            if cuts(client, clock) or cuts(client, clock + length):
                raise _cut()

    def has(self, client: int, clock: int) -> bool:
        """Tell whether a second half is known here."""
        stretches = self._stretches.get(client, ())
        place = bisect_right(stretches, clock, key=attrgetter("clock"))
        if not place:
            return False
        first, bits = stretches[place - 1]
        at = clock - first
        return at >> 3 < len(bits) and bool(bits[at >> 3] >> (at & 7) & 1)


def _second_halves(text: str) -> bytes:
    """Return the bits of `_Stretch`, up to the last that is set: none where there is none."""
    higher = text.encode("utf-16-le")[1::2].translate(_IS_SECOND)
    bits = int(higher[::-1], 2)
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def _cut() -> Invalid:
    return Invalid({"update": ["Cuts a character in two."]})
