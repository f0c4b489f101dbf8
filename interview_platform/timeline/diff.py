"""Unified diffs, as patch and git read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..editor.service import line_changes

# How many lines around a change are shown.
_CONTEXT = 3

Change = tuple[int, int, int, int]


def unified(old: str, new: str, old_name: str, new_name: str) -> str:
    """Return what turns `old` into `new` as a unified diff, empty where nothing differs."""
    old_lines, new_lines = _lines(old), _lines(new)
    told: list[str] = []
    for hunk in _hunks(line_changes(old_lines, new_lines)):
        told += _spell(hunk, old_lines, new_lines)
    return f"--- {old_name}\n+++ {new_name}\n{''.join(told)}" if told else ""


def _lines(text: str) -> list[str]:
    # Not at all that Python takes for an end of a line.
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def _hunks(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """Yield the changes that are shown together, since little lies between them."""
    hunk: list[Change] = []
    for change in changes:
        if hunk and change[0] - hunk[-1][1] > 2 * _CONTEXT:
            yield hunk
            hunk = []
        hunk.append(change)
    if hunk:
        yield hunk


def _spell(hunk: Sequence[Change], old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    before = min(hunk[0][0], _CONTEXT)
    after = min(len(old) - hunk[-1][1], _CONTEXT)
    start, stop = hunk[0][0] - before, hunk[-1][1] + after
    new_start, new_stop = hunk[0][2] - before, hunk[-1][3] + after
    yield f"@@ -{_range(start, stop)} +{_range(new_start, new_stop)} @@\n"
    at = start
    for old_from, old_to, new_from, new_to in hunk:
        yield from (_line(" ", line) for line in old[at:old_from])
        yield from (_line("-", line) for line in old[old_from:old_to])
        yield from (_line("+", line) for line in new[new_from:new_to])
        at = old_to
    yield from (_line(" ", line) for line in old[at:stop])


def _range(start: int, stop: int) -> str:
    """Spell a range of lines, of which the first is 1; an empty one by the line before it."""
    length = stop - start
    if length == 1:
        return str(stop)
    return f"{start + 1 if length else start},{length}"


def _line(mark: str, line: str) -> str:
    return (
        f"{mark}{line}" if line.endswith("\n") else f"{mark}{line}\n\\ No newline at end of file\n"
    )
