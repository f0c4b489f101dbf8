"""Which text a whole-text editor has edited, as far as its PONGs tell."""

from __future__ import annotations

import pytest

from interview_platform.editor.document import Document
from interview_platform.realtime import shadow as module
from interview_platform.realtime.shadow import InFlight, ShadowText
from tests.editors import rewrite


class Server:
    """A document, and the shadow of one editor of it."""

    def __init__(self, text: str) -> None:
        self.document = Document.written(text)
        self.shadow = ShadowText(self.document.base)

    @property
    def text(self) -> str:
        return self.document.text

    def rewrite(self, text: str) -> None:
        """Have somebody else edit the document."""
        rewrite(self.document, text)

    def send(self) -> InFlight:
        """Send the editor the text, which it needs."""
        assert self.shadow.needs(self.document.base)
        return self.shadow.sent(self.document.base)

    def receive(self, snapshot: str) -> None:
        base = self.shadow.base_of(snapshot)
        _, sent = self.document.merge(snapshot, base)
        self.shadow.edited(base, sent)

    @property
    def is_shown(self) -> bool:
        """Whether the editor has the text, or will have it by what is in flight."""
        return not self.shadow.needs(self.document.base)


def test_a_snapshot_before_the_first_pong_edits_the_text_before() -> None:
    server = Server("a blue red")
    assert server.is_shown
    server.rewrite("0 a blue red")
    text = server.send()
    # Twice, before the editor has the text.
    server.receive("a red")
    server.receive("a red four")
    assert server.text == "0 a red four"
    server.shadow.may_arrive(text)
    server.shadow.arrived(text)
    # What was typed is gone from the editor until it is sent again.
    server.receive("0 a blue 3")
    assert server.text == "0 a 3 four"
    assert not server.is_shown


@pytest.mark.parametrize(
    ("shown", "theirs", "snapshot"),
    [
        ("hell", "hello", "hell"),
        ("keep\nme\n", "me\n", "keep\nme\n"),
        ("x = 1\n", "x = 2\n", "x = 1\n"),
        ("ab", "ab12", "ab34"),
        ("f:\n  a()\n", "f:\n  a()\n  b()\n", "f:\n    a()\n    b()\n"),
        ("one\ntwo\n", "", "three\n"),
        ("", "a", ""),
    ],
)
@pytest.mark.parametrize("has_arrived", [True, False])
def test_a_snapshot_of_a_text_that_has_arrived_is_what_the_document_says(
    shown: str, theirs: str, snapshot: str, *, has_arrived: bool
) -> None:
    server = Server(shown)
    server.rewrite(theirs)
    text = server.send()
    server.shadow.may_arrive(text)
    if has_arrived:
        server.shadow.arrived(text)
    server.receive(snapshot)
    assert server.text == snapshot


def test_a_keystroke_elsewhere_between_the_pongs_edits_the_text_before() -> None:
    server = Server("one two three")
    server.rewrite("one two three four")
    server.shadow.may_arrive(server.send())
    server.receive("0ne two three")
    assert server.text == "0ne two three four"


def test_an_editor_that_may_have_either_text_is_sent_the_text_again() -> None:
    server = Server("one")
    server.rewrite("one two")
    text = server.send()
    server.shadow.may_arrive(text)
    server.receive("one")
    # Either "one", or what was in flight.
    server.shadow.arrived(text)
    assert server.text == "one"
    again = server.send()
    assert server.is_shown
    server.shadow.arrived(again)
    server.receive("one 2")
    assert server.text == "one 2"
    assert server.is_shown


def test_a_snapshot_that_follows_a_join_leaves_no_doubt() -> None:
    server = Server("one")
    text = server.shadow.sent(server.document.base)
    server.shadow.may_arrive(text)
    server.receive("one two")
    server.receive("one two three")
    assert server.is_shown
    server.shadow.arrived(text)
    assert server.text == "one two three"
    assert server.is_shown


def test_a_text_that_follows_leaves_no_doubt() -> None:
    server = Server("one")
    server.rewrite("one two")
    first = server.send()
    server.rewrite("one two three")
    second = server.send()
    server.shadow.may_arrive(first)
    server.receive("one two 2")
    assert server.text == "one two three 2"
    third = server.send()
    for text in (first, second, third):
        server.shadow.may_arrive(text)
        server.shadow.arrived(text)
    assert server.is_shown


def test_a_text_that_was_shown_comes_back_as_an_edit() -> None:
    server = Server("1")
    for theirs in ("2", "3", "4"):
        server.rewrite(theirs)
        server.shadow.arrived(server.send())
    server.receive("2")
    assert server.text == "2"
    server.receive("2")
    assert server.text == "2"
    assert server.is_shown


def test_a_pong_proves_all_that_was_sent_before() -> None:
    server = Server("0")
    texts = []
    for number in range(1, 4):
        server.rewrite(str(number))
        texts.append(server.send())
    server.shadow.may_arrive(texts[2])
    assert server.shadow.base_of("2 and more").text == "3"
    server.shadow.arrived(texts[2])
    # Late answers change nothing.
    server.shadow.may_arrive(texts[1])
    server.shadow.arrived(texts[1])
    assert server.shadow.base_of("1").text == "3"


@pytest.mark.parametrize("arrives_before", [True, False])
def test_what_others_typed_again_is_deleted_by_an_editor_that_has_the_text(
    *, arrives_before: bool
) -> None:
    server = Server("one")
    server.rewrite("one two")
    sent = server.send()
    if arrives_before:
        server.shadow.arrived(sent)
    server.rewrite("")
    server.rewrite("one two")
    assert server.is_shown
    server.shadow.arrived(sent)
    server.receive("ne two")
    assert server.text == "ne two"


def test_an_editor_that_lags_behind_takes_back_nothing_of_others() -> None:
    server = Server("one")
    for number in range(90):
        server.rewrite(f"{number} {server.text} {number}")
        if server.shadow.needs(server.document.base):
            server.shadow.sent(server.document.base)
    rest = server.text
    server.receive("two")
    assert server.text == rest.replace("one", "two")


def test_texts_are_held_back_while_too_many_are_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CHARACTERS", 100)
    for most, length in ((module.MAX_IN_FLIGHT, 1), (2, 40), (1, 1_000)):
        server = Server("")
        texts = []
        for number in range(20):
            server.rewrite(str(number % 10) * length)
            if server.shadow.needs(server.document.base):
                texts.append(server.shadow.sent(server.document.base))
        assert len(texts) == most
        held_back = [server.shadow.is_behind]
        server.shadow.arrived(texts[0])
        texts.append(server.send())
        held_back.append(server.shadow.is_behind)
        assert held_back == [True, False]
        # Nothing is kept of what has arrived.
        server.shadow.arrived(texts[-1])
        assert server.document.history.distance(server.shadow.base_of("x")) == 0
