"""People who type without end, over connections that do not last.

Who scribbles has letters of their own, each of which is typed once, so that what became of
everybody's typing can be told from the text alone.
"""

from __future__ import annotations

import json
import re
import time
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from random import Random
from socket import SHUT_RDWR
from typing import Any

from pycrdt import Doc, Text, TransactionEvent, merge_updates
from socketio.exceptions import SocketIOError

from tests.live import DEADLINE, NAMESPACE, RefusedError, SocketPerson, wait_until

Dial = Callable[[], SocketPerson]
"""Connects somebody to one of the processes, which may be gone by then."""

# How many edits may be on their way at once.
MOST_UNANSWERED = 200

EMPTY = b"\x00\x00"

# The first letters of two who scribble: within Unicode's first plane, and beyond it.
FIRST_LETTERS = "\u4e00", "\U00020000"
_SCRIBBLED = "\u4e00-\u9fff\U00020000-\U0002a6df"
_LETTER = re.compile(f"[{_SCRIBBLED}]")
_RUN_BETWEEN = re.compile(f"[^{_SCRIBBLED}]+")


class LostError(Exception):
    """The connection has ended."""


class Line:
    """A socket on which edits are sent without waiting; tells what was answered."""

    def __init__(self, socket: SocketPerson, interview_id: str) -> None:
        self.socket = socket
        self.kept: dict[int, dict[str, Any]] = {}
        self.refused: list[dict[str, Any]] = []
        self._interview_id = interview_id
        self._sent = 0
        self._read = 0

    @property
    def unanswered(self) -> int:
        return self._sent - len(self.kept) - len(self.refused)

    def join(self, **more: Any) -> dict[str, Any]:
        """Enter the room. Raises `LostError` where the connection ends before the answer."""
        answers: list[dict[str, Any]] = []
        self._emit("joinRoom", more, answers.append)
        self.await_that(lambda: bool(answers))
        assert answers[0]["ok"], answers[0]
        return answers[0]

    def send(self, **edit: Any) -> None:
        """Send an edit, once few enough are on their way."""

        def note(answer: dict[str, Any]) -> None:
            if answer["ok"]:
                self.kept[answer["seq"]] = edit
            else:
                self.refused.append(answer["error"])

        self.await_answers()
        self._emit("codeUpdate", edit, note)
        self._sent += 1

    def await_answers(self) -> None:
        """Wait until few enough edits are on their way that another may be sent at once."""
        self.await_that(lambda: self.unanswered < MOST_UNANSWERED)

    def edits(self) -> Iterator[dict[str, Any]]:
        """Yield the edits of others that have arrived since."""
        # Where to stop first: more may arrive at any moment.
        start, self._read = self._read, len(self.socket.heard)
        heard = self.socket.heard[start : self._read]
        yield from (data for event, data in heard if event == "codeUpdate")

    def await_that(self, probe: Callable[[], bool]) -> None:
        """Wait until `probe` is true. Raises `LostError` where the connection ends before."""
        end = time.monotonic() + DEADLINE
        while not probe():
            if not self.socket.connected:
                raise LostError
            assert time.monotonic() < end, "no answer"
            time.sleep(0.005)

    def cut(self) -> None:
        """End the connection as a network does."""
        with suppress(AttributeError, OSError):  # where it has ended already
            self.socket.client.eio.ws.sock.shutdown(SHUT_RDWR)

    def _emit(self, event: str, more: dict[str, Any], callback: Callable[[Any], None]) -> None:
        payload = {"interviewId": self._interview_id, **more}
        try:
            self.socket.client.emit(event, payload, NAMESPACE, callback=callback)
        except (SocketIOError, OSError) as error:
            raise LostError from error


