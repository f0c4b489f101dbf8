"""A model of the whole: editors of both kinds, and what they say to the server on its way.

Every character is typed once, so that the text tells what became of each edit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from random import Random

import pytest

from interview_platform.editor.document import Document
from interview_platform.realtime.shadow import InFlight, ShadowText
from tests.editors import YjsEditor

START = "".join(map(chr, range(0x3400, 0x3400 + 40)))
FIRST = 0x4E00

Arrival = Callable[[], None]


class Room:
    """A document, its editors, and what each has typed and deleted."""

    def __init__(self, random: Random, whole_text: int, yjs: int) -> None:
        self.random = random
        self.document = Document.written(START)
        self.was: list[str] = [START]
        self.count = 0
        self.typed = set(START)
        self.deleted: set[str] = set()
        self.whole_text = [WholeText(self) for _ in range(whole_text)]
        self.yjs = [Yjs(self) for _ in range(yjs)]
        self.editors: list[Editor] = [*self.whole_text, *self.yjs]

    @property
    def text(self) -> str:
        return self.document.text

    def make_edit(self, text: str) -> tuple[int, int, str]:
        """Return an edit of `text`: what comes, and in the place of what."""
        start = self.random.randint(0, len(text))
        stop = min(len(text), start + self.random.choice((0, 0, 1, 3)))
        count = self.random.choice((0, 1, 1, 3))
        typed = "".join(chr(FIRST + self.count + each) for each in range(count))
        self.count += count
        self.typed.update(typed)
        self.deleted.update(text[start:stop])
        return start, stop, typed

    def spread(self, update: bytes, source: Editor) -> None:
        """Send an edit to the other editors that speak Yjs."""
        for editor in self.yjs:
            if editor is not source:
                editor.inbox.append(partial(editor.apply, update))

    def show(self) -> None:
        """Send the text to the other editors, as the service does ten times a second."""
        self.was.append(self.text)
        for editor in self.whole_text:
            editor.offer()

    def step(self) -> None:
        """Have one thing happen somewhere."""
        editor = self.random.choice(self.editors)
        match self.random.randrange(8):
            case 0 | 1:
                editor.type()
            case 2 | 3 | 4:
                editor.hear()
            case 5 | 6:
                editor.deliver()
            case _:
                self.show()

    def settle(self) -> None:
        """Have everything arrive. Then all agree, and nothing is lost, doubled, or back."""
        for _ in range(5):
            for editor in self.editors:
                while editor.inbox or editor.outbox:
                    editor.hear()
                    editor.deliver()
            self.show()
        assert {editor.text for editor in self.editors} == {self.text}
        assert sorted(self.text) == sorted(self.typed - self.deleted)

    def flip(self, text: str) -> None:
        """Take note that somebody is about to bring back `text`."""
        self.typed, self.deleted = set(text), set()


class Editor:
    """Somebody's editor, and what is on its way to it and from it."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.inbox: deque[Arrival] = deque()
        self.outbox: deque[Arrival] = deque()

    @property
    def text(self) -> str:
        raise NotImplementedError

    def type(self) -> None:
        """Make an edit, and send it."""
        raise NotImplementedError

    def hear(self) -> None:
        """Have the next thing arrive at the editor."""
        if self.inbox:
            self.inbox.popleft()()

    def deliver(self) -> None:
        """Have the next thing arrive at the server."""
        if self.outbox:
            self.outbox.popleft()()


class Yjs(Editor):
    """An editor with a Yjs document of its own."""

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        self.editor = YjsEditor()
        self.apply(room.document.since(None))

    @property
    def text(self) -> str:
        return self.editor.text

    def apply(self, update: bytes) -> None:
        self.editor.doc.apply_update(update)

    def type(self) -> None:
        start, stop, typed = self.room.make_edit(self.text)
        update = self.editor.replace(start, stop - start, typed)
        self.outbox.append(partial(self._receive, update))

    def _receive(self, update: bytes) -> None:
        self.room.document.apply(update)
        self.room.spread(update, self)


class WholeText(Editor):
    """An editor that sends and is shown whole texts, each of which is between two PINGs.

    It answers the first PING and shows the text in one step, and may type before the second.
    """

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        self._text = room.text
        # How many snapshots are on their way.
        self._sent = 0
        self.shadow = ShadowText(room.document.base)

    @property
    def text(self) -> str:
        return self._text

    @property
    def is_current(self) -> bool:
        """Whether it has the document's text, and nothing is on its way that changes either."""
        is_shown = len(self.inbox) <= 1  # but for the PING after the text
        return is_shown and not self._sent and self.text == self.room.text

    def offer(self) -> None:
        if self.shadow.needs(self.room.document.base):
            text = self.shadow.sent(self.room.document.base)
            self.inbox.append(partial(self._show, self.room.text, text))
            self.inbox.append(partial(self.outbox.append, partial(self.shadow.arrived, text)))

    def type(self) -> None:
        start, stop, typed = self.room.make_edit(self.text)
        self.send(self.text[:start] + typed + self.text[stop:])

    def send(self, text: str) -> None:
        """Send a text, which is what the document says if the editor had the document's."""
        is_exact = self.is_current and self.room.random.random() < 0.5
        self._text = text
        self._sent += 1
        self.outbox.append(partial(self._receive, text))
        while is_exact and self.outbox:
            self.deliver()
        assert self.room.text == text or not is_exact

    def _show(self, text: str, sent: InFlight) -> None:
        self.outbox.append(partial(self.shadow.may_arrive, sent))
        self._text = text

    def _receive(self, snapshot: str) -> None:
        self._sent -= 1
        base = self.shadow.base_of(snapshot)
        update, sent = self.room.document.merge(snapshot, base)
        self.shadow.edited(base, sent)
        if update is not None:
            self.room.spread(update, self)


@pytest.mark.parametrize(("whole_text", "yjs"), [(2, 0), (1, 1), (3, 0), (2, 1), (1, 2)])
def test_editors_agree_and_nobody_s_edit_is_undone(whole_text: int, yjs: int) -> None:
    for seed in range(40):
        room = Room(Random(seed), whole_text, yjs)
        for _ in range(4):
            for _ in range(60):
                room.step()
            room.settle()


def test_a_text_from_before_comes_back_whatever_happened_since() -> None:
    for seed in range(100):
        room = Room(Random(seed), 2, 1)
        for _ in range(60):
            room.step()
        room.settle()
        editor = room.random.choice(room.whole_text)
        text = room.random.choice(room.was)
        room.flip(text)
        editor.send(text)
        room.settle()
        assert room.text == text


def test_an_edit_is_taken_back_at_once_by_an_editor_that_is_shown_it() -> None:
    for seed in range(100):
        room = Room(Random(seed), 2, 1)
        for _ in range(20):
            room.step()
        room.settle()
        before, editor = room.text, room.whole_text[0]
        other = room.random.choice(room.editors[1:])
        other.type()
        other.deliver()
        room.show()
        editor.hear()
        room.flip(before)
        editor.send(before)
        room.settle()
        assert room.text == before
