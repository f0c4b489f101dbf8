"""The session log: numbered without gaps and doubles, whoever writes and whatever fails."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.database import Database

from interview_platform.core import mongo
from interview_platform.core.errors import Invalid, TooLarge, Unavailable
from interview_platform.core.mongo import Document, Session
from interview_platform.core.paging import PageRequest, decode_cursor
from interview_platform.core.promise import Promise
from interview_platform.core.workpool import Workpool
from interview_platform.local.stores import EmbeddedMongo
from interview_platform.session_log.backlog import MAX_WAITING
from interview_platform.session_log.repository import SessionLogRepository
from interview_platform.session_log.service import Event, SessionLog
from tests.appending import append
from tests.live import ROOT, wait_until
from tests.queries import recorded, stages
from tests.realtime.cutting import CuttingProxy

TIMEOUT = 30.0
ACTOR = {"userId": ObjectId(), "name": "Ada Lovelace", "role": "candidate"}

Open = Callable[..., SessionLog]


@pytest.fixture
def database(mongo_client: MongoClient[Document]) -> Database[Document]:
    """A database of the test's own, left to the store's end: dropping thousands takes long."""
    return mongo_client[f"log_{ObjectId()}"]


@pytest.fixture
def open_log(database: Database[Document]) -> Iterator[Open]:
    """Makes logs as separate processes would have them; the schema is in place."""
    mongo.sync_schema([SessionLogRepository(database)])
    opened: list[SessionLog] = []

    def open_log(store: Database[Document] = database) -> SessionLog:
        log = SessionLog(SessionLogRepository(store), Workpool(1, 16))
        opened.append(log)
        return log

    yield open_log
    for log in opened:
        log.close(0)


@pytest.fixture(autouse=True)
def nothing_unforeseen(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert [
        record for record in caplog.get_records("call") if record.levelno >= logging.ERROR
    ] == []


@pytest.fixture
def log(open_log: Open) -> SessionLog:
    return open_log()


@pytest.fixture
def interview_id() -> ObjectId:
    return ObjectId()


def stored_in(database: Database[Document], interview_id: ObjectId) -> list[Document]:
    """Return the interview's log; fails the test unless it is numbered 1, 2, 3 and so on."""
    found = list(database.sessionlogs.find({"interview": interview_id}))
    found.sort(key=lambda document: document["seq"])
    assert [document["seq"] for document in found] == list(range(1, len(found) + 1))
    return found


def results(promises: list[Promise[int]]) -> list[int]:
    return [promise.result(TIMEOUT) for promise in promises]


def test_events_are_numbered_in_the_order_appended(
    log: SessionLog, database: Database[Document], interview_id: ObjectId
) -> None:
    at = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    data: dict[str, Any] = {"update": b"\x00\xff", "a.b": {"$set": 1}}
    first = log.append(interview_id, "code", ACTOR, data, at).stored
    data["later"] = "not logged"
    rest = [log.append(interview_id, "chat", None, {"n": n}).stored for n in range(2, 101)]
    assert results([first, *rest]) == list(range(1, 101))

    found = stored_in(database, interview_id)
    assert [each["data"]["n"] for each in found[1:]] == list(range(2, 101))
    document = found[0]
    assert document["type"] == "code"
    assert document["actor"] == ACTOR
    assert document["data"] == {"update": b"\x00\xff", "a.b": {"$set": 1}}
    assert document["timestamp"] == at
    assert found[1]["actor"] is None
    assert at < found[1]["timestamp"] == found[1]["createdAt"] <= datetime.now(UTC)


def test_interviews_are_numbered_apart(log: SessionLog) -> None:
    interviews = [ObjectId() for _ in range(50)]
    stored = [[log.append(each, "chat", None, {}).stored for each in interviews] for _ in range(4)]
    assert [results(round_) for round_ in stored] == [[n] * 50 for n in (1, 2, 3, 4)]


