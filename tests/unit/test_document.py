"""The shared document: checks before anything is taken, and edits made out of whole texts."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from gevent.threadpool import ThreadPool
from pycrdt import Doc, Text, merge_updates

from interview_platform.core.errors import Conflict, Invalid, ServiceError, TooLarge
from interview_platform.editor import document as module
from interview_platform.editor.bounds import (
    HEAVY_UPDATE,
    LEAST_EDITS,
    MAX_CLIENTS,
    MAX_PARTS_BYTES,
    MAX_TEXT,
    MAX_UPDATE,
)
from interview_platform.editor.document import Document
from interview_platform.editor.playback import KEYFRAME_EVERY, Playback
from interview_platform.editor.revision import Base
from interview_platform.editor.update import read
from tests import typing_trace
from tests.editors import YjsEditor, rewrite
from tests.yjs import deleted, deletions, section, skip, typed, update


def refused(document: Document, bad: bytes, error: type[ServiceError]) -> None:
    """Check that `bad` is refused, and that nothing of it stays."""
    before = document.text, document.since(None)
    with pytest.raises(error):
        document.apply(bad)
    assert (document.text, document.since(None)) == before


def test_a_session_of_typing_ends_as_it_did() -> None:
    here, there = Document(), Document()
    text = ""
    for number, (at, length, inserted) in enumerate(typing_trace.patches()):
        text = text[:at] + inserted + text[at + length :]
        if number % 9 == 0:
            new = rewrite(here, text)
            if new is not None:
                assert there.apply(new) == new
    rewrite(here, typing_trace.end())
    there.apply(here.since(there.vector()))
    assert here.text == there.text == typing_trace.end()
    assert Document.of([there.since(None)]).text == typing_trace.end()


def test_what_was_new_is_told_and_nothing_twice() -> None:
    document = Document.written("one")
    other = Document.of([document.since(None)])
    first, second = rewrite(other, "one two"), rewrite(other, "one two three")
    assert first is not None
    assert second is not None
    assert document.apply(first) == first
    assert document.apply(first) is None
    both = other.since(None)
    new = document.apply(both)
    assert new is not None
    assert len(new) < len(both)
    assert document.text == "one two three"
    assert document.apply(both) is None
    assert rewrite(document, "one two three") is None
    assert document.since(other.vector()) == module.EMPTY


def test_edits_whose_grounds_are_missing_are_refused_so_that_clients_resync() -> None:
    document = Document.written("base")
    other = Document.of([document.since(None)])
    first = rewrite(other, "base, more")
    second = rewrite(other, "base, more and more")
    removal = rewrite(other, "base and more")
    assert first is not None
    assert second is not None
    assert removal is not None
    for late in (second, removal):
        refused(document, late, Conflict)
    document.apply(first)
    document.apply(second)
    document.apply(removal)
    assert document.text == other.text == "base and more"


@pytest.mark.parametrize(
    "circular",
    [
        update(section(5, 0, typed("a", left=(5, 0)))),
        update(section(5, 0, typed("a", left=(6, 0))), section(6, 0, typed("b", left=(5, 0)))),
        update(section(5, 0, typed("a", right=(6, 1))), section(6, 0, typed("b"))),
        update(section(5, 0, typed("a"), skip(2), typed("b", left=(5, 0)))),
        update(section(5, 3, typed("a"))),
        update(deletes=(deletions(5, (0, 1)),)),
    ],
)
def test_edits_that_rest_on_nothing_are_refused(circular: bytes) -> None:
    refused(Document.written("base"), circular, Conflict)


def test_the_clients_of_an_update_may_stand_in_any_order() -> None:
    chain = [section(1, 0, typed("a"), typed("c", left=(2, 0)), typed("e", left=(3, 0)))]
    chain += [section(2, 0, typed("b", left=(1, 0))), section(3, 0, typed("d", left=(1, 1)))]
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        document = Document()
        document.apply(update(*(chain[place] for place in order)))
        assert document.text == "abcde"


def test_trusted_edits_may_come_in_any_order() -> None:
    source = Document()
    updates = [rewrite(source, "x" * count) for count in range(1, 40)]
    Random(3).shuffle(updates)
    document = Document()
    for one in updates:
        assert one is not None
        document.apply(one, trusted=True)
    assert document.text == source.text
    assert document.vector() == source.vector()
    document.apply(rewrite(source, "whole") or b"")
    assert document.text == "whole"


def test_characters_are_not_cut_in_two() -> None:
    document = Document()
    document.apply(update(section(7, 0, typed("a🦉b"))))
    for cut in (
        update(section(8, 0, typed("x", left=(7, 1)))),
        update(section(8, 0, typed("x", right=(7, 2)))),
        update(deletes=(deletions(7, (1, 1)),)),
        update(deletes=(deletions(7, (2, 1)),)),
        update(deletes=(deletions(7, (0, 2)),)),
        update(section(7, 3, typed("🦉b", left=(7, 2)))),
        update(section(8, 0, typed("🦉"), typed("x", left=(8, 0)))),
    ):
        refused(document, cut, Invalid)
    again = Document.of([document.since(None)])
    refused(again, update(deletes=(deletions(7, (1, 1)),)), Invalid)
    again.apply(update(section(8, 0, typed("x", left=(7, 0), right=(7, 1)))))
    again.apply(update(deletes=(deletions(7, (1, 2)),)))
    assert again.text == "axb"


def test_text_and_update_are_bounded() -> None:
    document = Document()
    with pytest.raises(TooLarge):
        document.apply(b"\x00" * (MAX_UPDATE + 1))
    full = "é" * (MAX_TEXT // 2)
    rewrite(document, full)
    assert document.size == MAX_TEXT
    with pytest.raises(TooLarge):
        rewrite(document, full + "x")
    with pytest.raises(TooLarge):
        document.merge("x" + full, document.base)
    other = Document.of([document.since(None)])
    vector = other.vector()
    # As much is deleted as is inserted, so it fits; and sent again it says nothing new.
    replacing = rewrite(other, full[:-1] + "xy")
    assert replacing is not None
    document.apply(replacing)
    assert document.apply(other.since(vector)) is None
    assert document.size == MAX_TEXT
    refused(document, Document.written("x").since(None), TooLarge)


def test_what_was_deleted_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = "-" * 400
    document = Document.written(plain)
    other = Document.of([document.since(None)])
    monkeypatch.setattr(module, "MAX_STATE", 3000)

    def type_and_take_back() -> None:
        for place in range(0, 400, 2):
            rewrite(document, plain[:place] + "x" + plain[place:])
            rewrite(document, plain)

    with pytest.raises(TooLarge):
        type_and_take_back()
    assert document.text == plain
    assert 2500 < len(document.since(None)) <= 3000
    inserted = rewrite(other, plain + "x" * 1000)
    assert inserted is not None
    refused(document, inserted, TooLarge)
    # One can always delete.
    other = Document.of([document.since(None)])
    document.apply(rewrite(other, plain[:5]) or b"")
    rewrite(document, "")
    assert document.text == ""


def test_a_panic_of_the_library_leaves_the_document_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    document = Document.written("abc")
    rewrite(document, "abcd")
    # Empty sections, which the reader refuses, have this version of the library panic.
    client = int(next(iter(document._clocks)))
    panics = update(section(client, 0), section(6, 0, typed("x")))
    refused(document, panics, Invalid)
    with pytest.raises(Invalid):
        document.apply(panics, trusted=True)
    assert document.text == "abcd"
    assert rewrite(document, "abcde")
    assert document.text == "abcde"
    # Whatever it says of itself, nothing that is no panic is taken for one.
    monkeypatch.setattr(document, "_doc", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        document.apply(b"\x00\x00", trusted=True)


class Interrupted:
    """A document during which somebody presses Ctrl-C."""

    def observe(self, callback: Callable[[Any], None]) -> None:
        return None

    def unobserve(self, subscription: None) -> None:
        pass

    def apply_update(self, update: bytes) -> None:
        raise KeyboardInterrupt


def test_a_document_can_be_used_on_other_threads_and_is_let_go() -> None:
    document = Document.written("start\n")
    pool = ThreadPool(2)
    for number in range(50):
        line = f"{number}\n"
        text = document.text + line
        assert pool.apply(rewrite, (document, text))
        assert rewrite(document, f"# {line}{text}")
    assert document.text.count("\n") == 101
    inner: weakref.ref[Doc[Any]] = weakref.ref(document._doc)
    del document
    pool.kill()
    gc.collect()
    assert inner() is None, "the document is kept in memory for ever"


def test_line_ends_and_characters_beyond_the_first_plane_are_kept() -> None:
    document = Document()
    for text in ("a\r\nb\rc\n", "a\nb\rc\n🦉", "🦉🦉\r\n", "👩‍👩‍👧\x00\u2028", ""):
        rewrite(document, text)
        assert document.text == text
        assert document.size == len(text.encode())
    with pytest.raises(Invalid) as bad:
        rewrite(document, "\ud83e")
    assert set(bad.value.errors or ()) == {"codeSnapshot"}


def test_deleted_characters_may_be_known_as_deleted_alone() -> None:
    document = Document()
    document.apply(update(section(7, 0, typed("a"), deleted(5, left=(7, 0)))))
    document.apply(update(section(7, 6, typed("b", left=(7, 5)))))
    assert document.text == "ab"


def test_what_came_before_what_it_rests_on_outlives_the_state_it_is_kept_beside() -> None:
    written, updates = Document(), []
    for text in ("one", "one, two", "one, two, three", "one, three"):
        updates.append(rewrite(written, text) or b"")
    first, second, *rest = updates
    document = Document.of([first])
    for update_ in rest:
        assert document.apply(update_, trusted=True) is None
    assert document.early == rest
    kept = Document.of([document.since(None)])
    for update_ in document.early:
        kept.apply(update_, trusted=True)
    for each in (document, kept):
        assert each.text == "one"
        each.apply(second, trusted=True)
        assert (each.text, each.early) == ("one, three", [])
        assert each.since(None) == written.since(None)


def test_early_edits_are_neither_lost_by_a_keyframe_nor_taken_for_another_s() -> None:
    written, updates = Document.written("0"), []
    born = written.since(None)
    for text in ("0 one", "0 one two", "0 one two three 🦉"):
        updates.append(rewrite(written, text) or b"")
    one, two, three = updates
    # Who typed what, in the order logged: the second rests on the third to come.
    logged = [
        entry(1, None, born, origin="starter"),
        entry(2, "ada", three),
        entry(3, "ada", two),
        entry(4, "ben", one),
    ]
    whole = Playback()
    whole.play(logged)
    for kept in (1, 2, 3):
        playback = Playback()
        playback.play(logged[:kept])
        (keyframe,) = playback.advance(KEYFRAME_EVERY)
        assert playback.document.text == "0"
        again = Playback(keyframe)
        again.play(logged[kept:])
        assert again.document.text == written.text
        assert again.offsets() == whole.offsets() == {"ben": 5, "ada": 18}
        people = {name: each.inserted for name, each in again.statistics.people.items()}
        assert people == {"ben": len(" one"), "ada": len(" two three 🦉")}


def entry(seq: int, who: str | None, update: bytes, **more: str) -> dict[str, Any]:
    """Return an edit as the log keeps it."""
    return {
        "_id": seq,
        "seq": seq,
        "type": "code",
        "timestamp": datetime.now(UTC),
        "actor": {"userId": who, "name": who} if who else None,
        "data": {"update": update, **more},
    }


class Unwalked(bytes):
    """What must not be gone through for each edit: a client may have written any amount."""

    def __iter__(self) -> Iterator[int]:
        raise AssertionError


def test_an_edit_costs_no_walk_through_all_wide_characters() -> None:
    document = Document()
    document.apply(update(section(7, 0, typed("🦉" * 100))))
    stretches = document._halves._stretches
    stretches[7] = [each._replace(bits=Unwalked(each.bits)) for each in stretches[7]]
    document.apply(update(section(7, 200, *(typed("🦉", left=(7, 199)) for _ in range(3)))))
    assert document.text == "🦉" * 103
    refused(document, update(section(8, 0, typed("x", left=(7, 0)))), Invalid)
    refused(document, update(section(8, 0, typed("x", left=(7, 202)))), Invalid)


def test_what_cannot_fit_is_refused_without_a_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    document = Document.written("x" * MAX_TEXT)
    other = Document.of([document.since(None)])
    one_more = update(section(7, 0, typed("y")))
    replacing = rewrite(other, "y" + "x" * (MAX_TEXT - 1)) or b""
    monkeypatch.setattr(Document, "of", None)
    with pytest.raises(TooLarge):
        document.apply(one_more)
    monkeypatch.undo()
    document.apply(replacing)
    assert document.text.startswith("yx")


def test_what_needs_the_document_measured_is_heavy(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = update(section(7, 0, typed("y"))), update(section(7, 0, typed("y" * 9_000)))
    document = Document.written("x" * (MAX_TEXT - 50))
    assert not document.is_heavy(small)
    assert document.is_heavy(large)
    rewrite(document, "x" * MAX_TEXT)
    assert document.is_heavy(small)
    rewrite(document, "x")
    assert not document.is_heavy(small)
    monkeypatch.setattr(module, "MAX_STATE", len(document.since(None)))
    assert document.is_heavy(small)


def test_cr_is_taken_by_a_document_that_has_it_from_before() -> None:
    document, editor = Document.written("a\r\n"), YjsEditor()
    editor.doc.apply_update(document.since(None))
    # As undoing a deletion does.
    document.apply(editor.delete(0, 3))
    document.apply(editor.insert(0, "a\r\n"))
    assert document.text == "a\r\n"
    clean = Document.of([Document.written("a\n").since(None)])
    other = YjsEditor()
    other.doc.apply_update(clean.since(None))
    with pytest.raises(Invalid):
        clean.apply(other.insert(0, "b\r\n"))


def whole(text: str) -> bytes:
    return update(section(7, 0, typed(text)))


def edited(*texts: str) -> bytes:
    """Return in one update what turns an empty document into each of `texts`, one after another."""
    document = Document()
    return merge_updates(*(rewrite(document, text) or b"" for text in texts))


LETTERS = "".join(map(chr, range(32, 127)))


@pytest.mark.parametrize(
    "large",
    [
        whole("x" * 300_000),
        whole("x" * MAX_TEXT),
        whole("🦉" * (MAX_TEXT // 4)),
        # Six edits of 50 KB.
        edited(*("y" * 50_000 * count for count in range(1, 7))),
        # What was pasted, deleted, and pasted once more.
        edited("x" * 400_000, "", "y" * 700_000),
        edited("x" * MAX_TEXT, "x" * 10),
        # Typed backwards, each character with its neighbours.
        update(section(7, 0, typed("x"), *(typed("y", right=(7, n)) for n in range(50_000)))),
    ],
    ids=["paste", "full", "wide", "offline", "again", "deleted", "backwards"],
)
def test_what_fits_the_text_fits_one_update(large: bytes) -> None:
    assert len(large) <= MAX_UPDATE
    document = Document.written("")
    assert document.is_heavy(large)
    assert document.apply(large) == large
    fresh: Doc[Text] = Doc()
    fresh.apply_update(large)
    assert document.text == str(fresh.get("code", type=Text))
    again = Document.of([document.since(None)])
    assert again.text == document.text
    assert again.since(None) == document.since(None)


@pytest.mark.parametrize(
    "large",
    [
        b"\x00" * (MAX_UPDATE + 1),
        whole("x" * (MAX_TEXT + 1)),
        whole("🦉" * (MAX_TEXT // 4 + 1)),
        whole("x" * 700_000),
        update(*(section(client, 0, typed("x")) for client in range(MAX_CLIENTS))),
    ],
    ids=["update", "text", "wide", "together", "clients"],
)
def test_what_does_not_fit_is_too_large_and_typing_goes_on(large: bytes) -> None:
    document = Document.written("y" * 700_000)
    refused(document, large, TooLarge)
    document.apply(update(section(9, 0, typed("typed on"))))
    assert "typed on" in document.text


def test_an_update_that_would_take_too_long_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    document = Document()
    document.apply(update(section(1, 0, *(typed("a") for _ in range(20_000)))))
    # The library compares each of these with all that were put in the same place before.
    slow = update(section(2, 0, *(typed("b") for _ in range(600))))
    assert len(slow) < HEAVY_UPDATE
    assert document.is_heavy(slow)
    monkeypatch.setattr(module, "MAX_SECONDS", 0.1)
    refused(document, slow, TooLarge)
    document.apply(update(section(3, 0, typed("c"))))
    assert len(document.text) == 20_001


def test_large_updates_may_name_clients_in_any_order() -> None:
    # Each character stands after one of another client's.
    clients = {1: [typed("a")], 2: [], 3: []}
    last, clocks = (1, 0), {1: 1, 2: 0, 3: 0}
    random = Random(5)
    for number in range(6_000):
        client = random.choice((1, 2, 3))
        clients[client].append(typed(LETTERS[number % 95], left=last))
        last = client, clocks[client]
        clocks[client] += 1
    for order in ((1, 2, 3), (3, 2, 1)):
        large = update(*(section(client, 0, *clients[client]) for client in order))
        document = Document()
        assert document.is_heavy(large)
        history = document.history.now
        assert document.apply(large) == large
        assert document.text == "a" + "".join(LETTERS[number % 95] for number in range(6_000))
        assert document.history.since(Base("", history)) is not None


def test_texts_that_differ_everywhere_make_few_edits_whatever_came_before() -> None:
    random = Random(2)
    document, base = Document(), Document().base
    for _ in range(100):
        text = "".join(random.choices(LETTERS, k=3_900))
        new, base = document.merge(text, base)
        assert new is not None
        assert len(new) < 4_500
        assert document.text == base.text == text
    assert len(document.since(None)) < 20_000


def test_a_long_past_makes_edits_fewer() -> None:
    document = Document()
    document.apply(update(section(1, 0, typed("-" * 60_000))))
    gaps = (typed("+", left=(1, n), right=(1, n + 1)) for n in range(59_999))
    document.apply(update(section(2, 0, *gaps)))
    lines = [f"line {number} of some length, of which there are several\n" for number in range(100)]
    plain = "".join(lines)
    rewrite(document, plain)
    indented = "".join(f"    {line}" for line in lines)
    new = rewrite(document, indented)
    assert new is not None
    assert len(read(new).structs) < 2 * LEAST_EDITS
    fresh = Document.written(plain)
    assert len(read(rewrite(fresh, indented) or b"").structs) == 100
    assert document.text == fresh.text == indented


def test_what_a_document_keeps_in_memory_does_not_grow_with_what_was_deleted() -> None:
    document, base = Document(), Document().base
    for number in range(60):
        _, base = document.merge("🦉🐍"[number % 2] * 100_000, base)
    assert sum(map(len, document._parts)) < 2 * MAX_PARTS_BYTES
    kept = sum(len(each.bits) for some in document._halves._stretches.values() for each in some)
    assert kept < 60 * 30_000
