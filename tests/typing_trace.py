"""Somebody typing code: a recorded session where there is one, else one made up by a seed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

RECORDED = Path(__file__).parents[2] / "shared" / "data" / "sveltecomponent.json.gz"

# At a place in the text, in code points: so many characters deleted, and this inserted.
Patch = tuple[int, int, str]

_SEED = 4
_KEYSTROKES = 18_000
_LINES = (
    "def solve(words: list[str]) -> dict[str, int]:",
    "    counts = {}",
    "    for word in words:",
    "        counts[word] = counts.get(word, 0) + 1",
    "    return counts  # naïve, but it works 🦉",
    "if __name__ == '__main__':",
    "    print(solve(input('größe? ').split()))",
    "",
)


def patches() -> Iterator[Patch]:
    """Yield the edits of the session, in order."""
    yield from _session()[0]


def end() -> str:
    """Return the text that the session ends with, from nothing."""
    return _session()[1]


@cache
def _session() -> tuple[list[Patch], str]:
    if RECORDED.exists():
        recorded = json.loads(gzip.decompress(RECORDED.read_bytes()))
        assert recorded["startContent"] == ""
        typed = [
            (at, deleted, inserted)
            for transaction in recorded["txns"]
            for at, deleted, inserted in transaction["patches"]
        ]
        return typed, recorded["endContent"]
    typed = list(_made_up(Random(_SEED)))
    text = ""
    for at, deleted, inserted in typed:
        text = text[:at] + inserted + text[at + deleted :]
    return typed, text


def _made_up(random: Random) -> Iterator[Patch]:
    """Yield typing letter by letter, slips that are taken back, jumps, deletions and pastes."""
    length = strokes = 0
    while strokes < _KEYSTROKES:
        at = length if random.random() < 0.5 else random.randrange(length + 1)
        if random.random() < 0.15 and length:
            deleted = random.randrange(1, min(60, length - at) + 1) if at < length else 0
            if deleted:
                yield at, deleted, ""
                length -= deleted
                strokes += 1
            continue
        line = random.choice(_LINES) + "\n"
        if random.random() < 0.02:
            block = line * random.randrange(1, 12)
            yield at, 0, block
            length += len(block)
            strokes += 1
            continue
        for letter in line:
            if random.random() < 0.04:
                yield at, 0, random.choice("abcdefgh")
                yield at, 1, ""
                strokes += 2
            yield at, 0, letter
            at += 1
            length += 1
            strokes += 1
