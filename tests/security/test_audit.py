"""The audit is a hash chain: whatever happens to its entries in the store is named."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo.collection import Collection
from pymongo.database import Database

from interview_platform.audit import verify
from interview_platform.audit.check import hash_of
from interview_platform.core.clock import utcnow
from interview_platform.core.mongo import Document, Session, sync_schema, transaction
from interview_platform.core.settings import Settings
from interview_platform.core.signing import Signer
from interview_platform.wiring import Services
from tests.live import ROOT, environment, procfile_command, wait_until
from tests.service import Company, Person
from tests.workers import worker

Verify = Callable[..., tuple[int, list[str]]]
Tamper = Callable[[Database[Document]], object]

ENTRIES = 12


@pytest.fixture
def environ(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment in which commands run that are called in this process."""
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def verify_audit(environ: None, capsys: pytest.CaptureFixture[str]) -> Verify:
    """Runs the command that checks the audit; returns its exit status and what it prints."""

    def run(*arguments: str) -> tuple[int, list[str]]:
        capsys.readouterr()
        status = verify.main(list(arguments))
        return status, capsys.readouterr().out.splitlines()

    return run


@pytest.fixture
def entries(database: Database[Document]) -> Collection[Document]:
    return database["auditentries"]


@pytest.fixture
def person(company: Company) -> Person:
    """Somebody whose deeds are in the audit, some of them from an address."""
    return company.candidate()


@pytest.fixture
def chained(person: Person, services: Services, entries: Collection[Document]) -> None:
    """Has `ENTRIES` entries or more, the first `ENTRIES` of them under a signed head."""
    for number in range(ENTRIES):
        services.audit.record("tested", actor=ObjectId(), details={"number": number})
    assert services.audit_chain.sweep() >= ENTRIES
    services.audit.record("tested.after", actor=None)
    services.audit_chain.sweep()


def set_on(number: int, /, **fields: Any) -> Tamper:
    return lambda database: database["auditentries"].update_one({"seq": number}, {"$set": fields})


def drop(*numbers: int) -> Tamper:
    return lambda database: database["auditentries"].delete_many({"seq": {"$in": [*numbers]}})


def swap(one: int, other: int) -> Tamper:
    def tamper(database: Database[Document]) -> None:
        for before, after in ((one, 10_000), (other, one), (10_000, other)):
            set_on(before, seq=after)(database)

    return tamper


def insert(seq: Any) -> Tamper:
    """Insert an entry that an index would refuse, if it were still there."""

    def tamper(database: Database[Document]) -> None:
        index = next(
            name
            for name, each in database["auditentries"].index_information().items()
            if each["key"] == [("seq", 1)]
        )
        database["auditentries"].drop_index(index)
        database.command("collMod", "auditentries", validator={})
        entry = {"action": "forged", "actor": None, "at": utcnow(), "seq": seq, "hash": "0" * 64}
        database["auditentries"].insert_one(entry)

    return tamper


def truncate(after: int, *, with_head: bool = False) -> Tamper:
    def tamper(database: Database[Document]) -> None:
        database["auditentries"].delete_many({"seq": {"$gt": after}})
        if with_head:
            last = database["auditentries"].find_one({"seq": after})
            assert last is not None
            end = {"seq": after, "hash": last["hash"]}
            database["auditchain"].update_one({"_id": "head"}, {"$set": end})

    return tamper


def rehash_from(seq: int) -> Tamper:
    """Change an entry and make every hash from there on again, as whoever knows how would."""

    def tamper(database: Database[Document]) -> None:
        set_on(seq, action="nothing")(database)
        before = database["auditentries"].find_one({"seq": seq - 1})
        assert before is not None
        previous = before["hash"]
        for entry in database["auditentries"].find({"seq": {"$gte": seq}}).sort("seq"):
            fields = {"previous": previous}
            previous = hash_of({**entry, **fields})
            set_on(entry["seq"], **fields, hash=previous)(database)
        database["auditchain"].update_one({"_id": "head"}, {"$set": {"hash": previous}})

    return tamper


