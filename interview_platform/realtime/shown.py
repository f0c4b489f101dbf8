"""What an editor without Yjs has before it, as far as that can be known."""

from __future__ import annotations

import time
from collections import deque

from ..editor.service import Base, reach

# For how many seconds a text may be on its way to an editor, and how many may be at once: so
# many characters of them, but some whatever their length.
ON_ITS_WAY = 10.0
MOST_CHARACTERS = 4 * 1024 * 1024
ALWAYS = 20


class Shown:
    """The text that an editor is known to have had, and those that it was shown after that.

    It says nothing of which text it has edited: what it sends may have crossed with what it
    was shown. It is taken to be an edit of the one that it differs from the least.
    """

    __slots__ = ("_had", "_on_their_way")

    def __init__(self, base: Base) -> None:
        self._had = base
        # With the time, in the order shown.
        self._on_their_way: deque[tuple[float, Base]] = deque()

    def show(self, base: Base) -> bool:
        """Take note that the editor is to have `base`; tells whether it has to be shown it."""
        now = time.monotonic()
        most = max(ALWAYS, MOST_CHARACTERS // (len(base.text) + 1))
        while self._on_their_way and (
            self._on_their_way[0][0] < now - ON_ITS_WAY or len(self._on_their_way) >= most
        ):
            _, self._had = self._on_their_way.popleft()
        since, latest = self._on_their_way[-1] if self._on_their_way else (now, self._had)
        if latest.text != base.text:
            self._on_their_way.append((now, base))
            return True
        # Some of it may be typed anew: what the editor deletes from here on is that.
        if self._on_their_way:
            self._on_their_way[-1] = since, base
        else:
            self._had = base
        return False

    def base_of(self, text: str) -> Base:
        """Return what the editor has edited that sends `text`; of several, the latest."""
        known = [self._had, *(shown for _, shown in self._on_their_way)]
        return min(reversed(known), key=lambda old: reach(old.text, text))

    def take(self, sent: Base, base: Base) -> None:
        """Take note that the editor has sent an edit of `base`, and has now `sent`."""
        shown = [each for _, each in self._on_their_way]
        # What it was shown after `base` will take the place of what it has sent.
        for _ in range(shown.index(base) + 1 if base in shown else 0):
            self._on_their_way.popleft()
        self._had = sent