def start_writer(
    mongo_uri: str, database: str, interview_id: ObjectId, writer: str, count: int, how: str
) -> subprocess.Popen[str]:
    arguments = (mongo_uri, database, str(interview_id), writer, str(count), how)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.realtime.log_writer", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def check_promises(output: str, writer: str, found: list[Document]) -> None:
    """Fail the test unless all that a writer was told to be stored is there, under its number."""
    places = {(each["data"]["writer"], each["data"]["number"]): each["seq"] for each in found}
    # A writer that was killed may have been cut off in the middle of a line.
    promised = [line.split() for line in output.splitlines(keepends=True) if "\n" in line]
    assert promised
    for number, seq in promised:
        assert places[writer, int(number)] == int(seq)


def test_processes_write_one_log_and_one_of_them_is_killed(
    mongo_uri: str, log: SessionLog, database: Database[Document], interview_id: ObjectId
) -> None:
    def start(writer: str, count: int, how: str) -> subprocess.Popen[str]:
        return start_writer(mongo_uri, database.name, interview_id, writer, count, how)

    writers = {
        "green": start("green", 400, "gevent"),
        "threads": start("threads", 400, "threads"),
        "killed": start("killed", 100_000, "gevent"),
    }
    of_killed = {"interview": interview_id, "data.writer": "killed"}
    wait_until(lambda: database.sessionlogs.count_documents(of_killed) > 50, "writing")
    writers["killed"].kill()
    ours = [log.append(interview_id, "system", None, {"writer": "us", "number": 0}).stored]
    outputs = {writer: process.communicate(timeout=60)[0] for writer, process in writers.items()}
    ours.append(log.append(interview_id, "system", None, {"writer": "us", "number": 1}).stored)
    results(ours)

    found = stored_in(database, interview_id)
    numbers = {
        writer: [each["data"]["number"] for each in found if each["data"]["writer"] == writer]
        for writer in (*writers, "us")
    }
    assert numbers["green"] == numbers["threads"] == list(range(400))
    assert numbers["killed"] == list(range(len(numbers["killed"])))
    assert numbers["us"] == [0, 1]
    for writer, output in outputs.items():
        check_promises(output, writer, found)


@pytest.mark.parametrize("how", ["threads", "gevent"])
def test_nothing_is_lost_while_the_store_is_away(
    tmp_path: Path, interview_id: ObjectId, how: str
) -> None:
    with EmbeddedMongo(tmp_path) as server, mongo.connect(server.url, "away").client as client:
        database = client["away"]
        mongo.sync_schema([SessionLogRepository(database)])
        writer = start_writer(server.url, "away", interview_id, how, 500, how)
        wait_until(lambda: database.sessionlogs.count_documents({}) > 50, "writing")
        server.stop()
        server.start()
        output = writer.communicate(timeout=60)[0]
        found = stored_in(database, interview_id)
        assert [each["data"]["number"] for each in found] == list(range(500))
        check_promises(output, how, found)
        assert len(output.splitlines()) == 500


def test_what_the_store_never_took_is_given_up_in_the_end(
    tmp_path: Path, interview_id: ObjectId
) -> None:
    with EmbeddedMongo(tmp_path) as server, mongo.connect(server.url, "away").client as client:
        log = SessionLog(SessionLogRepository(client["away"]), Workpool(1, 16))
        assert log.append(interview_id, "chat", None, {}).stored.result(TIMEOUT) == 1
        server.stop()
        given_up = [
            log.append(each, "chat", None, {}).stored for each in (interview_id, ObjectId())
        ]
        assert not log.flush(0.2)
        assert log.waiting == 2
        log.close(0.1)
        for refused in given_up:
            assert isinstance(refused.exception(TIMEOUT), Unavailable)
        with pytest.raises(Unavailable):
            log.append(interview_id, "chat", None, {})


