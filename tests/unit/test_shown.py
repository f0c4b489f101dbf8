"""Which text an editor has edited that sends a whole one."""

from __future__ import annotations

import pytest

from interview_platform.editor.document import Document
from interview_platform.realtime import shown as module
from interview_platform.realtime.shown import Shown
from tests.editors import rewrite


def send(document: Document, shown: Shown, text: str) -> None:
    base = shown.base_of(text)
    _, sent = document.merge(text, base)
    shown.take(sent, base)


def test_what_crosses_is_an_edit_of_what_the_editor_had() -> None:
    document = Document.written("a blue red")
    shown = Shown(document.base)
    assert not shown.show(document.base)
    rewrite(document, "0 a blue red")
    assert shown.show(document.base)
    # Twice, before it has what it was shown.
    send(document, shown, "a red")
    send(document, shown, "a red four")
    assert document.text == "0 a red four"
    # Then it has, and what it has typed is gone until it is shown again.
    send(document, shown, "0 a blue 3")
    assert document.text == "0 a 3 four"
    assert shown.show(document.base)
    send(document, shown, "0 a 3 four five")
    assert document.text == "0 a 3 four five"
    assert not shown.show(document.base)


def test_what_is_typed_anew_is_deleted_by_who_sees_the_same_text() -> None:
    for text in ("one two", "one"):
        document = Document.written("one")
        shown = Shown(document.base)
        rewrite(document, text)
        shown.show(document.base)
        rewrite(document, "")
        rewrite(document, text)
        assert not shown.show(document.base)
        send(document, shown, text[1:])
        assert document.text == text[1:]


def test_who_lags_behind_takes_back_nothing_of_others() -> None:
    document = Document.written("one")
    shown = Shown(document.base)
    for number in range(90):
        rewrite(document, f"{number} {document.text} {number}")
        assert shown.show(document.base)
    rest = document.text.removesuffix(" 89").removeprefix("89 ")
    send(document, shown, "two")
    assert document.text == f"89 {rest} 89".replace("one", "two")


def test_no_more_texts_are_on_their_way_than_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CHARACTERS", 100)
    document = Document.written("x" * 50)
    shown = Shown(document.base)
    for number in range(30):
        rewrite(document, f"{number} {document.text}")
        shown.show(document.base)
    assert document.history.distance(shown.base_of("x" * 50)) == module.ALWAYS


def test_a_text_is_on_its_way_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    document = Document.written("a")
    shown = Shown(document.base)
    rewrite(document, "ab")
    shown.show(document.base)
    monkeypatch.setattr(module, "ON_ITS_WAY", -1.0)
    rewrite(document, "abc")
    shown.show(document.base)
    # Of what nobody has any more nothing is kept.
    assert document.history.distance(shown.base_of("a")) == 1