class Typist:
    """Somebody with an editor, which connects again whenever its connection is lost."""

    def __init__(self, dial: Dial, interview_id: str) -> None:
        self.interview_id = interview_id
        self.lines: list[Line] = []
        self._dial = dial

    @property
    def line(self) -> Line:
        return self.lines[-1]

    @property
    def kept(self) -> dict[int, dict[str, Any]]:
        """All that was acknowledged, by its number in the log."""
        return {seq: edit for line in self.lines for seq, edit in line.kept.items()}

    @property
    def refused(self) -> list[dict[str, Any]]:
        return [error for line in self.lines for error in line.refused]

    def connect(self) -> None:
        """Be in the room by a new connection, whatever it takes."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            try:
                self.lines.append(Line(self._dial(), self.interview_id))
                self.enter()
            except (LostError, RefusedError, SocketIOError, OSError):
                time.sleep(0.05)
            else:
                return
        raise AssertionError("nobody lets them in")

    def insist(self, do: Callable[[], None]) -> None:
        """Do something that may lose the connection, and what was on its way with it."""
        try:
            do()
        except LostError:
            self.connect()

    def settle(self) -> None:
        """Have all that was typed be acknowledged."""
        while self.line.unanswered:
            self.insist(lambda: self.line.await_that(lambda: not self.line.unanswered))

    @property
    def text(self) -> str:
        """What is before them."""
        raise NotImplementedError

    def hear(self) -> str:
        """Work in what has arrived, and return the text."""
        raise NotImplementedError

    def change(self, *edits: tuple[int, int, str]) -> None:
        """Make edits of the text as it was last heard, the last in it first.

        Each says from where to where something is replaced, in code points, and by what.
        """
        raise NotImplementedError

    def enter(self) -> None:
        """Join by the new line, and send again what it lacks."""
        raise NotImplementedError

    def at_once(self) -> AbstractContextManager[object]:
        """Have nothing arrive between hearing and changing, as in a browser's one thread."""
        return self.line.socket.hearing

    def cut(self) -> None:
        """End the connection as a network does."""
        self.line.cut()

    def leave(self) -> None:
        self.line.socket.leave()


class YjsTypist(Typist):
    """Types into a Yjs document of their own, and sends `gathered` edits as one update."""

    def __init__(self, dial: Dial, interview_id: str, gathered: int = 1) -> None:
        super().__init__(dial, interview_id)
        self._gathered = gathered
        self.doc: Doc[Text] = Doc()
        self.code = self.doc.get("code", type=Text)
        self._typing = False
        self._unsent: list[bytes] = []
        self._subscription = self.doc.observe(self._note)
        self._text: str | None = ""

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = str(self.code)
        return self._text

    def close(self) -> None:
        """Leave, and let go of the document."""
        self.leave()
        self.doc.unobserve(self._subscription)

    def enter(self) -> None:
        # Whatever was sent or not: the two vectors tell what is lacking.
        self._unsent.clear()
        answer = self.line.join(sync="yjs", sv=self.doc.get_state())
        self._apply(answer["update"])
        lacking = self.doc.get_update(answer["sv"])
        if lacking != EMPTY:
            self.line.send(update=lacking)

    def hear(self) -> str:
        if not self.line.socket.connected:
            self.connect()
        for edit in self.line.edits():
            self._apply(edit["update"])
        return self.text

    def change(self, *edits: tuple[int, int, str]) -> None:
        text = self.text
        self._typing = True
        with self.doc.transaction():
            for start, stop, inserted in edits:
                at = len(text[:start].encode())
                if stop > start:
                    del self.code[at : at + len(text[start:stop].encode())]
                if inserted:
                    self.code.insert(at, inserted)
        self._typing = False
        if len(self._unsent) >= self._gathered:
            self._send()

    def settle(self) -> None:
        self._send()
        super().settle()

    def _send(self) -> None:
        if self._unsent:
            update, self._unsent = merge_updates(*self._unsent), []
            self.insist(lambda: self.line.send(update=update))

    def _apply(self, update: bytes) -> None:
        self._text = None
        self.doc.apply_update(update)

    def _note(self, event: TransactionEvent) -> None:
        self._text = None
        if self._typing:
            self._unsent.append(event.update)