def test_what_waits_for_the_store_is_bounded(interview_id: ObjectId) -> None:
    with mongo.connect("mongodb://127.0.0.1:1/?directConnection=true", "away").client as client:
        by_count = SessionLog(SessionLogRepository(client["away"]), Workpool(1, 16))
        for _ in range(MAX_WAITING):
            by_count.append(interview_id, "chat", None, {})
        assert by_count.waiting == MAX_WAITING
        with pytest.raises(Unavailable):
            by_count.append(interview_id, "chat", None, {})
        by_count.close(0)

        by_size = SessionLog(SessionLogRepository(client["away"]), Workpool(1, 16))
        large = {"codeSnapshot": "x" * 1_000_000}
        for _ in range(16):
            by_size.append(interview_id, "code", None, large)
        with pytest.raises(Unavailable):
            by_size.append(interview_id, "code", None, large)
        by_size.append(interview_id, "code", None, {})
        by_size.close(0)


@pytest.mark.parametrize("answers", [1, 2, 3])
def test_a_write_whose_answer_is_lost_is_neither_repeated_nor_lost(
    open_log: Open, mongo_uri: str, database: Database[Document], answers: int
) -> None:
    interviews = [ObjectId() for _ in range(3)]
    with CuttingProxy(mongo_uri) as proxy, proxy.connect(database.name).client as client:
        log = open_log(client[database.name])
        for round_ in range(1, 6):
            # The driver tries twice on its own: one, both and more are carried out unheard.
            proxy.lose_answers(to="insert", count=answers)
            stored = [log.append(each, "chat", None, {"n": round_}).stored for each in interviews]
            stored += [log.append(each, "code", None, {"n": round_}).stored for each in interviews]
            assert results(stored) == [2 * round_ - 1] * 3 + [2 * round_] * 3
        assert proxy.lost == 5 * answers
    for each in interviews:
        assert [event["data"]["n"] for event in stored_in(database, each)] == [
            round_ for round_ in range(1, 6) for _ in range(2)
        ]


@pytest.mark.parametrize("answers", [1, 2, 3])
def test_what_another_process_says_of_the_log_hides_no_write_in_doubt(
    open_log: Open, mongo_uri: str, database: Database[Document], answers: int
) -> None:
    interview_id = ObjectId()
    with CuttingProxy(mongo_uri) as proxy, proxy.connect(database.name).client as client:
        log, other = open_log(client[database.name]), open_log(database)
        other.tell_to(lambda entries: log.hear(interview_id, entries[-1]["seq"]))
        log.tell_to(lambda entries: other.hear(interview_id, entries[-1]["seq"]))
        numbers: list[int] = []
        for round_ in range(10):
            proxy.lose_answers(to="insert", count=answers)
            stored = [
                writer.append(interview_id, "chat", None, {"n": (round_, number)}).stored
                for number in range(3)
                for writer in (log, other)
            ]
            numbers += results(stored)
    assert sorted(numbers) == list(range(1, 61))
    found = stored_in(database, interview_id)
    assert len({tuple(event["data"]["n"]) for event in found}) == 30
    assert len(found) == 60


@pytest.mark.parametrize(
    ("kind", "data", "error"),
    [
        ("chat", {"n": 2**64}, Invalid),
        ("chat", {"text": "\ud800"}, Invalid),
        ("chat", {"what": {1, 2}}, Invalid),
        ("chat", {"nested": [[[[[["x"]]]]]] * 3}, None),
        ("chat", {"size": "x" * 3 * 1024 * 1024}, TooLarge),
        ("gossip", {"refused": "by the store's rules"}, Invalid),
    ],
)
def test_what_cannot_be_stored_fails_alone(
    log: SessionLog,
    database: Database[Document],
    interview_id: ObjectId,
    kind: str,
    data: dict[str, Any],
    error: type[Exception] | None,
) -> None:
    other = ObjectId()
    results([log.append(each, "chat", None, {}).stored for each in (interview_id, other)])
    good = [log.append(interview_id, "chat", None, {}).stored for _ in range(3)]
    questionable = append(log, interview_id, kind, None, data)
    good += [log.append(each, "chat", None, {}).stored for each in (interview_id, other)]
    if error is None:
        assert questionable.result(TIMEOUT) == 5
        assert results(good) == [2, 3, 4, 6, 2]
    else:
        assert isinstance(questionable.exception(TIMEOUT), error)
        assert results(good) == [2, 3, 4, 5, 2]
    stored_in(database, interview_id)