def drop_head(database: Database[Document]) -> None:
    database["auditchain"].delete_many({})


def forge_head(database: Database[Document]) -> None:
    database["auditheads"].update_one({}, {"$set": {"hash": "0" * 64}})


TAMPERED: dict[str, tuple[Tamper, list[str]]] = {
    "the deed": (set_on(5, action="nothing"), ["entry 5 "]),
    "who did it": (set_on(5, actor=ObjectId()), ["entry 5 "]),
    "whom it was done to": (set_on(5, subject=ObjectId()), ["entry 5 "]),
    "when": (set_on(5, at=datetime(2020, 1, 1, tzinfo=UTC)), ["entry 5 "]),
    "from where": (set_on(1, address="203.0.113.1"), ["entry 1 "]),
    "from where, taken out": (set_on(1, address=None), ["entry 1 "]),
    "from where, put in": (set_on(9, address="203.0.113.1"), ["entry 9 "]),
    "the salt": (set_on(1, addressSalt=b"0" * 16), ["entry 1 "]),
    "details": (set_on(5, details={"more": True}), ["entry 5 "]),
    "another field": (set_on(5, note="x"), ["entry 5 "]),
    "the hash": (set_on(5, hash="0" * 64), ["entry 5 "]),
    "no hash": (set_on(5, hash=""), ["entry 5 "]),
    "the link": (set_on(5, previous="no hash"), ["entry 5 "]),
    "one dropped": (drop(5), ["entry 5 is missing before entry 6 "]),
    "several dropped": (drop(5, 6, 7), ["entries 5 to 7 are missing before entry 8 "]),
    "the first dropped": (drop(1), ["entry 1 is missing before entry 2 "]),
    "moved": (swap(4, 9), ["entry 4 ", "entry 9 "]),
    "added beside": (insert(5), ["entry 5 "]),
    "added between": (insert(5.5), ["entry 5.5 "]),
    "added without a number": (insert("x"), ["entry x "]),
    "added before": (insert(0), ["entry 0 "]),
    "added after": (insert(500), ["are missing before", "entry 500 ", "to 500 were added"]),
    "cut off": (
        truncate(6),
        ["missing at the end, by the head", "missing at the end, by the head"],
    ),
    "cut off with the head": (truncate(6, with_head=True), ["by the head signed on"]),
    "everything": (truncate(0), ["entries 1 to", "entries 1 to"]),
    "all hashes made again": (rehash_from(5), ["changed with all hashes after it, by the head"]),
    "a signed head": (forge_head, ["is not signed by the service", "no head is signed"]),
    "the head": (drop_head, ["the head of the chain is missing"]),
}


@pytest.fixture
def intact(services: Services, database: Database[Document]) -> Iterator[None]:
    """Has later tests find the collection as the release phase makes it."""
    yield
    database["auditentries"].delete_many({})
    sync_schema([services.audit_entries])


@pytest.mark.parametrize(("tamper", "named"), TAMPERED.values(), ids=TAMPERED)
@pytest.mark.usefixtures("chained", "intact")
def test_what_was_changed_dropped_moved_or_added_is_named(
    database: Database[Document], verify_audit: Verify, tamper: Tamper, named: list[str]
) -> None:
    status, told = verify_audit()
    assert (status, told[-1]) == (0, "WHOLE")
    tamper(database)
    status, told = verify_audit()
    assert status == 1
    *faults, _, verdict = told
    assert verdict == f"NOT WHOLE: {len(named)} faults", faults
    for fault, name in zip(faults, named, strict=True):
        assert name in fault


