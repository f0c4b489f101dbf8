"""The shared document: one text that many write at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from secrets import randbits

from pycrdt import Doc, Text, merge_updates

from ..core.errors import Conflict, Invalid, ServiceError, TooLarge
from .bounds import (
    EDIT_FRAME,
    HEAVY_COMPARISON,
    HEAVY_CROSSING,
    HEAVY_PRODUCT,
    HEAVY_TEXT,
    HEAVY_UPDATE,
    LEAST_EDITS,
    MAX_CLIENTS,
    MAX_PARTS,
    MAX_PARTS_BYTES,
    MAX_SECONDS,
    MAX_STATE,
    MAX_TEXT,
    MAX_UPDATE,
    MOST_BYTES_PASSED,
    MOST_CROSSINGS,
    MOST_EDITS,
)
from .edits import (
    Edit,
    Edits,
    coarsened,
    edits_between,
    edits_in_bytes,
    edits_of,
    reach,
    transformed,
)
from .halves import Halves
from .keystroke import Keystroke
from .order import ends_with, in_order
from .pieces import apply_in_pieces
from .revision import Base, History
from .update import ROOT, Update, begins, read, read_vector, units, write_vector

# An update that says nothing.
EMPTY = b"\x00\x00"
# The state vector of who has nothing.
_NOTHING = b"\x00"


class Document:
    """A Yjs document with the text `code` and nothing else.

    Updates of others are to be checked before they are applied; one that is refused leaves
    the document as it was. What this costs: some 50 us for a keystroke in a text of any
    length, and a walk through all that was ever typed where a `history` is kept of a text that
    is not all ASCII. Updates that are heavy, and texts that differ much, take milliseconds
    and belong on a thread. One thread at a time, whichever: the caller sees to that.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        # Updates that came before what they rest on. The library would keep them as well, but
        # mixes them into the states and the changes that it tells, and loses some on the way.
        self._early: dict[bytes, Update] = {}
        self._tell: Callable[[bytes, Edits], None] | None = None
        self.history = History()
        self._begin()

    @classmethod
    def of(cls, states: Iterable[bytes]) -> Document:
        """Return the document that `states` make together: states or updates, in any order.

        Raises `Invalid` for what is none.
        """
        document = cls()
        given = list(states)
        for state in given:
            document._try(partial(document._digest, state))
        # One is what would be made of the document, and that takes as long as reading it.
        document._survey(given[0] if len(given) == 1 else None)
        return document

    @classmethod
    def written(cls, text: str) -> Document:
        """Return a document that begins with `text`, whatever its length."""
        document = cls()
        document._note(document._make([Edit(0, 0, _encoded(text))]))
        return document

    @property
    def text(self) -> str:
        return str(self._text)

    @property
    def size(self) -> int:
        """The length of the text in UTF-8, in bytes."""
        return len(self._text)

    @property
    def base(self) -> Base:
        """The text as it is, as what somebody sees and may `merge` an edit of."""
        return Base(self.text, self.history.now)

    def vector(self, without: Iterable[bytes] = ()) -> bytes:
        """Return the state vector: what this document has of each client.

        As if the updates `without`, and what came after them, had not been worked in.
        """
        clocks = read_vector(self._doc.get_state())
        for update in without:
            for client, clock in begins(update):
                clocks[client] = min(clock, clocks.get(client, 0))
        return write_vector(clocks)

    def since(self, vector: bytes | None) -> bytes:
        """Return as an update what the holder of `vector` lacks, all of it without one.

        Raises `Invalid` for a vector that is none.
        """
        if vector is None:
            return self._state()
        read_vector(vector)
        return self._doc.get_update(vector)

    @property
    def early(self) -> list[bytes]:
        """The updates that rest on others that are not here yet: no state holds them."""
        return list(self._early)

    def is_heavy(self, update: bytes) -> bool:
        """Tell whether `update` belongs on a thread.

        It is large, bounds are near enough that the document has to be measured for it, or
        the document has such a past that even small updates take long.
        """
        size = len(update)
        return (
            self._is_slow(size)
            or self._weight + size > MAX_STATE
            or self._tail_size + size > MAX_PARTS_BYTES
            or not self._has_room_for(size)
        )

    def is_heavy_text(self, text: str, base: Base) -> bool:
        """Tell whether it belongs on a thread to `merge` this text."""
        return (
            len(text) + self.size > HEAVY_TEXT
            or self._tail_size + 4 * len(text) > MAX_PARTS_BYTES
            or self.history.distance(base) > HEAVY_CROSSING
            or reach(base.text, text) > HEAVY_COMPARISON
        )

    def apply(self, update: bytes, *, trusted: bool = False) -> bytes | None:
        """Work `update` in, and return what of it was new, as an update; None if nothing was.

        Raises `Invalid` for what is malformed, no plain editing, or types CR, `TooLarge` beyond
        `MAX_UPDATE`, `MAX_TEXT`, `MAX_STATE`, `MAX_CLIENTS` or `MAX_SECONDS`, and `Conflict`
        where it rests on edits that are not here. One that is `trusted`, since it was checked
        before, may come before those that it rests on: it is worked in, and told, with the last
        of them.
        """
        if not trusted:
            if len(update) > MAX_UPDATE:
                message = f"An update holds at most {MAX_UPDATE} bytes"
                raise TooLarge(message, {"update": [message]})
            content = read(update)
            self._check(update, content)
        else:
            content = read(update)
            if not self._is_grounded(content):
                self._early[update] = content
                return None
        new = self._apply(update, content, None if trusted else MAX_SECONDS)
        if new is None or not self._early:
            return new
        return merge_updates(new, *self._catch_up())

    def merge(self, text: str, base: Base) -> tuple[bytes | None, Base]:
        """Edit the document as somebody did who saw `base` and has now `text`.

        Makes the smallest edits that do, or fewer that replace more where those would be
        many; what others have changed since stays changed. Returns
        them as an update, None if nothing changes, and what that person has now before them.
        Raises `Invalid` for text that is not Unicode and `TooLarge` beyond `MAX_TEXT` or
        `MAX_STATE`.
        """
        if len(_encoded(text)) > MAX_TEXT:
            raise _text_too_large()
        theirs = self.history.since(base)
        if theirs is None:
            others = coarsened(edits_between(base.text, self.text), base.text, MOST_EDITS)
            theirs = [edits_in_bytes(others, base.text)]
        edits = edits_between(base.text, text)
        if len(edits) > LEAST_EDITS:
            edits = coarsened(edits, base.text, self._most_edits(sum(map(len, theirs))))
        mine = edits_in_bytes(edits, base.text)
        mine, theirs = transformed(mine, theirs)
        new = self._edit(mine)
        return new, Base(text, self.history.now, theirs)

    def _most_edits(self, crossed: int) -> int:
        """Return how many edits may be made at once that have crossed with so many."""
        self._measured()
        past = self._weight - self._text_size
        most = min(MOST_BYTES_PASSED // max(past, 1), MOST_CROSSINGS // max(crossed, 1))
        return max(LEAST_EDITS, min(MOST_EDITS, most))

    def _edit(self, edits: Edits) -> bytes | None:
        if not edits:
            return None
        inserted = sum(len(text) for _, _, text in edits)
        deleted = sum(stop - start for start, stop, _ in edits)
        if self.size + inserted - deleted > MAX_TEXT:
            raise _text_too_large()
        if inserted:
            self._check_weight(inserted + EDIT_FRAME * len(edits))
        new = self._make(edits)
        self.history.record(edits)
        return self._note(new)

    @contextmanager
    def watched(self, tell: Callable[[bytes, Edits], None]) -> Iterator[None]:
        """Have `tell` called with each update that is worked in meanwhile, and what it edits.

        Updates that change nothing of the text are left out.
        """

        self._tell = tell
        try:
            yield
        finally:
            self._tell = None

    def _begin(self) -> None:
        """Make the document anew, out of what it is known to have held."""
        # Of 32 bits, as Yjs has them: an id stands in an update for every edit.
        self._doc: Doc[Text] = Doc(client_id=randbits(32), allow_multithreading=True)
        self._text = self._doc.get(ROOT, type=Text)
        for part in self._parts:
            self._digest(part)
        self._survey()

    def _survey(self, state: bytes | None = None) -> None:
        """Take note of the document as a whole, which `state` is known to make."""
        state = state or self._state()
        self._parts, self._tail_size = [state], 0
        self._clocks = read_vector(self._doc.get_state())
        # At the most: measured again when the bounds come near.
        self._text_size, self._weight = self.size, len(state)
        self._halves = Halves()
        text = self.text
        self._ascii = text.isascii()
        # Of a document from before CR was refused, which undoing may bring back.
        self._has_cr = "\r" in text
        if units(text) > len(text):
            self._halves.note(read(state).structs)

    def _state(self) -> bytes:
        return self._doc.get_update(_NOTHING)

    def _check(self, update: bytes, content: Update) -> None:
        if not self._is_grounded(content):
            raise Conflict("Edits before this one are missing")
        self._halves.check(content, self._clocks)
        if not content.structs:
            return
        clients = {struct.client for struct in content.structs}
        if len(self._clocks) + len(clients) > MAX_CLIENTS and clients - self._clocks.keys():
            raise TooLarge(f"At most {MAX_CLIENTS} clients write in a document")
        inserted = 0
        for client, clock, length, text, _, _ in content.structs:
            if text and clock + length > self._clocks.get(client, 0):
                inserted += len(text.encode())
                if "\r" in text and not self._has_cr:
                    raise Invalid({"update": ["Lines end with LF: CR cannot be taken."]})
        if not self._has_room_for(inserted) and not (content.deletions and self._fits(update)):
            raise _text_too_large()
        self._check_weight(len(update))

    def _is_grounded(self, content: Update) -> bool:
        """Tell whether all that `content` rests on is here."""
        ends = ends_with(content.structs, self._clocks)
        return ends is not None and all(
            clock + length <= (ends.get(client) or self._clocks.get(client, 0))
            for client, clock, length in content.deletions
        )

    def _apply(self, update: bytes, content: Update, most: float | None = None) -> bytes | None:
        """Work in an update that rests on what is here, and return what of it was new.

        Raises `TooLarge` where that takes more than `most` seconds.
        """
        if self._tell is None and not self.history.is_kept:
            return self._work_in(update, content, most)
        made: list[Edits] = []
        if self._ascii and (key := Keystroke.of(content, self._text, self._clocks)):
            new = self._work_in(update, content, most)
            made.append(key.change())
        else:
            # The library's own subscription: what it makes of an event beside the change
            # costs more than working in a keystroke.
            subscription = self._text.integrated.observe(
                lambda event: made.append(edits_of(event.delta))
            )
            try:
                new = self._work_in(update, content, most)
            finally:
                subscription.drop()
        for edits in made:
            if self._tell and edits:
                self._tell(update, edits)
            self.history.record(edits)
        return new

    def _work_in(self, update: bytes, content: Update, most: float | None) -> bytes | None:
        change = partial(self._doc.apply_update, update)
        if self._is_slow(len(update)):
            change = partial(self._digest, update, content, most)
        known = self._clocks
        if content.structs and all(
            struct.clock >= known.get(struct.client, 0) for struct in content.structs
        ):
            # All of it is new: nobody has to watch what it changes.
            self._try(change)
            return self._note(update, content)
        return self._note(self._safely(change))

    def _digest(
        self, update: bytes, content: Update | None = None, most: float | None = None
    ) -> None:
        """Apply an update, a large one in pieces; `content` is what it holds, where read."""
        if content is None and len(update) > HEAVY_UPDATE:
            # What was never checked may hold more than plain editing.
            with suppress(Invalid):
                content = read(update)
        structs = content and in_order(content.structs, read_vector(self._doc.get_state()))
        if content is None or structs is None:
            self._doc.apply_update(update)
            return
        with self._doc.transaction():
            apply_in_pieces(self._doc.apply_update, structs, content.deletions, most)

    def _catch_up(self) -> Iterator[bytes]:
        """Work in the early updates that rest on what is here by now; yields what was new."""
        progress = True
        while progress:
            progress = False
            for update, content in list(self._early.items()):
                if self._is_grounded(content):
                    del self._early[update]
                    if (new := self._apply(update, content)) is not None:
                        yield new
                    progress = True

    def _safely(self, change: Callable[[], None]) -> bytes | None:
        """Make a change and return it; where it fails the document is as before."""
        doc = self._doc
        changes: list[bytes] = []
        # For this change alone: the library never lets go of a document that is observed.
        subscription = doc.observe(lambda event: changes.append(event.update))
        try:
            self._try(change)
        finally:
            doc.unobserve(subscription)
        return changes[0] if changes and changes[0] != EMPTY else None

    def _try(self, change: Callable[[], None]) -> None:
        """Make a change; one that fails leaves the document as it was, and raises `Invalid`."""
        try:
            change()
        except ServiceError:
            self._begin()
            raise
        except ValueError as error:
            raise Invalid({"update": ["Not a Yjs update."]}) from error
        except BaseException as error:
            # The library's panics are no Exceptions, and may leave a change half made.
            if type(error).__module__ != "pyo3_runtime":
                raise
            self._begin()
            raise Invalid({"update": ["Cannot be worked in."]}) from error

    def _make(self, edits: Edits) -> bytes | None:
        def change() -> None:
            with self._doc.transaction():
                # From the end, so that no edit moves the place of another.
                for start, stop, text in reversed(edits):
                    if stop > start:
                        del self._text[start:stop]
                    if text:
                        self._text.insert(start, text.decode())

        return self._safely(change)

    def _note(self, new: bytes | None, content: Update | None = None) -> bytes | None:
        """Take note of what has just been worked in; `content` is what it holds, where read."""
        if new is None:
            return None
        self._parts.append(new)
        self._tail_size += len(new)
        try:
            structs = (content or read(new)).structs
        except Invalid:
            self._survey()
            return new
        for struct in structs:
            self._clocks[struct.client] = struct.clock + struct.length
            if struct.text:
                self._text_size += len(struct.text.encode())
                self._ascii = self._ascii and struct.text.isascii()
                self._has_cr = self._has_cr or "\r" in struct.text
        self._halves.note(structs)
        self._weight += len(new)
        if self._tail_size > MAX_PARTS_BYTES:
            # Forgets what was deleted as well.
            self._survey()
        elif len(self._parts) > MAX_PARTS:
            self._parts, self._tail_size = [self._measured()], 0
        return new

    def _is_slow(self, size: int) -> bool:
        past = self._weight - self._text_size
        return size > HEAVY_UPDATE or size * past > HEAVY_PRODUCT

    def _measured(self) -> bytes:
        """Return the state, and take note of its size."""
        state = self._state()
        self._weight, self._text_size = len(state), self.size
        return state

    def _has_room_for(self, inserted: int) -> bool:
        if self._text_size + inserted > MAX_TEXT:
            self._text_size = self.size
        return self._text_size + inserted <= MAX_TEXT

    def _fits(self, update: bytes) -> bool:
        """Try whether the text stays within its bounds with `update`, which deletes, too."""
        trial = Document.of([*self._parts, update])
        return trial.size <= MAX_TEXT

    def _check_weight(self, added: int) -> None:
        if self._weight + added > MAX_STATE:
            self._measured()
        if self._weight + added > MAX_STATE:
            raise TooLarge("The document holds too much that was deleted")


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Invalid({"codeSnapshot": ["Not valid Unicode text."]}) from error


def _text_too_large() -> TooLarge:
    return TooLarge(f"A document holds at most {MAX_TEXT} bytes")