def test_depth_is_bounded(log: SessionLog, interview_id: ObjectId) -> None:
    nested: dict[str, Any] = {}
    for _ in range(1000):
        nested = {"a": nested}
    with pytest.raises(Invalid):
        log.append(interview_id, "chat", None, nested)


def test_a_transaction_logs_what_happened_in_it(
    log: SessionLog, database: Database[Document], interview_id: ObjectId
) -> None:
    assert log.append(interview_id, "chat", None, {}).stored.result(TIMEOUT) == 1
    started = Event("system", ACTOR, {"event": "interview.started"})
    live = Event("system", None, {"event": "interview.live"})

    def abandoned(session: Session) -> None:
        assert [seq for seq, _ in log.append_in(session, interview_id, [started])] == [2]
        raise LookupError

    with pytest.raises(LookupError):
        mongo.transaction(database, abandoned)
    written = mongo.transaction(
        database, lambda session: log.append_in(session, interview_id, [started, live])
    )
    assert [seq for seq, _ in written] == [2, 3]
    assert log.append(interview_id, "chat", None, {}).stored.result(TIMEOUT) == 4
    found = stored_in(database, interview_id)
    assert [each["type"] for each in found] == ["chat", "system", "system", "chat"]
    assert [entry_id for _, entry_id in written] == [each["_id"] for each in found[1:3]]
    assert found[1]["actor"] == ACTOR


def test_transactions_and_appends_race(
    open_log: Open, database: Database[Document], interview_id: ObjectId
) -> None:
    logs = [open_log(), open_log()]

    def step(number: int) -> list[int]:
        events = [Event("system", None, {"step": number, "part": part}) for part in (1, 2)]
        log = logs[number % 2]
        written = mongo.transaction(
            database, lambda session: log.append_in(session, interview_id, events)
        )
        return [seq for seq, _ in written]

    with ThreadPoolExecutor(4) as pool:
        steps = [pool.submit(step, number) for number in range(12)]
        chats: list[Promise[int]] = []
        while not all(step.done() for step in steps):
            chats += [log.append(interview_id, "chat", None, {}).stored for log in logs]
            chats[-1].result(TIMEOUT)
    said = results(chats)
    places = {each["seq"]: each for each in stored_in(database, interview_id)}
    assert len(places) == 24 + len(said)
    assert {places[seq]["type"] for seq in said} == {"chat"}
    for number, numbers in enumerate(step.result() for step in steps):
        assert [places[seq]["data"]["step"] for seq in numbers] == [number, number]
        assert numbers[1] == numbers[0] + 1


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 319, 320, 321, 1400])
def test_the_end_of_a_log_is_found_whatever_its_length(
    open_log: Open, database: Database[Document], interview_id: ObjectId, length: int
) -> None:
    fill(database, interview_id, length)
    fill(database, ObjectId(), 100)
    newest = open_log().page(interview_id, PageRequest(limit=1)).items
    assert [event["seq"] for event in newest] == ([length] if length else [])
    assert open_log().append(interview_id, "chat", None, {}).stored.result(TIMEOUT) == length + 1


def fill(database: Database[Document], interview_id: ObjectId, length: int) -> None:
    """Store a log of `length` events, every fifth of them a chat message."""
    now = datetime.now(UTC)
    events: list[Document] = [
        {
            "interview": interview_id,
            "seq": seq,
            "type": "code" if seq % 5 else "chat",
            "timestamp": now,
            "actor": None,
            "data": {},
        }
        for seq in range(1, length + 1)
    ]
    if events:
        database.sessionlogs.insert_many(events)


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize(("kind", "expected"), [(None, range(1, 24)), ("chat", range(5, 24, 5))])
def test_pages_lead_through_the_whole_log(
    log: SessionLog,
    database: Database[Document],
    interview_id: ObjectId,
    kind: str | None,
    expected: range,
    newest_first: bool,
) -> None:
    fill(database, interview_id, 23)
    fill(database, ObjectId(), 5)
    seen: list[int] = []
    request = PageRequest(limit=2)
    while True:
        page = log.page(interview_id, request, type=kind, newest_first=newest_first)
        assert len(page.items) <= 2
        seen += [event["seq"] for event in page.items]
        if page.next is None:
            break
        request = PageRequest(limit=2, after=decode_cursor(page.next, int))
    assert seen == sorted(expected, reverse=newest_first)
    everything = log.page(interview_id, PageRequest(limit=50), type=kind, newest_first=newest_first)
    assert [event["seq"] for event in everything.items] == seen
    assert everything.next is None


