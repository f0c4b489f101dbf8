"""Verifying a record offline: whatever somebody does to its lines, they are named."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from interview_platform.core.canonical import canonical
from interview_platform.core.signing import Signer
from interview_platform.session_log import chain
from tests.live import ROOT
from tests.loaded import loaded_with
from tests.meeting import Meeting
from tests.record import Lines, check, export_of, faults, receipt_of


def edit(lines: Lines, number: int, change: Callable[[dict[str, Any]], None]) -> Lines:
    """Change line `number`, and spell it as records are."""
    value = json.loads(lines[number - 1])
    change(value)
    return [*lines[: number - 1], canonical(value) + b"\n", *lines[number:]]


def set_at(*names: str, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(value: dict[str, Any]) -> None:
        *parents, last = names
        for name in parents:
            value = value[name]
        value[last] = to

    return change


CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "data": set_at("content", "data", "message", to="never said"),
    "name": set_at("content", "name", to="Somebody else"),
    "salt": set_at("salt", to="AAAA"),
    "hash of the content": set_at("entry", "contentHash", to="0" * 64),
    "time": set_at("entry", "at", to=1),
    "type": set_at("entry", "type", to="system"),
    "id": set_at("entry", "id", to="0" * 24),
    "role": set_at("entry", "actor", "role", to="interviewer"),
    "person": set_at("entry", "actor", "userId", to="0" * 24),
    "nobody": set_at("entry", "actor", to=None),
    "interview": set_at("entry", "interview", to="0" * 24),
    "number": set_at("entry", "seq", to=500),
    "an earlier number": set_at("entry", "seq", to=2),
    "hash": set_at("hash", to="0" * 64),
    "something new": set_at("more", to=1),
    "an attachment": set_at("attachment", to=[1]),
    "not a number": set_at("entry", "seq", to="5"),
    "no content": lambda value: value.pop("content"),
    "erased with content": set_at("erased", to=True),
}


def test_any_changed_line_is_named(over: Meeting) -> None:
    lines = export_of(over)
    assert faults(lines) == {}
    for number in (4, 5):
        for what, change in CHANGES.items():
            named = faults(edit(lines, number, change))
            assert named.keys() == {number}, (what, named)


def test_any_changed_byte_is_named(over: Meeting) -> None:
    lines = export_of(over)
    for number, line in enumerate(lines, 1):
        for place in range(0, len(line), 7):
            changed = bytearray(line)
            changed[place] ^= 1
            named = faults([*lines[: number - 1], bytes(changed), *lines[number:]])
            assert number in named or (place == len(line) - 1 and named)


def test_dropped_added_and_moved_lines_are_named(over: Meeting) -> None:
    lines = export_of(over)
    last = len(lines)
    for number in range(2, last):
        dropped = faults([*lines[: number - 1], *lines[number:]])
        assert dropped == {number: [f"entry {number - 1} is missing before it"]}
    assert faults([*lines[:3], *lines[6:]]) == {4: ["entries 3 to 5 are missing before it"]}
    for number in range(2, last - 1):
        here, there = lines[number - 1], lines[number]
        moved = faults([*lines[: number - 1], there, here, *lines[number + 1 :]])
        assert moved.keys() == {number + 1}
        assert "out of place" in moved[number + 1][0]
    twice = faults([*lines[:5], lines[4], *lines[5:]])
    assert twice == {6: ["entry 4 stands there a second time"]}
    assert faults(lines[1:]).keys() == {1}
    assert faults([*lines, lines[4]]).keys() == {last + 1}
    assert faults([lines[0], *lines]).keys() == {2}


def test_a_record_that_is_cut_off_is_not_whole(over: Meeting, tmp_path: Path) -> None:
    lines = export_of(over)
    last = len(lines)
    assert faults(lines[:-1]).keys() == {last}
    assert faults(lines[:4]).keys() == {5}
    assert faults([*lines[:4], lines[4][:30]]).keys() == {5, 6}
    # The end taken off, and what was signed with it.
    assert faults([*lines[:5], lines[-1]]).keys() == {6}
    status, told = check([*lines[:5], b'{"receipt":null}\n'], tmp_path)
    assert status == 2
    assert "NOT SIGNED" in told
    assert faults([*lines[:-1], b'{"receipt":null}\n']).keys() == {last}


def rehash(lines: Lines, value: dict[str, Any]) -> bytes:
    """Return the line that `value` makes after `lines`, with hashes that fit."""
    content = b64decode(value["salt"]) + canonical(value["content"])
    value["entry"]["contentHash"] = sha256(content).hexdigest()
    before = json.loads(lines[-1])
    start = chain.start(value["entry"]["interview"])
    previous = bytes.fromhex(before["hash"]) if "hash" in before else start
    value["hash"] = chain.link(previous, value["entry"]).hex()
    return canonical(value) + b"\n"


def test_a_chain_made_anew_does_not_lead_to_the_signature(over: Meeting, tmp_path: Path) -> None:
    lines = export_of(over)
    forged = lines[:3]
    for line in lines[3:-1]:
        value = json.loads(line)
        if len(forged) == 3:
            value["content"]["data"] = {"message": "never said"}
        forged.append(rehash(forged, value))
    forged.append(lines[-1])
    assert [ours == theirs for ours, theirs in zip(lines, forged, strict=True)].count(False) > 5
    seal = len(lines) - 1
    assert faults(forged) == {
        seal: ["seals another chain: entries were changed, and their hashes too"]
    }
    status, told = check(forged, tmp_path)
    assert status == 1
    assert f"line {seal}: seals another chain" in told


def test_a_seal_cannot_be_taken_out(over: Meeting) -> None:
    lines = export_of(over)
    last = len(lines)

    def erase(value: dict[str, Any]) -> None:
        del value["content"], value["salt"]
        value["erased"] = True

    for change in (
        erase,
        set_at("content", "data", "event", to="chat"),
        set_at("content", to={"name": None, "data": {}}),
    ):
        named = faults(edit(lines, last - 1, change))
        assert named[last] == ["vouches for a log without its seal"]

    # With hashes that fit: only what the receipt repeats tells.
    for names, to in ((("entry", "at"), 1), (("entry", "id"), "0" * 24), (("salt",), "AAAA")):
        seal = json.loads(lines[-2])
        set_at(*names, to=to)(seal)
        forged = [*lines[:-2], rehash(lines[:-2], seal), lines[-1]]
        assert faults(forged) == {last - 1: ["is not the seal that the receipt repeats"]}


def test_header_and_receipt_are_signed_too(over: Meeting) -> None:
    lines = export_of(over)
    last = len(lines)
    for name in json.loads(lines[0])["record"]:
        assert 1 in faults(edit(lines, 1, set_at("record", name, to="x"))), name
    for name in json.loads(lines[-1])["receipt"]:
        assert last in faults(edit(lines, last, set_at("receipt", name, to="x"))), name
        value = json.loads(lines[-1])["receipt"][name]
        if isinstance(value, int):
            assert last in faults(edit(lines, last, set_at("receipt", name, to=value + 1))), name
    for name in ("entries", "head", "signature"):
        seal = edit(lines, last - 1, set_at("content", "data", name, to="x"))
        assert last - 1 in faults(seal), name


def test_another_s_key_is_told(over: Meeting, tmp_path: Path) -> None:
    lines = export_of(over)
    stranger = Signer(b"a stranger's own key, 32 bytes..")
    ours = b64decode(receipt_of(over)["publicKey"])
    assert faults(lines, ours) == {}
    assert faults(lines, stranger.public_key).keys() == {len(lines)}

    # Signed again, and well, by the stranger: only who knows the service's key can tell.
    receipt = json.loads(lines[-1])["receipt"]
    seal_line = json.loads(lines[-2])
    del receipt["signature"]
    receipt["keyId"] = stranger.key_id
    receipt["publicKey"] = canonical(stranger.public_key).decode().strip('"')
    receipt["signature"] = canonical(stranger.sign(canonical(receipt))).decode().strip('"')
    seal_line["content"]["data"] = {"event": "log.sealed", **receipt}
    forged = [*lines[:-2], rehash(lines[:-2], seal_line), canonical({"receipt": receipt}) + b"\n"]
    assert faults(forged) == {}
    told = faults(forged, ours)
    assert told == {len(lines): [f"is signed by another key, {stranger.key_id}"]}
    status, said = check(forged, tmp_path, "--public-key", receipt_of(over)["publicKey"])
    assert status == 1
    assert "another key" in said


@pytest.mark.parametrize(
    "rubbish",
    [
        b"",
        b"\n\n",
        b"not JSON\n",
        b"[" * 10_000 + b"\n",
        b"\x00\xff\xfe" * 100,
        b"{}\n[]\nnull\n1\n",
        b'{"entry": {}}\n',
    ],
)
def test_rubbish_is_no_record(rubbish: bytes, tmp_path: Path) -> None:
    status, told = check([rubbish], tmp_path)
    assert status == 2
    assert "no record" in told


def test_odd_lines_in_a_record_are_named(over: Meeting) -> None:
    lines = export_of(over)
    for line in (
        b'{"record":1}\n',
        b'{"record":{"interviewId":[]}}\n',
        b'{"receipt":7}\n',
        b'{"receipt":{"version":1}}\n',
        b"[" * 10_000 + b"\n",
        b'{"entry":{"seq":99999999999999999999}}\n',
    ):
        assert 4 in faults([*lines[:3], line, *lines[4:]]), line
        assert 1 in faults([line, *lines[1:]]), line


def test_the_documents_example_holds() -> None:
    page = (ROOT / "docs" / "record.md").read_text()
    example = page.partition("```json\n")[2].partition("```")[0].encode()
    lines = example.splitlines(keepends=True)
    assert len(lines) == 2
    assert faults(lines).keys() == {3}
    assert faults([lines[0], lines[1].replace(b"dich", b"Sie")]).keys() == {2, 3}


def test_verifying_needs_an_existing_file_and_a_key(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "interview_platform.timeline.verify"]
    for arguments in ([str(tmp_path / "none")], [str(tmp_path)], ["x", "--public-key", "AAAA"], []):
        done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_verifying_needs_no_part_of_the_service() -> None:
    parts = "flask", "gevent", "pymongo", "redis", "rq"
    assert loaded_with("interview_platform.timeline.verify", *parts) == set()
