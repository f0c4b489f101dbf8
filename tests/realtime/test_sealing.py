"""The seal of a session log: the last of its entries, whoever seals and whoever still writes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import pytest
from bson import ObjectId
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError

from interview_platform.core import mongo
from interview_platform.core.errors import Conflict, Unavailable
from interview_platform.core.mongo import Document
from interview_platform.core.signing import Signer
from interview_platform.core.workpool import Workpool
from interview_platform.session_log.repository import SessionLogRepository
from interview_platform.session_log.sealing import LogSealing
from interview_platform.session_log.service import Event, SessionLog
from tests.appending import append
from tests.live import ROOT, wait_until
from tests.realtime.cutting import CuttingProxy

TIMEOUT = 30.0
ADA = {"userId": ObjectId(), "name": "Ada Lovelace", "role": "candidate"}
IDA = {"userId": ObjectId(), "name": "Ida Rhodes", "role": "interviewer"}
FACTS = {"candidateId": "65f0c0ffee65f0c0ffee65f0"}


@dataclass
class Process:
    """What one process has of the session logs."""

    log: SessionLog
    seals: LogSealing


Start = Callable[..., Process]


@pytest.fixture
def database(mongo_client: MongoClient[Document]) -> Database[Document]:
    """A database of the test's own, left to the store's end: dropping thousands takes long."""
    return mongo_client[f"seals_{ObjectId()}"]


@pytest.fixture
def start(database: Database[Document]) -> Iterator[Start]:
    """Makes logs and their seals as separate processes would have them."""
    mongo.sync_schema([SessionLogRepository(database)])
    started: list[Process] = []

    def start(store: Database[Document] = database) -> Process:
        repository, pool = SessionLogRepository(store), Workpool(1, 16)
        log = SessionLog(repository, pool)
        started.append(Process(log, LogSealing(repository, log, Signer(bytes(32)), pool)))
        return started[-1]

    yield start
    for process in started:
        process.log.close(0)


@pytest.fixture
def here(start: Start) -> Process:
    return start()


@pytest.fixture
def interview_id() -> ObjectId:
    return ObjectId()


def stored_in(database: Database[Document], interview_id: ObjectId) -> list[Document]:
    """Return the interview's log; fails the test unless it is numbered and ends with its seal."""
    found = list(database.sessionlogs.find({"interview": interview_id}))
    found.sort(key=lambda document: document["seq"])
    assert [document["seq"] for document in found] == list(range(1, len(found) + 1))
    assert [document["seq"] for document in found if document.get("sealed")] == [len(found)]
    return found


def write_some(log: SessionLog, interview_id: ObjectId) -> None:
    """Log an entry of each type, by two people and the service, and wait for them."""
    at = datetime(2026, 3, 2, 9, 30, 0, 250_000, tzinfo=UTC)
    appended = [
        log.append(interview_id, "system", ADA, {"event": "participant.joined"}, at),
        log.append(interview_id, "code", ADA, {"update": b"\x00\xff typed by Ada"}),
        log.append(interview_id, "chat", ADA, {"message": "grüß dich \U0001f44b", "x": 1.0}),
        log.append(interview_id, "chat", IDA, {"message": "hello", "n": 2**53, "t": [at, None]}),
        log.append(interview_id, "eye-tracking", None, {"event": "gaze", "nan": float("nan")}),
        log.append(interview_id, "webrtc", IDA, {"b": {"d": True, "c": [{}]}, "a": 1e-7}),
    ]
    for each in appended:
        each.stored.result(TIMEOUT)