def test_an_empty_log_has_an_empty_page(log: SessionLog, interview_id: ObjectId) -> None:
    for newest_first in (True, False):
        page = log.page(interview_id, PageRequest(), newest_first=newest_first)
        assert (page.items, page.next) == ([], None)


def test_logs_of_the_older_service_are_numbered_by_time(
    database: Database[Document],
) -> None:
    old, mixed = ObjectId(), ObjectId()
    start = datetime(2025, 5, 1, tzinfo=UTC)

    def legacy(interview_id: ObjectId, minute: int, **more: Any) -> Document:
        return {
            "interview": interview_id,
            "type": "code",
            "timestamp": start + timedelta(minutes=minute),
            "data": {"minute": minute},
            **more,
        }

    minutes = [(7 * n) % 701 for n in range(701)]
    database.sessionlogs.insert_many([legacy(old, minute) for minute in minutes])
    database.sessionlogs.insert_many(
        [legacy(mixed, 30, seq=1), legacy(mixed, 31, seq=2), legacy(mixed, 20), legacy(mixed, 10)]
    )
    repositories = [SessionLogRepository(database) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda repository: mongo.sync_schema([repository]), repositories))

    assert [each["data"]["minute"] for each in stored_in(database, old)] == list(range(701))
    assert [each["data"]["minute"] for each in stored_in(database, mixed)] == [30, 31, 10, 20]
    log = SessionLog(SessionLogRepository(database), Workpool(1, 16))
    assert log.append(old, "chat", ACTOR, {}).stored.result(TIMEOUT) == 702
    # Written since by the older service: the next release takes it up.
    database.sessionlogs.insert_one(legacy(old, 5))
    assert log.append(old, "chat", ACTOR, {}).stored.result(TIMEOUT) == 703
    mongo.sync_schema(repositories[:1])
    assert log.append(old, "chat", ACTOR, {}).stored.result(TIMEOUT) == 705
    assert stored_in(database, old)[703]["data"] == {"minute": 5}
    log.close()


def test_entries_can_be_walked_by_number_and_type(
    log: SessionLog, database: Database[Document], interview_id: ObjectId
) -> None:
    fill(database, interview_id, 1400)
    fill(database, ObjectId(), 20)

    def walk(**bounds: Any) -> list[int]:
        return [entry["seq"] for entry in log.entries(interview_id, **bounds)]

    assert walk() == list(range(1, 1401))
    assert walk(after=70, upto=200) == list(range(71, 201))
    assert walk(after=1390) == list(range(1391, 1401))
    assert walk(upto=5000) == list(range(1, 1401))
    assert walk(after=1400) == walk(after=9999) == walk(after=9, upto=9) == []
    assert walk(types=["chat"]) == list(range(5, 1401, 5))
    assert walk(types=["chat"], after=5, upto=15) == [10, 15]
    assert walk(types=["chat", "code"], upto=300) == list(range(1, 301))
    assert walk(types=["system"]) == walk(types=[]) == []
    assert list(log.entries(ObjectId())) == []


