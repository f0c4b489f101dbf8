"""Editors of the shared document: one that speaks Yjs, one that shows and takes whole texts."""

from __future__ import annotations

import json
from typing import Any

from pycrdt import Doc, Text, merge_updates

from interview_platform.editor.document import Document
from tests.live import SocketPerson, wait_until
from tests.raw import RawSocket, packet


def rewrite(document: Document, text: str) -> bytes | None:
    """Edit a document so that it says `text`; returns the update, None if nothing changes."""
    new, _ = document.merge(text, document.base)
    return new


class YjsEditor:
    """An editor with a Yjs document of its own, as a person has it open on one socket.

    It outlives its socket: `join` again, by another one, brings both sides up to date.
    """

    def __init__(self) -> None:
        self.doc: Doc[Text] = Doc()
        self.code = self.doc.get("code", type=Text)
        self.socket: SocketPerson | None = None
        self._read = 0

    @property
    def text(self) -> str:
        return str(self.code)

    def join(self, socket: SocketPerson, interview_id: str, **more: Any) -> dict[str, Any]:
        """Enter the room, take what is lacking here and send what is lacking there."""
        self.socket, self._read = socket, len(socket.heard)
        answer = socket.join(interview_id, sync="yjs", sv=self.doc.get_state(), **more)
        assert answer["ok"], answer
        self.interview_id = interview_id
        self.doc.apply_update(answer["update"])
        lacking = self.doc.get_update(answer["sv"])
        if lacking != b"\x00\x00":
            sent = self.send(lacking)
            assert sent["ok"], sent
        return answer

    def insert(self, index: int, text: str) -> bytes:
        """Insert at `index`, in code points, and return the update."""
        return self.replace(index, 0, text)

    def delete(self, index: int, length: int) -> bytes:
        return self.replace(index, length, "")

    def replace(self, index: int, deleted: int, inserted: str) -> bytes:
        text = self.text
        start = len(text[:index].encode())
        stop = start + len(text[index : index + deleted].encode())
        before = self.doc.get_state()
        with self.doc.transaction():
            if deleted:
                del self.code[start:stop]
            if inserted:
                self.code.insert(start, inserted)
        return self.doc.get_update(before)

    def send(self, update: bytes) -> dict[str, Any]:
        assert self.socket is not None
        payload = {"interviewId": self.interview_id, "update": update}
        return self.socket.call("codeUpdate", payload)

    def send_at_once(self, *updates: bytes) -> dict[str, Any]:
        return self.send(merge_updates(*updates))

    def type(self, text: str, index: int | None = None) -> dict[str, Any]:
        """Insert at `index`, or at the end, and send it."""
        return self.send(self.insert(len(self.text) if index is None else index, text))

    def hear(self) -> str:
        """Work in every update that has arrived, and return the text."""
        assert self.socket is not None
        heard, self._read = self.socket.heard[self._read :], len(self.socket.heard)
        for event, data in heard:
            if event == "codeUpdate":
                self.doc.apply_update(data["update"])
        return self.text

    def shows(self, text: str) -> None:
        """Wait until the text is `text`."""
        wait_until(lambda: self.hear() == text, f"the text {text!r}, which is {self.text!r}")


class PlainEditor:
    """An editor that knows nothing of Yjs."""

    def __init__(self, socket: SocketPerson, interview_id: str) -> None:
        self.socket = socket
        self.interview_id = interview_id
        answer = socket.join(interview_id)
        assert answer["ok"], answer
        self.start: str = answer["codeSnapshot"]
        # What it has written, and how many texts it was shown before that.
        self._written = self.start, 0

    @property
    def text(self) -> str:
        """What it was shown last, unless it has written something since."""
        shown = self.socket.all("codeUpdate")
        written, before = self._written
        return str(shown[-1]["codeSnapshot"]) if len(shown) > before else written

    def write(self, text: str) -> dict[str, Any]:
        payload = {"interviewId": self.interview_id, "codeSnapshot": text}
        self._written = text, len(self.socket.all("codeUpdate"))
        return self.socket.call("codeUpdate", payload)

    def await_text(self, text: str) -> None:
        """Return as soon as the text is `text`."""
        while self.text != text:
            self.socket.next("codeUpdate")

    def shows(self, text: str) -> None:
        wait_until(lambda: self.text == text, f"the text {text!r}, which is {self.text!r}")


class LateEditor:
    """One that knows nothing of Yjs, and receives what it is sent when it reads."""

    def __init__(self, socket: RawSocket, interview_id: str) -> None:
        self.socket = socket
        self.interview_id = interview_id
        answer = socket.call("joinRoom", {"interviewId": interview_id})
        assert answer["ok"], answer
        self.start: str = answer["codeSnapshot"]

    def write(self, text: str) -> None:
        """Send a text, and receive nothing."""
        payload = {"interviewId": self.interview_id, "codeSnapshot": text}
        self.socket.emit("codeUpdate", payload)

    def shows(self, text: str) -> None:
        """Receive what is sent until it is `text`, and have the server know that."""
        shown = packet("codeUpdate", {"codeSnapshot": text})
        while json.loads(_content(self.socket.read())) != json.loads(_content(shown)):
            pass
        assert self.socket.call("awareness", {"interviewId": self.interview_id, "state": 0})["ok"]


def _content(message: str) -> str:
    """Return the JSON that a packet of Socket.IO ends with."""
    return message[message.index("[") :] if "[" in message else "null"