def spell(value: Any) -> bytes:
    """Return the canonical form as docs/record.md has it, by other means than the service."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(value[name]) for name in sorted(value, key=str.encode)}
        if isinstance(value, list):
            return [plain(item) for item in value]
        if isinstance(value, datetime):
            return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if isinstance(value, bytes):
            return b64encode(value).decode()
        if isinstance(value, float) and value != value:
            return None
        return str(value) if isinstance(value, ObjectId) else value

    text = json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"))
    return text.replace("e-0", "e-").encode()


def head_by_hand(entries: list[Document]) -> str:
    """Return the hash that the chain over `entries` leads to."""
    start = b"smart-interview log 1\n" + str(entries[0]["interview"]).encode()
    found = hashlib.sha256(start).digest()
    for entry in entries:
        actor = entry.get("actor")
        content = {"name": actor and actor["name"], "data": entry["data"]}
        head = {
            "seq": entry["seq"],
            "id": entry["_id"],
            "interview": entry["interview"],
            "type": entry["type"],
            "at": round(entry["timestamp"].timestamp() * 1000),
            "actor": actor and {"userId": actor["userId"], "role": actor["role"]},
            "contentHash": hashlib.sha256(entry.get("salt", b"") + spell(content)).hexdigest(),
        }
        found = hashlib.sha256(found + spell(head)).digest()
    return found.hex()


def test_a_seal_vouches_for_all_before_it(
    here: Process, database: Database[Document], interview_id: ObjectId
) -> None:
    write_some(here.log, interview_id)
    receipt = here.seals.seal(interview_id, FACTS)
    *entries, seal = stored_in(database, interview_id)
    assert receipt["entries"] == len(entries) == 6
    assert receipt["head"] == head_by_hand(entries)
    assert len({entry["salt"] for entry in entries}) == 6
    assert seal["data"] == {"event": "log.sealed", **receipt}
    assert seal["type"] == "system"
    assert receipt.items() >= {**FACTS, "interviewId": str(interview_id)}.items()

    statement = {name: value for name, value in receipt.items() if name != "signature"}
    key = Ed25519PublicKey.from_public_bytes(b64decode(receipt["publicKey"]))
    key.verify(b64decode(receipt["signature"]), spell(statement))
    assert receipt["publicKey"] == b64encode(Signer(bytes(32)).public_key).decode()
    assert here.seals.receipt(interview_id) == receipt


def test_an_empty_log_and_one_of_an_older_service_are_sealed_too(
    here: Process, database: Database[Document], interview_id: ObjectId
) -> None:
    assert here.seals.receipt(interview_id) is None
    assert here.seals.seal(interview_id, {})["entries"] == 0
    stored_in(database, interview_id)

    old = ObjectId()
    start = datetime(2025, 5, 1, tzinfo=UTC)
    database.sessionlogs.insert_many(
        {
            "interview": old,
            "seq": seq,
            "type": "code",
            "timestamp": start + timedelta(seconds=seq),
            "data": {"codeSnapshot": f"line {seq}", "odd": bson.Regex("x")},
        }
        for seq in range(1, 201)
    )
    receipt = here.seals.seal(old, {})
    *entries, _ = stored_in(database, old)
    for entry in entries:
        entry["data"]["odd"] = str(entry["data"]["odd"])
    assert receipt["entries"] == 200
    assert receipt["head"] == head_by_hand(entries)


def test_what_this_process_still_has_to_write_comes_before_the_seal(
    here: Process, database: Database[Document], interview_id: ObjectId
) -> None:
    appended = [here.log.append(interview_id, "chat", ADA, {"n": n}) for n in range(700)]
    assert here.seals.seal(interview_id, {})["entries"] == 700
    assert [each.stored.result(0) for each in appended] == list(range(1, 701))
    stored_in(database, interview_id)


def test_nothing_is_written_after_the_seal(
    start: Start, database: Database[Document], interview_id: ObjectId
) -> None:
    sealing, knowing, new = start(), start(), start()
    write_some(knowing.log, interview_id)
    other = ObjectId()
    assert knowing.log.append(other, "chat", ADA, {}).stored.result(TIMEOUT) == 1
    receipt = sealing.seals.seal(interview_id, {})

    for process in (knowing, new, sealing):
        late = [append(process.log, interview_id, "chat", ADA, {"n": n}) for n in range(3)]
        going_on = process.log.append(other, "chat", ADA, {})
        for each in late:
            refused = each.exception(TIMEOUT)
            assert isinstance(refused, Conflict)
            assert refused.message == "The interview's log is sealed"
        assert going_on.stored.result(TIMEOUT) > 1
        # Now it knows, and refuses at once.
        with pytest.raises(Conflict):
            process.log.append(interview_id, "chat", ADA, {})
        assert process.log.waiting == 0
    for process in (knowing, start()):
        with pytest.raises(Conflict, match="sealed"):
            mongo.transaction(
                database,
                lambda session, log=process.log: log.append_in(  # type: ignore[misc]
                    session, interview_id, [Event("system", None, {})]
                ),
            )
    assert len(stored_in(database, interview_id)) == 7
    # Others seal it again, whatever they know: it is the one seal.
    for process in (sealing, knowing, start()):
        assert process.seals.seal(interview_id, {"other": "facts"}) == receipt


def test_processes_seal_a_log_at_once_while_others_write(
    request: pytest.FixtureRequest,
    mongo_uri: str,
    start: Start,
    database: Database[Document],
    interview_id: ObjectId,
) -> None:
    def run(module: str, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", module, mongo_uri, database.name, str(interview_id), *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        request.addfinalizer(process.kill)
        return process

    sealers = [run("tests.realtime.log_sealer") for _ in range(2)]
    writers = {
        how: run("tests.realtime.log_writer", how, "100000", how) for how in ("gevent", "threads")
    }
    for sealer in sealers:
        assert sealer.stdout
        assert sealer.stdout.readline() == "ready\n"
    for how in writers:
        written = {"interview": interview_id, "data.writer": how}
        wait_until(lambda query=written: database.sessionlogs.count_documents(query) > 50, how)  # type: ignore[misc]
    for sealer in sealers:
        assert sealer.stdin
        sealer.stdin.write("\n")
        sealer.stdin.flush()
    receipts = [json.loads(sealer.communicate(timeout=TIMEOUT)[0]) for sealer in sealers]
    outputs = {how: writer.communicate(timeout=TIMEOUT)[0] for how, writer in writers.items()}

    *entries, seal = stored_in(database, interview_id)
    assert [{"event": "log.sealed", **receipt} for receipt in receipts] == [seal["data"]] * 2
    assert receipts[0]["entries"] == len(entries)
    assert receipts[0]["head"] == head_by_hand(entries)
    places = {(each["data"]["writer"], each["data"]["number"]): each["seq"] for each in entries}
    told = {}
    for how, output in outputs.items():
        *promises, end = output.splitlines()
        assert end == "sealed"
        told.update({(how, int(number)): int(seq) for number, seq in map(str.split, promises)})
    # What was promised is there, and what is there was promised.
    assert told == places


def test_a_place_that_was_taken_and_not_signed_is_signed_by_the_next(
    start: Start,
    database: Database[Document],
    interview_id: ObjectId,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = start()
    write_some(process.log, interview_id)

    def die(*_: object) -> Document:
        raise ConnectionError("killed just then")

    with monkeypatch.context() as patched:
        patched.setattr(SessionLogRepository, "sign", die)
        with pytest.raises(ConnectionError):
            start().seals.seal(interview_id, {})
    # Nothing follows, and nothing is vouched for yet.
    late = process.log.append(interview_id, "chat", ADA, {"message": "late"}).stored
    assert isinstance(late.exception(TIMEOUT), Conflict)
    assert process.seals.receipt(interview_id) is None
    receipt = process.seals.seal(interview_id, {"title": "a test"})
    *entries, _ = stored_in(database, interview_id)
    assert receipt["entries"] == len(entries) == 6
    assert receipt["head"] == head_by_hand(entries)
    # Who comes later, or had computed it too, tells the same.
    assert start().seals.seal(interview_id, {"title": "another"}) == receipt


@pytest.mark.parametrize("answers", [1, 2, 3])
def test_a_seal_whose_answer_is_lost_is_the_one_seal(
    start: Start, mongo_uri: str, database: Database[Document], interview_id: ObjectId, answers: int
) -> None:
    write_some(start().log, interview_id)
    with CuttingProxy(mongo_uri) as proxy, proxy.connect(database.name).client as client:
        process = start(client[database.name])
        proxy.lose_answers(to="insert", count=answers)
        receipt = None
        while receipt is None:
            try:
                receipt = process.seals.seal(interview_id, {})
            except PyMongoError:
                assert answers > 1
        assert proxy.lost == answers
    *entries, seal = stored_in(database, interview_id)
    assert len(entries) == 6
    assert seal["data"] == {"event": "log.sealed", **receipt}


def test_no_seal_is_set_while_entries_wait_for_a_store_that_is_away(
    start: Start, interview_id: ObjectId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("interview_platform.session_log.sealing.FLUSH_TIMEOUT", 0.1)
    with mongo.connect("mongodb://127.0.0.1:1/?directConnection=true", "away").client as client:
        process = start(client["away"])
        process.log.append(interview_id, "chat", ADA, {})
        with pytest.raises(Unavailable):
            process.seals.seal(interview_id, {})


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ({"types": ["chat"]}, [False, False, True, True, False, False, False]),
        ({"user_id": ADA["userId"]}, [True, True, True, False, False, False, False]),
        (
            {"types": ["eye-tracking"], "user_id": IDA["userId"]},
            [False, False, False, True, True, True, False],
        ),
        ({"types": []}, [False] * 7),
        ({}, [True] * 6 + [False]),
    ],
)
def test_content_can_be_erased_under_a_seal(
    here: Process,
    database: Database[Document],
    interview_id: ObjectId,
    which: dict[str, Any],
    expected: list[bool],
) -> None:
    write_some(here.log, interview_id)
    with pytest.raises(Conflict, match="not sealed"):
        here.log.erase(interview_id, **which)
    receipt = here.seals.seal(interview_id, {})
    before = stored_in(database, interview_id)

    assert here.log.erase(interview_id, **which) == sum(expected)
    assert here.log.erase(interview_id, **which) == 0
    after = stored_in(database, interview_id)
    assert [bool(entry.get("erased")) for entry in after] == expected
    for was, entry in zip(before, after, strict=True):
        if not entry.get("erased"):
            assert bson.encode(entry) == bson.encode(was)
            continue
        content = {"name": (was["actor"] or {}).get("name"), "data": was["data"]}
        assert entry["contentHash"] == hashlib.sha256(was["salt"] + spell(content)).hexdigest()
        assert entry["actor"] == (
            was["actor"] and {"userId": was["actor"]["userId"], "role": was["actor"]["role"]}
        )
        assert not entry.keys() & {"data", "salt"}
        assert b"Lovelace" not in bson.encode(entry)
    assert here.seals.seal(interview_id, {}) == receipt