def test_entries_are_found_by_id(
    log: SessionLog, database: Database[Document], interview_id: ObjectId
) -> None:
    appended = [log.append(interview_id, "chat", None, {"n": n}) for n in range(1, 81)]
    assert results([each.stored for each in appended]) == list(range(1, 81))
    assert list(log.ids_since(interview_id, 3)) == [
        (seq, each.id) for seq, each in enumerate(appended[3:], 4)
    ]
    wanted = [appended[70].id, ObjectId(), appended[2].id]
    assert [entry["data"] for entry in log.by_ids(wanted)] == [{"n": 3}, {"n": 71}]
    assert log.last_seq(interview_id) == 80
    assert log.last_seq(ObjectId()) == 0


def test_the_number_at_a_moment(
    log: SessionLog, database: Database[Document], interview_id: ObjectId
) -> None:
    start = datetime(2026, 3, 2, 9, tzinfo=UTC)
    # Two events a second; the clock of who wrote every seventh is 5 s behind.
    times = [start + timedelta(seconds=n // 2 - (5 if n % 7 == 0 else 0)) for n in range(1, 301)]
    stored = [log.append(interview_id, "chat", None, {}, at).stored for at in times]
    assert results(stored) == list(range(1, 301))

    for second in range(-10, 160, 7):
        moment = start + timedelta(seconds=second)
        expected = max((n for n, at in enumerate(times, 1) if at <= moment), default=0)
        assert log.seq_at(interview_id, moment) == expected
    assert log.seq_at(ObjectId(), start) == 0


def test_no_read_walks_more_than_its_part_of_an_index(
    log: SessionLog, database: Database[Document], interview_id: ObjectId
) -> None:
    fill(database, interview_id, 300)
    ids = [entry_id for _, entry_id in log.ids_since(interview_id, 290)]
    with recorded(database) as commands:
        assert len(list(log.entries(interview_id))) == 300
        assert len(list(log.entries(interview_id, types=["chat", "system"]))) == 60
        assert len(log.by_ids(ids)) == 10
        assert log.last_seq(interview_id) == 300
        assert log.seq_at(interview_id, datetime.now(UTC)) == 300
    finds = [command for command in commands if "find" in command]
    assert len(finds) > 10
    for command in finds:
        assert "COLLSCAN" not in stages(database, command), command
        bounds = command["filter"].get("seq")
        if isinstance(bounds, dict):
            assert bounds["$lte"] - bounds["$gte"] < 512


@pytest.mark.parametrize("answers", [0, 1, 2])
def test_events_of_one_client_s_key_are_logged_once_whoever_writes_them(
    open_log: Open, mongo_uri: str, database: Database[Document], answers: int
) -> None:
    interview_id, elsewhere = ObjectId(), ObjectId()
    refused: list[ObjectId] = []
    with CuttingProxy(mongo_uri) as proxy, proxy.connect(database.name).client as client:
        logs = [open_log(client[database.name]), open_log(database)]
        for log in logs:
            log.tell_to(
                lambda _: None, lambda entries: refused.extend(each["_id"] for each in entries)
            )
        stored: list[list[Promise[int]]] = []
        entries = 0
        for round_ in range(8):
            proxy.lose_answers(to="insert", count=answers)
            key = round_.to_bytes(16)
            same = []
            for log in logs:
                log.append(interview_id, "chat", None, {"n": "before"})
                for number in range(2):
                    made = log.append(interview_id, "chat", None, {"n": number}, client_key=key)
                    same.append(made.stored)
                    entries += 1
                log.append(interview_id, "chat", None, {"n": "after"})
            logs[0].append(elsewhere, "chat", None, {}, client_key=key)
            stored.append(same)
        found_as = [set(results(same)) for same in stored]
        assert all(log.flush(TIMEOUT) for log in logs)
        for round_, numbers in enumerate(found_as):
            assert numbers == {logs[1].number_of(interview_id, round_.to_bytes(16))}
            assert logs[1].number_of(elsewhere, round_.to_bytes(16))
        assert logs[1].number_of(interview_id, b"another") is None
    found = stored_in(database, interview_id)
    assert len(found) == 8 * (4 + 1)
    assert len(set(refused)) == entries - 8
    assert not {each["_id"] for each in found} & set(refused)
    assert len(stored_in(database, elsewhere)) == 8
