"""Edits of texts that others have changed since: nothing of anybody's is lost, or comes back."""

from __future__ import annotations

import gc
from random import Random

import pytest
from pycrdt import merge_updates

from interview_platform.core.errors import Invalid
from interview_platform.editor import revision as module
from interview_platform.editor.document import Document
from interview_platform.editor.edits import edits_between
from interview_platform.editor.revision import Base
from tests.editors import YjsEditor
from tests.yjs import section, typed, update

LETTERS = "ab\n🦉é"
# The first of the characters that only those type who see texts.
FIRST = 0x4E00


class Room:
    """A document, and an editor that speaks Yjs and is in step with it."""

    def __init__(self, text: str) -> None:
        self.document = Document.written(text)
        self.other = YjsEditor()
        self.other.doc.apply_update(self.document.since(None))

    def type(self, place: int, text: str) -> None:
        self.document.apply(self.other.insert(place, text))

    def delete(self, place: int, length: int) -> None:
        self.document.apply(self.other.delete(place, length))

    def merge(self, text: str, base: Base) -> Base:
        new, sent = self.document.merge(text, base)
        if new is not None:
            self.other.doc.apply_update(new)
        assert self.other.text == self.document.text
        return sent


def test_what_others_wrote_survives_an_edit_of_an_older_text() -> None:
    room = Room("def solve(words):\n    pass\n")
    base = room.document.base
    room.type(0, "# theirs 🦉\n")
    room.type(len(room.document.text), "# at the end\n")
    room.merge(base.text.replace("pass", "return 1"), base)
    assert room.document.text == "# theirs 🦉\ndef solve(words):\n    return 1\n# at the end\n"
    room = Room("one two three four")
    base = room.document.base
    room.delete(4, 4)
    room.merge("one 2 two three FOUR", base)
    assert room.document.text == "one 2 three FOUR"


@pytest.mark.parametrize("text", ["total = 1 # X\n", "X = 1\ntotal = é # X\n"])
def test_what_is_deleted_is_gone_though_others_type_again_what_stood_before_it(text: str) -> None:
    room = Room(text)
    base = room.document.base
    start, place = text.index("total"), text.rindex("X")
    before = text[start:place]
    # As far as texts can tell, the letter was typed again before them.
    room.type(place + 1, before)
    room.delete(start, len(before))
    room.merge(text[:place] + text[place + 1 :], base)
    assert room.document.text == f"{text[:start]}{before}\n"


def test_what_others_type_again_elsewhere_stays() -> None:
    room = Room("total = 1 # X\n")
    base = room.document.base
    room.delete(12, 1)
    room.type(0, "X")
    room.merge("total = 1 # \n", base)
    assert room.document.text == "Xtotal = 1 # \n"


def test_whoever_types_what_nothing_is_lost_or_comes_back() -> None:
    for seed in range(60):
        Crossing(seed).play(40)


