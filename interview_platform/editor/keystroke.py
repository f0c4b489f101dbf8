"""What a keystroke changes in the text."""

from __future__ import annotations

from collections.abc import Mapping

from pycrdt import StickyIndex, Text

from .edits import Edit, Edits
from .update import Id, Update, write_id


class Keystroke:
    """An update that inserts in one place, or deletes one character, of a text that is ASCII.

    The place is found by the character's id. The library tells changes of any kind, but goes
    through all that was ever typed for that, which takes ten times as long after an hour; and
    the place of a character it counts partly in UTF-16, partly in UTF-8.
    """

    def __init__(self, text: Text, character: Id, inserted: str) -> None:
        self._text = text
        # As Yjs writes a relative position: an item, its id, and that it is the one after it.
        self._position = StickyIndex.decode(b"\x00" + write_id(character) + b"\x00", text)
        self._inserted = inserted.encode()
        self._place = self._size = 0
        if not inserted:
            self._place, self._size = self._position.get_index(), len(text)

    @classmethod
    def of(cls, update: Update, text: Text, clocks: Mapping[int, int]) -> Keystroke | None:
        """Return what `update` is before it is worked in, None if it is anything else.

        `clocks` says what is known of each client.
        """
        match update.structs, update.deletions:
            case [struct], [] if struct.text and struct.clock == clocks.get(struct.client, 0):
                return cls(text, (struct.client, struct.clock), struct.text)
            case [], [(client, clock, 1)]:
                return cls(text, (client, clock), "")
        return None

    def change(self) -> Edits:
        """Return what it has changed, now that it is worked in."""
        if self._inserted:
            place = self._position.get_index()
            return [Edit(place, place, self._inserted)]
        deleted = self._size - len(self._text)
        return [Edit(self._place, self._place + deleted, b"")] if deleted else []
