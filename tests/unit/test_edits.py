"""What changed between two texts, and edits that others' edits are made over."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from interview_platform.editor import edits as edits_module
from interview_platform.editor.edits import (
    Delta,
    Edit,
    coarsened,
    edits_between,
    edits_in_bytes,
    edits_of,
    line_changes,
    transformed,
)

LETTERS = "ab\n\r🦉é"


def made(text: str, edits: list[Edit[str]]) -> str:
    """Return what `edits` make of `text`."""
    for start, stop, inserted in reversed(edits):
        text = text[:start] + inserted + text[stop:]
    return text


@pytest.mark.parametrize("most", [edits_module.MAX_PAIRS, 60, 6, 0])
def test_edits_between_two_texts_make_one_of_the_other(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(edits_module, "MAX_PAIRS", most)
    random = Random(most)
    for _ in range(500):
        old, new = ("".join(random.choices(LETTERS, k=random.randrange(25))) for _ in range(2))
        edits = edits_between(old, new)
        assert made(old, edits) == new
        assert all(one.stop < two.start for one, two in pairwise(edits))


def test_edits_are_the_smallest_and_bounded_where_much_differs() -> None:
    assert edits_between("abc", "abc") == []
    assert edits_between("one two three", "one 2 three") == [Edit(4, 7, "2")]
    assert edits_between("aaa", "aaaa") == [Edit(3, 3, "a")]
    random = Random(1)
    lines = ["".join(random.choices("abcdefgh ", k=60)) + "\n" for _ in range(4000)]
    old = "".join(lines)
    lines[10], lines[3990] = "x" + lines[10], lines[3990][:-2] + "\n"
    edits = edits_between(old, "".join(lines))
    assert sum(len(text) + stop - start for start, stop, text in edits) == 2
    # Too much to compare character by character, but as many lines as before.
    indented = "".join(f"    {line}" for line in lines[:2000])
    edits = edits_between("".join(lines[:2000]), indented)
    assert [edit.text for edit in edits] == ["    "] * 2000
    # Too many lines to compare: replaced, and right all the same.
    old, new = "a\n" * 60_000, "b\n" * 60_000
    assert edits_between(old, new) == [Edit(0, len(old) - 1, new[:-1])]
    assert line_changes(old.splitlines(), new.splitlines()) == [(0, 60_000, 0, 60_000)]


def test_edits_end_in_the_same_text_whichever_side_s_are_made_first() -> None:
    random = Random(7)
    for _ in range(5_000):
        # Every character of it differs.
        base = "abcdefghij"[: random.randrange(11)]
        mine = edits_at_random(random, base, "M")
        theirs, text = [], base
        for _ in range(random.randrange(4)):
            theirs.append(edits_at_random(random, text, "T"))
            text = made(text, theirs[-1])
        rest, after = transformed(mine, theirs)
        merged, other = made(text, rest), made(base, mine)
        for change in after:
            other = made(other, change)
        assert merged == other
        # What either inserted is there, and nothing that either deleted.
        gone = {letter for start, stop, _ in mine for letter in base[start:stop]}
        assert merged.replace("M", "") == "".join(each for each in text if each not in gone)
        assert merged.count("M") == made(base, mine).count("M")
        for edits in (rest, *after):
            assert all(one.stop <= two.start for one, two in pairwise(edits))


def edits_at_random(random: Random, text: str, mark: str) -> list[Edit[str]]:
    """Return edits of `text` that insert `mark`, some of them next to each other."""
    cuts = sorted(random.choices(range(len(text) + 1), k=2 * random.randrange(4)))
    edits = [
        Edit(start, stop, mark * random.randrange(3))
        for start, stop in zip(cuts[::2], cuts[1::2], strict=True)
    ]
    return [edit for edit in edits if edit.text or edit.stop > edit.start]


def test_in_the_same_place_others_come_first() -> None:
    here, there = [Edit(1, 1, "mine")], [Edit(1, 1, "theirs")]
    assert transformed(here, [there]) == ([Edit(7, 7, "mine")], [there])
    # Whatever either deletes there.
    for mine, theirs in (("mine", ""), ("", "theirs"), ("mine", "theirs")):
        rest, _ = transformed([Edit(1, 3, mine)], [[Edit(1, 2, theirs)]])
        assert made(f"a{theirs}cd", rest) == f"a{theirs}{mine}d"
        rest, _ = transformed([Edit(2, 2, mine)], [[Edit(1, 3, theirs)]])
        assert made(f"a{theirs}d", rest) == f"a{theirs}{mine}d"


def test_what_is_deleted_stays_apart_from_what_others_typed_in_it() -> None:
    rest, after = transformed([Edit(1, 4, "-")], [[Edit(2, 2, "T")], [Edit(4, 4, "U")]])
    assert made("abTcUde", rest) == "a-TUe"
    assert after == [[Edit(2, 2, "T")], [Edit(3, 3, "U")]]


def test_edits_are_told_in_bytes() -> None:
    random = Random(3)
    for letters in ("ab\n", LETTERS):
        for _ in range(300):
            old, new = ("".join(random.choices(letters, k=random.randrange(9))) for _ in range(2))
            edits = edits_in_bytes(edits_between(old, new), old)
            text = old.encode()
            for start, stop, inserted in reversed(edits):
                text = text[:start] + inserted + text[stop:]
            assert text.decode() == new
    delta: Delta = [{"retain": 2}, {"insert": "é"}, {"delete": 4}, {"retain": 1}, {"delete": 1}]
    assert edits_of(delta) == [Edit(2, 2, "é".encode()), Edit(2, 6, b""), Edit(7, 8, b"")]


@pytest.mark.parametrize("most", [1, 2, 5, 20, 100])
def test_coarser_edits_do_the_same_and_replace_the_least_kept_text(most: int) -> None:
    random = Random(most)
    for length in (10, 100, 400):
        old, new = ("".join(random.choices(LETTERS, k=length)) for _ in range(2))
        edits = edits_between(old, new)
        fewer = coarsened(edits, old, most)
        assert made(old, fewer) == new
        assert len(fewer) <= max(most, 1)
        assert fewer == edits or len(edits) > most
    kept = ("-" * 20, "-" * 10, "-" * 30)
    old, new = (change + change.join(kept) + change for change in "ab")
    edits = edits_between(old, new)
    assert len(edits) == 4
    start = len(kept[0]) + 1
    assert coarsened(edits, old, 3) == [
        edits[0],
        Edit(start, start + 12, f"b{kept[1]}b"),
        edits[3],
    ]


def test_the_coincidences_of_texts_that_differ_everywhere_are_not_kept() -> None:
    random = Random(4)
    old, new = ("".join(random.choices(LETTERS, k=2000)) for _ in range(2))
    assert len(coarsened(edits_between(old, new), old, 250)) < 20
