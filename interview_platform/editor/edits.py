"""What changed between two texts, and how edits of one text become edits of another."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, AnyStr, Generic, NamedTuple

from rapidfuzz.distance import Indel

# How many pairs of characters, or of lines, are compared in all: some milliseconds of work.
MAX_PAIRS = 16_000_000

# Kept text shorter than this is a coincidence, where texts differ in too many places.
_COINCIDENCE = 8

# What changed in the text, from its start: {"retain": n}, {"insert": text}, {"delete": n},
# with lengths in bytes of UTF-8.
Delta = list[dict[str, Any]]


class Edit(NamedTuple, Generic[AnyStr]):
    """`text` in the place of what stands from `start` up to `stop`.

    These are code points where `text` is a str, and bytes of UTF-8 where it is bytes.
    """

    start: int
    stop: int
    text: AnyStr


# Edits of one text that are made at once, in order, in bytes of UTF-8.
Edits = list[Edit[bytes]]


class Change(NamedTuple):
    """A stretch of one sequence, in the place of which stands a stretch of another."""

    start: int
    stop: int
    new_start: int
    new_stop: int


def edits_between(old: str, new: str) -> list[Edit[str]]:
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
        first, left = _whole_lines(old, start, end)
        found = _by_line(old[first : len(old) - left], new[first : len(new) - left])
        if len(found) == 1:
            return [Edit(start, len(old) - end, new_part)]
        start = first
    return [Edit(start + edit.start, start + edit.stop, edit.text) for edit in found]


def coarsened(edits: list[Edit[str]], old: str, most: int) -> list[Edit[str]]:
    """Return at most `most` edits of `old` that do the same as `edits`, which are in order.

    Edits with little text between them become one, which replaces that text by itself.
    """
    if len(edits) <= most:
        return edits
    gaps = [right.start - left.stop for left, right in pairwise(edits)]
    kept = heapq.nlargest(most - 1, range(len(gaps)), key=gaps.__getitem__)
    last_of_group = {place for place in kept if gaps[place] >= _COINCIDENCE}
    found: list[Edit[str]] = []
    start, pieces = edits[0].start, [edits[0].text]
    for place, (left, right) in enumerate(pairwise(edits)):
        if place in last_of_group:
            found.append(Edit(start, left.stop, "".join(pieces)))
            start, pieces = right.start, [right.text]
        else:
            pieces += (old[left.stop : right.start], right.text)
    found.append(Edit(start, edits[-1].stop, "".join(pieces)))
    return found


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


def is_edit_apart(old: str, new: str, edited: str) -> bool:
    """Tell whether `edited` is an edit of `old` rather than of `new`, which was made of `old`.

    It is where it changes none of the places of `old` that `new` does, and the smaller edit
    makes it of `old`. Where it is `old` itself, it is an edit of `new`.
    """
    if edited == old or reach(old, edited) >= reach(new, edited):
        return False
    start, end = _common(old, edited)
    stop = len(old) - end
    return all(stop < edit.start or edit.stop < start for edit in edits_between(old, new))


def rebased(
    edits: list[Edit[AnyStr]], over: list[Edit[AnyStr]], *, first: bool = False
) -> list[Edit[AnyStr]]:
    """Return `edits` as edits of the text that `over` makes of theirs.

    Both are edits of one text, in order. What `over` inserted stays, what it deleted is gone,
    and an insertion in the same place comes after that of `over`, or before it if `first`.
    """
    if not edits or not over or over[0].start > edits[-1].stop:
        return edits
    found: list[Edit[AnyStr]] = []
    # How many of `over` are passed, and how far they moved what follows.
    passed = shift = 0
    for start, stop, text in edits:
        place = start
        while passed < len(over) and over[passed].start < start + (not first):
            other = over[passed]
            if other.stop > start:
                place = other.start + len(other.text)
                break
            shift += _growth(other)
            passed += 1
        place += shift
        pieces: list[Edit[AnyStr]] = []
        at = start
        while passed < len(over) and over[passed].start < stop:
            other = over[passed]
            if other.start > at:
                pieces.append(Edit(at + shift, other.start + shift, text[:0]))
            at = max(at, other.stop)
            if at > stop:
                break
            shift += _growth(other)
            passed += 1
        if at < stop:
            pieces.append(Edit(at + shift, stop + shift, text[:0]))
        if pieces and pieces[0].start == place:
            pieces[0] = Edit(place, pieces[0].stop, text)
        elif text:
            pieces.insert(0, Edit(place, place, text))
        found += pieces
    return found


def transformed(
    mine: list[Edit[AnyStr]], theirs: Iterable[list[Edit[AnyStr]]]
) -> tuple[list[Edit[AnyStr]], list[list[Edit[AnyStr]]]]:
    """Return `mine` as edits of what `theirs` made of its text, and `theirs` as edits of mine.

    `theirs` are made one after the other. Either way the same text comes of it: what one side
    deleted is gone, what one inserted is there, and in the same place theirs comes first.
    """
    after: list[list[Edit[AnyStr]]] = []
    for change in theirs:
        if moved := rebased(change, mine, first=True):
            after.append(moved)
        mine = rebased(mine, change)
    return mine, after


def edits_in_bytes(edits: Iterable[Edit[str]], text: str) -> Edits:
    """Return `edits` of `text`, which are in order, in bytes of UTF-8."""
    if text.isascii():
        return [Edit(start, stop, inserted.encode()) for start, stop, inserted in edits]
    found: Edits = []
    at = place = 0
    for start, stop, inserted in edits:
        place += len(text[at:start].encode())
        first = place
        place += len(text[start:stop].encode())
        at = stop
        found.append(Edit(first, place, inserted.encode()))
    return found


def edits_of(delta: Delta) -> Edits:
    """Return the edits that `delta` tells of."""
    found: Edits = []
    at = 0
    for step in delta:
        if "insert" in step:
            found.append(Edit(at, at, step["insert"].encode()))
        elif "delete" in step:
            found.append(Edit(at, at + step["delete"], b""))
        at += step.get("retain", 0) + step.get("delete", 0)
    return found


def _growth(edit: Edit[AnyStr]) -> int:
    return len(edit.text) - (edit.stop - edit.start)


def _common(old: str, new: str) -> tuple[int, int]:
    """Return how many characters the two have in common at their start, and at their end."""
    start = _common_start(old, new)
    return start, _common_end(old, new, min(len(old), len(new)) - start)


def _whole_lines(text: str, start: int, end: int) -> tuple[int, int]:
    """Return `start` and `end` with the lines left out in which they are, as `_common` has them."""
    line_break = text.find("\n", len(text) - end)
    return text.rfind("\n", 0, start) + 1, len(text) - line_break - 1 if line_break >= 0 else 0


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


def _by_character(old: str, new: str) -> list[Edit[str]]:
    return [
        Edit(start, stop, new[new_start:new_stop])
        for start, stop, new_start, new_stop in _changes(old, new)
    ]


def _by_line(old: str, new: str) -> list[Edit[str]]:
    old_lines, new_lines = old.splitlines(keepends=True), new.splitlines(keepends=True)
    pairs = len(old_lines) * len(new_lines)
    if pairs > MAX_PAIRS:
        return [Edit(0, len(old), new)]
    left = MAX_PAIRS - pairs
    old_ends, new_ends = _ends(old_lines), _ends(new_lines)
    found: list[Edit[str]] = []
    for change in _changes(old_lines, new_lines):
        for old_from, old_to, new_from, new_to in _parts(change, old_ends, new_ends, left):
            start, stop = old_ends[old_from], old_ends[old_to]
            old_part, new_part = old[start:stop], new[new_ends[new_from] : new_ends[new_to]]
            pairs = len(old_part) * len(new_part)
            if pairs > left:
                _add(found, Edit(start, stop, new_part))
                continue
            left -= pairs
            for edit in _by_character(old_part, new_part):
                _add(found, Edit(start + edit.start, start + edit.stop, edit.text))
    return found


def _parts(
    change: Change, old_ends: Sequence[int], new_ends: Sequence[int], most: int
) -> Sequence[Change]:
    """Return the parts of a change of lines to compare each by itself.

    One line each where the whole has over `most` pairs of characters and as many lines as
    before, as it has where all that changed is how far they are indented.
    """
    old_from, old_to, new_from, new_to = change
    lines = old_to - old_from
    old_size, new_size = (
        old_ends[old_to] - old_ends[old_from],
        new_ends[new_to] - new_ends[new_from],
    )
    if old_size * new_size <= most or new_to - new_from != lines:
        return [change]
    return [
        Change(old_from + line, old_from + line + 1, new_from + line, new_from + line + 1)
        for line in range(lines)
    ]


def _add(edits: list[Edit[str]], edit: Edit[str]) -> None:
    """Add an edit to those before it; one that touches the last becomes one with it."""
    if edits and edits[-1].stop == edit.start:
        last = edits.pop()
        edit = Edit(last.start, edit.stop, last.text + edit.text)
    edits.append(edit)


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