@pytest.mark.usefixtures("chained")
def test_a_chain_cut_off_with_its_heads_is_known_by_a_head_noted_elsewhere(
    database: Database[Document],
    services: Services,
    verify_audit: Verify,
    caplog: pytest.LogCaptureFixture,
) -> None:
    database["auditheads"].delete_many({})
    with caplog.at_level(logging.INFO):
        services.audit_chain.sweep()
    (noted,) = [line.split()[-1] for line in caplog.messages if "the audit's head of" in line]
    truncate(6, with_head=True)(database)
    database["auditheads"].delete_many({})
    services.audit_chain.sweep()
    assert verify_audit()[0] == 0
    status, told = verify_audit("--head", noted)
    assert status == 1
    assert "entries 7 to" in told[0]


@pytest.mark.usefixtures("chained")
def test_heads_are_signed_daily_and_their_absence_is_named(
    database: Database[Document], services: Services, verify_audit: Verify
) -> None:
    heads = database["auditheads"]
    assert [head["_id"] for head in heads.find()] == [f"{utcnow():%Y-%m-%d}"]
    services.audit_chain.sweep()
    assert heads.count_documents({}) == 1
    later = utcnow() + timedelta(days=3)
    database["auditchain"].update_one({"_id": "head"}, {"$set": {"at": later}})
    status, told = verify_audit()
    assert status == 1
    assert told[0].startswith("the last signed head is of ")


