"""What an editor without Yjs has before it, as far as that can be known."""

from __future__ import annotations

import time
from collections import deque

from ..editor.service import reach

# For how many seconds a text may be on its way to an editor.
ON_ITS_WAY = 2.0


class Shown:
    """The texts that an editor was shown, or has sent, and may still be at.

    It says nothing of which text it has edited: what it sends may have crossed with what it
    was shown. It is taken to be an edit of the one that it differs from the least.
    """

    __slots__ = ("_latest", "_texts")

    def __init__(self, text: str) -> None:
        self._texts = deque([(time.monotonic(), text)])
        # The text that it will have at last; None where that is not known.
        self._latest: str | None = text

    def has(self, text: str) -> bool:
        """Tell whether the editor has `text` before it, once nothing is on its way."""
        return self._latest == text

    def show(self, text: str) -> None:
        """Take note that the editor is shown `text`."""
        self._latest = text
        self._add(text)

    def base_of(self, text: str) -> str:
        """Return which text the editor has edited that sends `text`."""
        self._forget()
        # Of several alike the latest.
        best = min((known for _, known in reversed(self._texts)), key=lambda old: reach(old, text))
        if reach(best, text) > 4:
            with open("/tmp/h/shown.log","a") as f:
                now = time.monotonic()
                f.write(f"{now:.3f} reach {reach(best, text)} of {[(round(now-t,2), reach(k,text)) for t,k in self._texts]}\n")
        return min((known for _, known in reversed(self._texts)), key=lambda old: reach(old, text))

    def take(self, text: str, base: str) -> None:
        """Take note that `text` was sent, and taken as an edit of `base`."""
        # What was on its way meanwhile takes the place of what was sent.
        self._latest = text if base == self._texts[-1][1] else None
        self._add(text)

    def _add(self, text: str) -> None:
        self._forget()
        self._texts.append((time.monotonic(), text))

    def _forget(self) -> None:
        """Let go of the texts that have certainly been replaced by later ones."""
        since = time.monotonic() - ON_ITS_WAY
        while len(self._texts) > 1 and self._texts[1][0] < since:
            self._texts.popleft()