class Crossing:
    """One who speaks Yjs, and two who see texts of different age.

    Every character has a number, by which it is known among those that look the same. Those
    who see texts type what nobody else does.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        text = "".join(self.random.choices(LETTERS, k=12))
        self.room = Room(text)
        self.count = 0
        self.standing = self.new(len(text))
        self.seen = [(self.room.document.base, self.standing)] * 2

    def new(self, count: int) -> list[int]:
        self.count += count
        return list(range(self.count - count, self.count))

    def play(self, steps: int) -> None:
        for _ in range(steps):
            one = self.random.randrange(2)
            match self.random.randrange(4):
                case 0:
                    self.seen[one] = self.room.document.base, self.standing
                case 1:
                    self.seen[one] = self.send(*self.seen[one])
                case _:
                    self.type()

    def type(self) -> None:
        """Type or delete something, the same letters again and again."""
        place = self.random.randrange(len(self.standing) + 1)
        before, after = self.standing[:place], self.standing[place:]
        length = self.random.randint(1, 3)
        if self.random.random() < 0.5:
            self.room.type(place, "".join(self.random.choices(LETTERS, k=length)))
            self.standing = before + self.new(length) + after
        else:
            self.room.delete(place, min(length, len(after)))
            self.standing = before + after[length:]

    def send(self, base: Base, had: list[int]) -> tuple[Base, list[int]]:
        """Edit a text and send it; returns what whoever did so has now."""
        text, random = base.text, self.random
        for _ in range(random.randint(1, 2)):
            place = random.randrange(len(text) + 1)
            typed = "".join(chr(FIRST + each) for each in self.new(random.randrange(3)))
            text = text[:place] + typed + text[place + random.randrange(3) :]
        has = list(had)
        for start, stop, typed in reversed(edits_between(base.text, text)):
            has[start:stop] = [ord(letter) - FIRST for letter in typed]
        deleted, inserted = set(had).difference(has), set(has).difference(had)
        looks = dict(zip(self.standing, self.room.document.text, strict=True))

        sent = self.room.merge(text, base)
        left = iter([each for each in self.standing if each not in deleted])
        self.standing = []
        for letter in self.room.document.text:
            own = ord(letter) - FIRST
            self.standing.append(own if own in inserted else next(left))
            assert looks.get(self.standing[-1], letter) == letter
        assert next(left, None) is None
        # All of it is there, in the order in which it was typed.
        assert inserted.issubset(self.standing)
        there, mine = set(self.standing), set(has)
        assert [each for each in has if each in there] == [
            each for each in self.standing if each in mine
        ]
        return sent, has


@pytest.mark.parametrize("letters", ["ab\n", LETTERS])
def test_changes_are_those_of_the_text_whatever_an_update_holds(letters: str) -> None:
    random = Random(9)
    document = Document.written("ab")
    others = [YjsEditor() for _ in range(3)]
    for other in others:
        other.doc.apply_update(document.since(None))
    base = document.base
    updates: list[bytes] = []
    for _ in range(1_500):
        other = random.choice(others)
        place = random.randrange(len(other.text) + 1)
        match random.randrange(5):
            case 0:
                for heard in random.choices(updates, k=3) if updates else ():
                    other.doc.apply_update(heard)
                new = merge_updates(*random.choices(updates, k=3)) if updates else b""
            case 1 | 2:
                new = other.delete(place, min(random.choice((1, 1, 1, 4)), len(other.text) - place))
            case _:
                new = other.insert(place, "".join(random.choices(letters, k=random.randint(1, 2))))
        if new:
            updates.append(new)
            # Often once more, and some of it much later.
            for each in (new, *random.choices(updates, k=random.randrange(2))):
                document.apply(each, trusted=True)
    changes = document.history.since(base)
    assert changes is not None
    assert len(changes) > 500
    data = b"ab"
    for change in changes:
        for start, stop, inserted in reversed(change):
            data = data[:start] + inserted + data[stop:]
    assert data.decode() == document.text


def test_texts_of_a_copy_that_was_given_up_are_merged_as_far_as_texts_tell() -> None:
    for base in (Document.written("one two").base, Base("one two", module.Revision(5))):
        room = Room("one two three")
        sent = room.merge("1 two", base)
        assert room.document.text == "1 two three"
        room.type(0, "0 ")
        room.merge("1 2", sent)
        assert room.document.text == "0 1 2 three"


def test_no_more_is_looked_back_upon_than_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_EDITS", 10)
    room = Room("one two")
    base = room.document.base
    for number in range(30):
        room.type(0, "0")
        base = room.merge(f"{base.text}{number}", base)
        assert room.document.history.distance(base) <= 10
    assert room.document.text == "0" * 30 + base.text


def test_changes_are_kept_while_somebody_may_edit_a_text_from_before() -> None:
    # What is collected meanwhile, from other tests, may fail and keep hold of what runs.
    gc.collect()
    room = Room("one")
    history = room.document.history
    assert not history.is_kept
    first, second = room.document.base, room.document.base
    for _ in range(3):
        room.type(0, "0")
    del first
    assert history.distance(second) == 3
    changes = history.since(second)
    assert changes is not None
    assert len(changes) == 3
    del second
    assert not history.is_kept
    # However many there are, they are let go of.
    base = room.document.base
    for _ in range(100_000):
        history.record([])
    assert len(history.since(base) or []) == 100_000
    del base
    assert not history.is_kept


def test_what_the_library_panics_at_changes_nothing_for_those_who_saw_the_text() -> None:
    room = Room("abc")
    base = room.document.base
    room.type(0, "x")
    client = int(next(iter(room.document._clocks)))
    with pytest.raises(Invalid):
        room.document.apply(update(section(client, 0), section(6, 0, typed("y"))), trusted=True)
    room.merge("ab", base)
    assert room.document.text == "xab"


def test_edits_that_came_before_those_that_they_rest_on_count_once_they_are_worked_in() -> None:
    room = Room("abc")
    base = room.document.base
    first, second = room.other.insert(0, "x"), room.other.insert(1, "y")
    assert room.document.apply(second, trusted=True) is None
    room.document.apply(first, trusted=True)
    assert room.document.text == "xyabc"
    room.merge("ac", base)
    assert room.document.text == "xyac"
