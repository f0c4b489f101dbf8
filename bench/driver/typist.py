"""Somebody typing, keystroke by keystroke, as a recorded session has it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import orjson
from pycrdt import Doc, Text

from tests.typing_trace import patches


class Typist:
    """Types the session from its keystroke `start` on, in the middle of `pad` characters."""

    def __init__(self, start: int = 0, pad: int = 0) -> None:
        self._patches = _endless(start)
        half = _filler(pad // 2)
        self._shift = len(half)
        self.text = half + _text_at(start) + half

    def next(self) -> tuple[int, int, str]:
        """Type once: returns where, how many characters went, and what came."""
        at, deleted, inserted = next(self._patches)
        if at + deleted > len(self.text) - 2 * self._shift:
            # The session begins anew, on what there is.
            at, deleted = 0, 0
        at += self._shift
        self.text = self.text[:at] + inserted + self.text[at + deleted :]
        return at, deleted, inserted

    def snapshot(self) -> bytes:
        """Type once, and return the field of an event that tells the whole text."""
        self.next()
        return b'"codeSnapshot":' + orjson.dumps(self.text)


class YjsTypist:
    """The same with a Yjs document, which starts as the service has it."""

    def __init__(self, typist: Typist, state: bytes) -> None:
        self.typist = typist
        self._doc: Doc[Text] = Doc()
        self._code = self._doc.get("code", type=Text)
        self._doc.apply_update(state)
        self._updates: list[bytes] = []
        self._doc.observe(lambda event: self._updates.append(event.update))

    def begin(self) -> bytes | None:
        """Have the document say what the typist has written; None where it does already."""
        with self._doc.transaction():
            self._code.clear()
            self._code.insert(0, self.typist.text)
        return self._updates.pop() if self._updates else None

    def update(self) -> bytes:
        """Type once, and return the update."""
        before = self.typist.text
        at, deleted, inserted = self.typist.next()
        start = len(before[:at].encode())
        stop = start + len(before[at : at + deleted].encode())
        with self._doc.transaction():
            if deleted:
                del self._code[start:stop]
            if inserted:
                self._code.insert(start, inserted)
        return self._updates.pop()


def _endless(start: int) -> Iterator[tuple[int, int, str]]:
    yield from islice(patches(), start, None)
    while True:
        yield from patches()


def _text_at(start: int) -> str:
    text = ""
    for at, deleted, inserted in islice(patches(), start):
        text = text[:at] + inserted + text[at + deleted :]
    return text


def _filler(length: int) -> str:
    line = "    total = total + weight * value  # as measured\n"
    return (line * (length // len(line) + 1))[:length]