@pytest.mark.usefixtures("chained")
def test_what_a_retired_key_signed_stays_good(
    settings: Settings, verify_audit: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    retired = Signer(b64decode(settings.signing_key)).public_key
    monkeypatch.setenv("SIGNING_KEY", b64encode(b"n" * 32).decode())
    status, told = verify_audit()
    assert status == 1
    assert "is not signed by the service" in told[0]
    monkeypatch.setenv("RETIRED_PUBLIC_KEYS", b64encode(retired).decode())
    assert verify_audit()[0] == 0


@pytest.mark.usefixtures("chained")
def test_the_start_of_the_chain_never_moves_back(services: Services) -> None:
    chain = services.audit_chain_ends
    for seq in (3, 5, 4):
        chain.advance_start({"audit": "start", "seq": seq, "hash": str(seq)})
    start = chain.start()
    assert start is not None
    assert start["seq"] == 5


def test_an_erasure_leaves_the_chain_whole_and_no_address(
    company: Company,
    person: Person,
    services: Services,
    entries: Collection[Document],
    verify_audit: Verify,
) -> None:
    services.audit_chain.sweep()
    mine = {"actor": ObjectId(person.id)}
    before = list(entries.find(mine))
    assert {entry["address"] for entry in before} == {"127.0.0.1"}
    erase = f"/api/admin/candidates/{person.id}/erase"
    assert company.admin.post(erase, {"confirm": person.email}).status_code == 204
    for chained in (False, True):
        if chained:
            services.audit_chain.sweep()
        status, told = verify_audit()
        assert status == 0, told
    after = list(entries.find(mine))
    assert len(after) == len(before)
    assert {entry["address"] for entry in after} == {None}
    assert not any("addressSalt" in entry for entry in after)


def test_an_erasure_beside_chaining_leaves_nothing_of_an_address(
    services: Services, entries: Collection[Document], company: Company, verify_audit: Verify
) -> None:
    people = [company.candidate() for _ in range(12)]

    def erase(person: Person) -> int:
        confirm = {"confirm": person.email}
        return company.admin.post(f"/api/admin/candidates/{person.id}/erase", confirm).status_code

    with ThreadPoolExecutor(4) as pool:
        chaining = [pool.submit(services.audit_chain.sweep) for _ in range(2)]
        erased = [pool.submit(erase, person) for person in people]
        assert [each.result() for each in erased] == [204] * len(people)
        for each in chaining:
            each.result()
    services.audit_chain.sweep()
    mine = {"actor": {"$in": [ObjectId(person.id) for person in people]}}
    left = {"$or": [{"address": {"$ne": None}}, {"addressSalt": {"$exists": True}}]}
    assert entries.count_documents(mine) >= len(people)
    assert entries.count_documents({**mine, **left}) == 0
    status, told = verify_audit()
    assert status == 0, told


def test_entries_of_a_transaction_that_fails_leave_no_trace_in_the_chain(
    company: Company, services: Services, verify_audit: Verify
) -> None:
    services.audit_chain.sweep()

    def fail(session: Session) -> None:
        services.audit.record("never", actor=None, session=session)
        raise LookupError

    with pytest.raises(LookupError):
        transaction(services.store, fail)
    services.audit.record("after", actor=None)
    assert services.audit_chain.sweep() == 1
    assert verify_audit()[0] == 0


CHAINER = """
import sys
from interview_platform.core.settings import Settings
from interview_platform.wiring import Services
services = Services(Settings.load())
for number in range(int(sys.argv[1])):
    services.audit.record("chained", actor=None, details={"number": number})
    if number % 5 == 4:
        services.audit_chain.sweep()
    print(number, flush=True)
"""


@pytest.mark.usefixtures("environ")
def test_processes_that_write_and_chain_at_once_and_are_killed_make_one_chain(
    services: Services, entries: Collection[Document], verify_audit: Verify
) -> None:
    command = [sys.executable, "-c", CHAINER, "100"]
    processes = [
        subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    killed, *others = processes
    assert killed.stdout is not None
    for _ in range(30):
        killed.stdout.readline()
    killed.kill()
    for process in processes:
        process.communicate(timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert [process.returncode for process in others] == [0, 0]
    services.audit_chain.sweep()
    count = entries.count_documents({})
    assert count >= 230
    numbers = [entry["seq"] for entry in entries.find().sort("seq")]
    assert numbers == list(range(1, count + 1))
    status, told = verify_audit()
    assert status == 0, told


def test_the_release_phase_chains_what_is_older_and_names_what_is_wrong(
    person: Person, settings: Settings, entries: Collection[Document]
) -> None:
    # An entry as it was before there was a chain.
    old = {"action": "old", "at": datetime(2024, 1, 1, tzinfo=UTC), "address": "203.0.113.9"}
    entries.insert_one(old)

    def release() -> str:
        env = environment(settings, LOG_LEVEL="info")
        command = procfile_command("release")
        done = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    assert "the audit is whole" in release()
    assert entries.count_documents({"seq": None}) == 0
    first = entries.find_one({"seq": 1})
    assert first is not None
    assert first["action"] == "old"
    set_on(1, action="new")(entries.database)
    told = release()
    assert f"audit: entry 1 ({first['_id']} of 2024-01-01" in told
    assert "the audit is NOT WHOLE: 1 faults" in told


def test_the_worker_chains_and_checks_every_day(
    company: Company,
    database: Database[Document],
    settings: Settings,
    services: Services,
    tmp_path: Path,
) -> None:
    log = tmp_path / "worker.log"
    entries, tasks = database["auditentries"], database["periodictasks"]
    for _ in range(3):
        services.audit.record("tested", actor=None)
    with worker(settings, log):
        wait_until(lambda: not entries.count_documents({"seq": None}), "the chain")
        wait_until(lambda: "the audit is whole" in log.read_text(), "the check")
        wait_until(lambda: "lease" not in (tasks.find_one({"_id": "audit-check"}) or {"lease": 1}))
        task = tasks.find_one({"_id": "audit-check"})
        assert task is not None
        assert utcnow() < task["dueAt"] <= utcnow() + timedelta(days=1)
        # The next night, after somebody was at it, and a check that was killed.
        drop(2)(database)
        held = {"dueAt": utcnow(), "lease": {"token": "x", "until": utcnow()}}
        tasks.update_one({"_id": "audit-check"}, {"$set": held})
        wait_until(lambda: "audit: entry 2 is missing" in log.read_text(), "the next check")


def test_verifying_without_a_store_is_told(
    environ: None, monkeypatch: pytest.MonkeyPatch, verify_audit: Verify
) -> None:
    monkeypatch.setenv("MONGO_URI", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200")
    assert verify_audit()[0] == 2
    monkeypatch.delenv("MONGO_URI")
    assert verify_audit()[0] == 2
