"""The reader of Yjs updates: what editors send is read, and nothing else is."""

from __future__ import annotations

from base64 import b64decode
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from pycrdt import Array, Doc, Map, Text

from interview_platform.core.errors import Invalid
from interview_platform.editor.document import Document
from interview_platform.editor.update import Deletion, Struct, read, read_vector, units
from tests.realtime.node import run_script
from tests.yjs import deleted, deletions, item, number, section, skip, string, typed, update

HI = section(7, 0, typed("hi"))


def test_a_keystroke_is_read() -> None:
    keystroke = update(
        section(7, 3, typed("é", left=(7, 2), right=(9, 300))), deletes=(deletions(9, (4, 2)),)
    )
    assert read(keystroke) == (
        [Struct(7, 3, 1, "é", (7, 2), (9, 300))],
        [Deletion(9, 4, 2)],
    )


def test_lengths_are_in_utf_16_units_and_skips_leave_gaps() -> None:
    structs, _ = read(
        update(section(2**53 - 1, 5, typed("a🦉b"), skip(10), deleted(3, left=(2**53 - 1, 18))))
    )
    assert [(one.clock, one.length, one.text) for one in structs] == [(5, 4, "a🦉b"), (19, 3, None)]
    assert units("a🦉b") == 4


@pytest.mark.parametrize("seed", [1, 2])
def test_all_that_editors_with_yjs_send_is_taken(seed: int) -> None:
    report = run_script("edits.mjs", str(seed), "1000")
    updates = [b64decode(spelled) for spelled in report["updates"]]
    document = Document()
    skips = 0
    for one in updates:
        structs = read(one).structs
        skips += any(
            before.client == after.client and before.clock + before.length < after.clock
            for before, after in pairwise(structs)
        )
        document.apply(one)
    assert skips, "no update skips anything"
    assert document.text == report["text"]
    assert "🦉" in document.text


def test_all_that_pycrdt_sends_is_taken() -> None:
    random = Random(1)
    editors = [Doc[Text]() for _ in range(3)]
    texts = [editor.get("code", type=Text) for editor in editors]
    document = Document()
    for _ in range(2000):
        at = random.randrange(3)
        editor, text = editors[at], texts[at]
        before = editor.get_state()
        place = random.randrange(len(text) + 1)
        with editor.transaction():
            if random.random() < 0.3:
                del text[place : min(place + 10, len(text))]
            # Words of ASCII alone, so that every place is one between characters.
            text.insert(min(place, len(text)), random.choice(["a", "word ", "\n"]))
        document.apply(editor.get_update(before))
        if random.random() < 0.3:
            editor.apply_update(document.since(editor.get_state()))
    for editor, text in zip(editors, texts, strict=True):
        editor.apply_update(document.since(None))
        assert str(text) == document.text


def _of_another_kind() -> list[tuple[str, bytes]]:
    """Return what a document may hold beside plain text, as the library spells it."""

    def spelled(fill: str) -> bytes:
        doc: Doc[Any] = Doc()
        if fill == "root":
            doc.get("other", type=Text).insert(0, "x")
        elif fill == "map":
            doc.get("code", type=Map)["key"] = "value"
        elif fill == "array":
            doc.get("code", type=Array).append({"a": 1})
        elif fill == "nested":
            doc.get("code", type=Array).append(Text("inner"))
        elif fill == "embed":
            doc.get("code", type=Text).insert_embed(0, {"image": "x"})
        elif fill == "format":
            doc.get("code", type=Text).insert(0, "bold", {"bold": True})
        elif fill == "binary":
            doc.get("code", type=Array).append(b"\x00\x01")
        elif fill == "doc":
            doc.get("code", type=Map)["sub"] = Doc()
        return doc.get_update()

    kinds = ("root", "map", "array", "nested", "embed", "format", "binary", "doc")
    return [(kind, spelled(kind)) for kind in kinds]


REFUSED = {
    "nothing": b"",
    "a count alone": b"\x01",
    "absurd counts": update(b"\xff\xff\xff\xff\xff\xff\x0f\x07\x00" + typed("x")),
    "absurdly many clients": b"\xff\xff\xff\xff\xff\xff\x0f",
    "a number without end": b"\x01" + b"\xff" * 12,
    "a number over 53 bits": update(section(2**60, 0, typed("x"))),
    "a client over 53 bits": update(section(2**53, 0, typed("x"))),
    "a clock that cannot be": update(section(7, 2**31, typed("x"))),
    "a length that passes all clocks": update(section(7, 5, deleted(2**31 - 1))),
    "an empty text": update(section(7, 0, typed(""))),
    "no structs": update(section(7, 0)),
    "a skip alone": update(section(7, 0, skip(3))),
    "a skip at the end": update(section(7, 0, typed("x"), skip(3))),
    "structs without content": update(section(7, 0, b"\x00\x03")),
    "a client twice": update(HI, section(7, 2, typed("x", left=(7, 1)))),
    "deletions of a client twice": update(deletes=(deletions(7, (0, 1)), deletions(7, (1, 1)))),
    "the same deleted twice": update(deletes=(deletions(7, (0, 2), (1, 2)),)),
    "an empty deletion": update(deletes=(deletions(7, (0, 0)),)),
    "trailing bytes": update(HI) + b"\x00",
    "a lone surrogate": update(section(7, 0, typed(b"\xed\xa0\xbd"))),
    "half of a character": update(section(7, 0, typed("é".encode()[:1]))),
    "a text longer than the update": update(section(7, 0, item(4, b"\x7fx"))),
    "another root": update(section(7, 0, item(4, string("x"), parent=b"\x01\x04evil"))),
    "a parent within": update(section(7, 0, item(4, string("x"), parent=b"\x00\x07\x00"))),
    "a key": update(section(7, 0, item(4, string("x"), flags=0x20, parent=b"\x01\x04code\x01k"))),
    "a key taken over": update(section(7, 1, item(4, string("x"), flags=0x20, left=(7, 0)))),
    **{f"kind {kind}": update(section(7, 0, item(kind, b"\x01x"))) for kind in (2, 3, 5, 6, 7, 8)},
    "an unknown kind": update(section(7, 0, item(25, b"\x01x"))),
}


@pytest.mark.parametrize("hostile", REFUSED.values(), ids=REFUSED)
def test_what_is_no_plain_editing_is_refused(hostile: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        read(hostile)
    assert set(refused.value.errors or ()) == {"update"}


OF_ANOTHER_KIND = dict(_of_another_kind())


@pytest.mark.parametrize("hostile", OF_ANOTHER_KIND.values(), ids=OF_ANOTHER_KIND)
def test_what_the_library_makes_of_other_things_is_refused(hostile: bytes) -> None:
    with pytest.raises(Invalid):
        read(hostile)


def test_no_update_cut_short_is_read() -> None:
    whole = update(HI, section(300, 2, typed("🦉", left=(7, 1))), deletes=(deletions(7, (0, 1)),))
    assert len(read(whole).structs) == 2
    for end in range(len(whole)):
        with pytest.raises(Invalid):
            read(whole[:end])


def test_state_vectors_are_read_strictly() -> None:
    document = Document.written("hi")
    assert list(read_vector(document.vector()).values()) == [2]
    assert read_vector(b"\x00") == {}
    one = number(7) + number(3)
    for bad in (b"", b"\x01", b"\xff" * 9, b"\x01" + one + b"\x00", b"\x02" + one * 2):
        with pytest.raises(Invalid) as refused:
            document.since(bad)
        assert set(refused.value.errors or ()) == {"sv"}
