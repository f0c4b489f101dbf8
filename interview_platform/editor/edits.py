"""What changed between two texts, and how a change to an old text is made to a newer one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from rapidfuzz.distance import Indel

# How many pairs of characters, or of lines, are compared in all: some milliseconds of work.
MAX_PAIRS = 16_000_000


class Edit(NamedTuple):
    """`text` in the place of the characters from `start` up to `stop`, in code points."""

    start: int
    stop: int
    text: str


class Change(NamedTuple):
    """A stretch of one sequence, in the place of which stands a stretch of another."""

    start: int
    stop: int
    new_start: int
    new_stop: int


def edits_between(old: str, new: str) -> list[Edit]:
    """Return what turns `old` into `new`, in order: the least of insertions and deletions.

    Where the part that differs is too long to compare character by character, lines are
    compared first, and the lines that differ by character as far as `MAX_PAIRS` go; what
    is left is replaced.
    """
    start, end = _common(old, new)
    old_part, new_part = old[start : len(old) - end], new[start : len(new) - end]
    if not old_part and not new_part:
        return []
    if not old_part or not new_part:
        return [Edit(start, start + len(old_part), new_part)]
    if len(old_part) * len(new_part) <= MAX_PAIRS:
        found = _by_character(old_part, new_part)
    else:
        found = _by_line(old_part, new_part)
    return [Edit(start + edit.start, start + edit.stop, edit.text) for edit in found]


def line_changes(old: Sequence[str], new: Sequence[str]) -> list[Change]:
    """Return which lines differ, in order: from and to which of `old`, and of `new`.

    Where too many differ to compare them all, as one change.
    """
    shorter = min(len(old), len(new))
    start = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    most = shorter - start
    end = next((i for i in range(most) if old[-1 - i] != new[-1 - i]), most)
    old_part, new_part = old[start : len(old) - end], new[start : len(new) - end]
    if len(old_part) * len(new_part) <= MAX_PAIRS:
        found = list(_changes(old_part, new_part))
    else:
        found = [Change(0, len(old_part), 0, len(new_part))]
    return [Change(*(place + start for place in change)) for change in found]


def reach(old: str, new: str) -> int:
    """Return over how many characters, of both, the edit reaches that turns `old` into `new`."""
    start, end = _common(old, new)
    return len(old) + len(new) - 2 * (start + end)


def rebased(mine: Sequence[Edit], theirs: Sequence[Edit], length: int) -> list[Edit]:
    """Return `mine` as edits of the text that `theirs` made of one of `length` characters.

    Both are edits of that text. What others inserted stays, what they deleted is gone, and
    an insertion in the same place comes after theirs.
    """
    if not theirs:
        return list(mine)
    kept = list(_kept(theirs, length))
    stops = [run.stop for run in kept]
    found: list[Edit] = []
    for start, stop, text in mine:
        at = bisect_right(stops, start)
        first = kept[at]
        place = max(start, first.start) + first.shift
        pieces = [Edit(place, place, text)]
        for run in kept[at:]:
            if run.start >= stop:
                break
            piece = Edit(max(start, run.start) + run.shift, min(stop, run.stop) + run.shift, "")
            if piece.start == place:
                pieces[0] = Edit(place, piece.stop, text)
            else:
                pieces.append(piece)
        found += [piece for piece in pieces if piece.text or piece.stop > piece.start]
    return found


def carried_over(mine: Sequence[Edit], base: str, current: str) -> list[Edit]:
    """Return `mine`, which are edits of `base`, as edits of `current`, which others made of it.

    As `rebased`; and where the least change between the two texts has it that others took out
    what I deleted and put it in elsewhere, it is deleted there, if it stands once in both.
    """
    theirs = edits_between(base, current)
    found = rebased(mine, theirs, len(base))
    most = MAX_PAIRS // (len(base) + len(current) + 1)
    for gone in islice(_gone(mine, theirs, base), most):
        if base.count(gone) == current.count(gone) == 1:
            place = current.index(gone)
            found.append(Edit(place, place + len(gone), ""))
    return sorted(found)


def edits_in_bytes(edits: Iterable[Edit], text: str) -> Iterator[Edit]:
    """Yield `edits` of `text`, which are in order, with their places in bytes of UTF-8."""
    if text.isascii():
        yield from edits
        return
    at = place = 0
    for start, stop, inserted in edits:
        place += len(text[at:start].encode())
        first = place
        place += len(text[start:stop].encode())
        at = stop
        yield Edit(first, place, inserted)


def _gone(mine: Sequence[Edit], theirs: Sequence[Edit], base: str) -> Iterator[str]:
    """Yield what I deleted and others took out as well."""
    starts = [edit.start for edit in theirs]
    for start, stop, text in mine:
        before = bisect_right(starts, start) - 1
        if not text and before >= 0 and stop <= theirs[before].stop:
            yield base[start:stop]


class _Run(NamedTuple):
    """Characters that were kept, by where they stood, and how far they moved."""

    start: int
    stop: int
    shift: int


def _kept(edits: Sequence[Edit], length: int) -> Iterator[_Run]:
    """Yield the runs that `edits` keep of a text, and one without end that follows it."""
    at = shift = 0
    for start, stop, text in edits:
        if start > at:
            yield _Run(at, start, shift)
        at = stop
        shift += len(text) - (stop - start)
    if length > at:
        yield _Run(at, length, shift)
    yield _Run(length, length + 1, shift)


def _common(old: str, new: str) -> tuple[int, int]:
    """Return how many characters the two have in common at their start, and at their end."""
    start = _common_start(old, new)
    return start, _common_end(old, new, min(len(old), len(new)) - start)


def _common_start(old: str, new: str) -> int:
    # By halving: comparing slices is many times faster than comparing characters.
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_end(old: str, new: str, most: int) -> int:
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        old_end, new_end = len(old) - low, len(new) - low
        if old[len(old) - middle : old_end] == new[len(new) - middle : new_end]:
            low = middle
        else:
            high = middle - 1
    return low


def _by_character(old: str, new: str) -> list[Edit]:
    return [
        Edit(start, stop, new[new_start:new_stop])
        for start, stop, new_start, new_stop in _changes(old, new)
    ]


def _by_line(old: str, new: str) -> list[Edit]:
    old_lines, new_lines = old.splitlines(keepends=True), new.splitlines(keepends=True)
    pairs = len(old_lines) * len(new_lines)
    if pairs > MAX_PAIRS:
        return [Edit(0, len(old), new)]
    left = MAX_PAIRS - pairs
    old_ends, new_ends = _ends(old_lines), _ends(new_lines)
    found: list[Edit] = []
    for old_from, old_to, new_from, new_to in _changes(old_lines, new_lines):
        start, stop = old_ends[old_from], old_ends[old_to]
        old_part, new_part = old[start:stop], new[new_ends[new_from] : new_ends[new_to]]
        pairs = len(old_part) * len(new_part)
        if pairs > left:
            found.append(Edit(start, stop, new_part))
            continue
        left -= pairs
        found += [
            Edit(start + edit.start, start + edit.stop, edit.text)
            for edit in _by_character(old_part, new_part)
        ]
    return found


def _ends(lines: Sequence[str]) -> list[int]:
    """Return where each line ends, with 0 before the first."""
    ends = [0]
    for line in lines:
        ends.append(ends[-1] + len(line))
    return ends


def _changes(old: Sequence[Hashable], new: Sequence[Hashable]) -> Iterator[Change]:
    """Yield the stretches that differ."""
    start = new_start = 0
    for block in Indel.opcodes(old, new).as_matching_blocks():
        if block.a > start or block.b > new_start:
            yield Change(start, block.a, new_start, block.b)
        start, new_start = block.a + block.size, block.b + block.size
