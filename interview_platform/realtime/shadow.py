"""The server's shadow of a whole-text editor: which text the editor has.

A snapshot says what an editor's text is, and not what it was before. The server keeps that
for each editor, as the shadow of differential synchronization does (Neil Fraser, 2009,
https://neil.fraser.name/writing/sync/), and finds out by PINGs which texts have arrived.
"""

from __future__ import annotations

from collections import deque

from ..editor.service import Base, is_edit_apart

# How many texts, and how many characters of them, may be in flight to one editor. One text
# may be, whatever its length.
MAX_IN_FLIGHT = 4
MAX_CHARACTERS = 1024 * 1024


class InFlight:
    """A text on its way to an editor; `base` is None once the editor is known to have it."""

    __slots__ = ("base",)

    def __init__(self, base: Base) -> None:
        self.base: Base | None = base


class ShadowText:
    """The text that an editor has, and those that are in flight to it.

    An editor replaces its text by each text that it is sent. Packets of one connection keep
    their order, and each text travels between two PINGs. A snapshot that comes before the first
    one's PONG was written without the text, and a snapshot that comes after the second one's was
    written with it. In between either may be true: the client handles the three one after the
    other, and a keystroke may fall between them. That is at most one text at a time.
    """

    __slots__ = ("_arriving", "_has", "_in_doubt", "_in_flight", "is_behind")

    def __init__(self, base: Base) -> None:
        self._has = base
        self._in_flight: deque[InFlight] = deque()
        # Whether the first of those may have arrived.
        self._arriving = False
        # Whether the editor may have another text than `_has` once nothing is in flight.
        self._in_doubt = False
        # Whether a text was held back, since too much is in flight.
        self.is_behind = False

    @property
    def is_ambiguous(self) -> bool:
        """Whether `base_of` has to compare texts, which takes long where they are long."""
        return self._arriving

    def needs(self, base: Base) -> bool:
        """Tell whether the editor is to be sent `base` now."""
        latest = self._in_flight[-1] if self._in_flight else None
        same = ((latest and latest.base) or self._has).text == base.text
        if not same or self._in_doubt:
            self.is_behind = not self._has_room_for(base)
            return not self.is_behind
        # Others may have deleted and typed it again: an edit of the text is one of theirs.
        if latest and latest.base:
            latest.base = base
        else:
            self._has = base
        self.is_behind = False
        return False

    def sent(self, base: Base) -> InFlight:
        """Note that `base` is sent to the editor, between two PINGs."""
        text = InFlight(base)
        self._in_flight.append(text)
        self._in_doubt = False
        return text

    def may_arrive(self, text: InFlight) -> None:
        """Note the answer to the PING before `text`: all before `text` has arrived."""
        while text in self._in_flight and self._in_flight[0] is not text:
            self._pop()
        self._arriving = text in self._in_flight

    def arrived(self, text: InFlight) -> None:
        """Note the answer to the PING after `text`, which has arrived, as all before it."""
        while text in self._in_flight:
            self._pop()

    def base_of(self, snapshot: str) -> Base:
        """Return the text that the editor has edited, if it sends `snapshot` now."""
        arriving = self._in_flight[0].base if self._arriving else None
        if arriving is None or is_edit_apart(self._has.text, arriving.text, snapshot):
            return self._has
        return arriving

    def edited(self, base: Base, sent: Base) -> None:
        """Note that the editor has made `sent` of `base`, which `base_of` returned."""
        if self._arriving and (arriving := self._in_flight[0].base):
            # A text that follows will replace what the editor has, whichever that is.
            is_last = len(self._in_flight) == 1
            self._in_doubt = is_last and arriving.text != self._has.text
            if base is arriving:
                self._in_flight[0].base = None
        self._has = sent

    def _pop(self) -> None:
        self._has = self._in_flight.popleft().base or self._has
        self._arriving = False

    def _has_room_for(self, base: Base) -> bool:
        characters = sum(len(text.base.text) for text in self._in_flight if text.base)
        return not self._in_flight or (
            len(self._in_flight) < MAX_IN_FLIGHT and characters + len(base.text) <= MAX_CHARACTERS
        )