class PlainTypist(Typist):
    """Types into a text, and is shown whole texts."""

    def __init__(self, dial: Dial, interview_id: str) -> None:
        super().__init__(dial, interview_id)
        self._text = ""

    @property
    def text(self) -> str:
        return self._text

    def enter(self) -> None:
        self._text = self.line.join()["codeSnapshot"]

    def hear(self) -> str:
        for edit in self.line.edits():
            self._text = edit["codeSnapshot"]
        return self._text

    def change(self, *edits: tuple[int, int, str]) -> None:
        for start, stop, inserted in edits:
            self._text = self._text[:start] + inserted + self._text[stop:]
        self.line.send(codeSnapshot=self._text)


def retype(editor: Typist, start: int, deleted: int, inserted: str) -> None:
    """Make an edit of a text in one in which others scribble as well."""
    text = editor.hear()
    place = _place(text, start)
    edits = [(place, place, inserted)] if inserted else []
    if deleted:
        stop = _place(text, start + deleted - 1) + 1
        runs = [(run.start(), run.end(), "") for run in _RUN_BETWEEN.finditer(text, place, stop)]
        edits = [*reversed(runs), *edits]
    editor.change(*edits)


def without_scribbles(text: str) -> str:
    return _LETTER.sub("", text)


def agreed(editors: Sequence[Typist]) -> str:
    """Wait until all have the same text before them, and return it."""
    wait_until(lambda: len({editor.hear() for editor in editors}) == 1, "one text")
    return editors[0].text


def check_kept(record: Sequence[bytes], editors: Iterable[Typist]) -> int:
    """Check that the log has no gap, and every edit that was acknowledged, by its number.

    Returns how many these are.
    """
    _, *lines, _ = map(json.loads, record)
    entries = {line["entry"]["seq"]: line for line in lines}
    assert list(entries) == list(range(1, len(lines) + 1))
    kept = {seq: edit for editor in editors for seq, edit in editor.kept.items()}
    for seq, edit in kept.items():
        assert entries[seq]["entry"]["type"] == "code"
        if "update" in edit:
            assert b64decode(entries[seq]["content"]["data"]["update"]) == edit["update"]
    return len(kept)


class Scribbler:
    """Types and deletes letters of their own at random places, some 30 of them at a time."""

    def __init__(self, first_letter: str, seed: int) -> None:
        self.there: set[str] = set()
        self.typed = 0
        self._first = ord(first_letter)
        self._random = Random(seed)

    def scribble(self, editor: Typist) -> None:
        # Before: while nothing arrives, no answer does.
        editor.insist(lambda: editor.line.await_answers())
        with editor.at_once():
            self._scribble(editor)

    def _scribble(self, editor: Typist) -> None:
        text, random = editor.hear(), self._random
        if random.random() < len(self.there) / 60:
            letter = random.choice(sorted(self.there))
            place = text.find(letter)
            # A simple editor may be shown, for a moment, a text from before it was typed.
            if place >= 0:
                self.there.discard(letter)
                editor.change((place, place + 1, ""))
            return
        first = self._first + self.typed
        letters = "".join(map(chr, range(first, first + random.randint(1, 3))))
        self.typed += len(letters)
        self.there.update(letters)
        place = random.randint(0, len(text))
        editor.change((place, place, letters))

    def left(self, text: str) -> list[str]:
        """Return those of their letters that stand in `text`, by the order typed."""
        ours = range(self._first, self._first + self.typed)
        return sorted(letter for letter in _LETTER.findall(text) if ord(letter) in ours)


def _place(text: str, number: int) -> int:
    """Return where the character of this number stands, scribbles not counted, or would."""
    place = number
    for scribbles, match in enumerate(_LETTER.finditer(text)):
        if match.start() - scribbles > number:
            break
        place = number + scribbles + 1
    return place
