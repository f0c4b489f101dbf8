"""What was kept for its time is removed by the worker, counted and logged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from interview_platform.core.clock import EPOCH, utcnow
from interview_platform.core.mongo import Document
from interview_platform.core.settings import Settings
from interview_platform.wiring import Services
from tests.live import wait_until
from tests.meeting import Meeting
from tests.queries import recorded, stages
from tests.record import check, export_of, path, receipt_of
from tests.service import Company, make_settings
from tests.workers import worker

OpenServices = Callable[..., Services]


@pytest.fixture
def open_services(settings: Settings) -> Iterator[OpenServices]:
    """Opens services on the test's stores, with settings of one's choice."""
    with ExitStack() as closing:

        def open_one(**overrides: str) -> Services:
            stores = (settings.mongo_uri, settings.mongo_db_name, settings.redis_url)
            return closing.enter_context(Services(make_settings(*stores, **overrides)))

        yield open_one


def removed(database: Database[Document]) -> dict[str, int]:
    """Return what the audit says was removed, by kind."""
    counts: dict[str, int] = {}
    for entry in database["auditentries"].find({"action": "retention.applied"}):
        details = entry["details"]
        counts[details["kind"]] = counts.get(details["kind"], 0) + details["count"]
    return counts


def test_the_worker_erases_old_logs_and_their_records_still_verify(
    company: Company,
    over: Meeting,
    database: Database[Document],
    settings: Settings,
    tmp_path: Path,
) -> None:
    live, ahead = Meeting(company), Meeting(company, live=False)
    before, receipt = export_of(over), receipt_of(over)
    assert b"message 3" in b"".join(before)
    kept = live.log(), ahead.log()
    interview_id, tasks = ObjectId(over.id), database["periodictasks"]
    log = tmp_path / "worker.log"

    def is_expired() -> bool:
        tasks.update_one({"_id": "retention"}, {"$set": {"dueAt": EPOCH}})
        found = database["interviews"].find_one({"_id": interview_id})
        return bool(found and "logExpiredAt" in found)

    with worker(settings, log, LOG_RETENTION="2s"):
        wait_until(is_expired, "the end of its time", 40)
        wait_until(lambda: removed(database) == {"logs": 1}, "the count")
    assert "kept for their time and removed: 1 logs, 0 gaze, 0 notifications" in log.read_text()

    after = export_of(over)
    for lines in (before, after):
        status, told = check(lines, tmp_path)
        assert status == 0, told
    assert receipt_of(over) == receipt
    assert len(after) == len(before)
    assert not any(trace in b"".join(after) for trace in (b"message", b"Lovelace"))
    assert database["sessionlogs"].count_documents({"interview": interview_id}) == len(after) - 2
    for name, field in (("codedocuments", "_id"), ("codekeyframes", "interview")):
        assert database[name].count_documents({field: interview_id}) == 0
    # Its people can read all that is left.
    for what in ("receipt", "export", "logs", "timeline", "code"):
        assert over.interviewer.get(path(over, what)).status_code == 200, what
    assert over.candidate.get("/api/candidates/me/export").status_code == 200
    # What is not over has all that it had.
    assert (live.log()[: len(kept[0])], ahead.log()) == kept
    erased = database["sessionlogs"].distinct("interview", {"erased": True})
    assert erased == [interview_id]


def old(database: Database[Document], name: str, count: int, **fields: Any) -> list[ObjectId]:
    """Write documents that are 100 to 99 days old; returns their ids."""
    moments = [utcnow() - timedelta(days=100) + timedelta(seconds=n) for n in range(count)]
    rows = [
        # An id of this moment, and the rest by chance.
        {"_id": _id_of(moment), "createdAt": moment, **fields}
        for moment in moments
    ]
    return list(database[name].insert_many(rows).inserted_ids)


def _id_of(moment: Any) -> ObjectId:
    return ObjectId(ObjectId.from_datetime(moment).binary[:4] + ObjectId().binary[4:])


def gaze(database: Database[Document], count: int) -> list[ObjectId]:
    return old(database, "eyetrackingevents", count, interview=ObjectId())


def message(database: Database[Document], **fields: Any) -> ObjectId:
    return old(database, "notifications", 1, channel="email", **fields)[0]


def test_each_kind_is_removed_by_its_own_age(
    company: Company, database: Database[Document], open_services: OpenServices
) -> None:
    gaze(database, 450)
    young = ObjectId()
    database["eyetrackingevents"].insert_one({"_id": young, "interview": ObjectId()})
    closed = [message(database, status=each) for each in ("sent", "failed", "delivered")]
    foreign = message(database, status="pending")
    open_row = message(database, status="pending", sweepAt=utcnow() + timedelta(hours=1))
    nothing = {"logs": 0, "gaze": 0, "notifications": 0, "audit": 0}
    patient = open_services(GAZE_RETENTION="101d", NOTIFICATION_RETENTION="101d")
    assert patient.retention.apply() == nothing
    strict = open_services(GAZE_RETENTION="90d", NOTIFICATION_RETENTION="90d")
    expected = {"logs": 0, "gaze": 450, "notifications": 4, "audit": 0}
    assert strict.retention.apply() == expected
    assert strict.retention.apply() == nothing
    assert [each["_id"] for each in database["eyetrackingevents"].find()] == [young]
    left = {each["_id"] for each in database["notifications"].find()}
    assert left & {*closed, foreign, open_row} == {open_row}
    assert removed(database) == {"gaze": 450, "notifications": 4}


def test_a_run_that_breaks_off_at_any_step_is_done_by_the_next(
    database: Database[Document], open_services: OpenServices, services: Services
) -> None:
    interviews = []
    for _ in range(3):
        made = {"candidate": ObjectId(), "interviewer": ObjectId(), "status": "completed"}
        ended = utcnow() - timedelta(days=400)
        interview_id = _id_of(ended - timedelta(hours=1))
        database["interviews"].insert_one({"_id": interview_id, **made, "endedAt": ended})
        services.session_log.append(interview_id, "chat", None, {"message": "x"}).stored.result(20)
        interviews.append(interview_id)
    gaze(database, 450)
    for number in range(1200):
        at = utcnow() - timedelta(days=800)
        entry = {"action": "old", "actor": None, "details": {"n": number}, "at": at}
        services.audit_entries.add(entry)
    services.audit_chain.sweep()
    strict = open_services()

    class Killed(Exception):
        pass

    def broken_off(steps: int) -> bool:
        left = iter(range(steps))

        def on_progress() -> None:
            if next(left, None) is None:
                raise Killed

        try:
            strict.retention.apply(on_progress)
        except Killed:
            return True
        return False

    runs = 0
    while broken_off(0):
        runs += 1
        found = services.audit_chain.check()
        assert found.faults == []
    assert runs >= 9
    assert database["interviews"].count_documents({"logExpiredAt": {"$ne": None}}) == 3
    assert database["sessionlogs"].count_documents({"data.message": "x"}) == 0
    assert database["eyetrackingevents"].count_documents({}) == 0
    assert database["auditentries"].count_documents({"action": "old"}) == 0
    for interview_id in interviews:
        assert services.log_seals.receipt(interview_id)


def test_what_is_left_of_an_audit_stays_a_chain_from_a_signed_start(
    database: Database[Document], services: Services, open_services: OpenServices
) -> None:
    def record(action: str, days: int) -> None:
        at = utcnow() - timedelta(days=days)
        services.audit_entries.add({"action": action, "actor": None, "details": {}, "at": at})
        services.audit_chain.extend()

    for action, days in (("first", 90), ("second", 80), ("young", 1), ("late", 85)):
        record(action, days)
    services.audit_chain.sweep()
    strict = open_services(AUDIT_RETENTION="30d")
    assert strict.retention.apply()["audit"] == 2
    services.audit_chain.sweep()
    actions = [each["action"] for each in database["auditentries"].find().sort("seq")]
    # From the beginning up to the first that is younger: no gap is torn.
    assert actions == ["young", "late", "retention.applied"]
    assert services.audit_chain.check().faults == []
    assert strict.retention.apply()["audit"] == 0
    # Whoever removes more than that cannot sign it.
    database["auditentries"].delete_one({"seq": 3})
    last = database["auditentries"].find_one({"seq": 4})
    assert last is not None
    change = {"$set": {"seq": 3, "hash": last["previous"]}}
    database["auditchain"].update_one({"_id": "start"}, change)
    assert services.audit_chain.check().faults == [
        "the place where the chain begins is not signed by the service"
    ]


def test_interviews_are_found_by_an_index_and_not_looked_at_again(
    over: Meeting, database: Database[Document], open_services: OpenServices
) -> None:
    strict = open_services(LOG_RETENTION="1s")
    wait_until(lambda: strict.retention.apply()["logs"] == 1, "its time", 20)
    with recorded(database) as commands:
        assert strict.retention.apply()["logs"] == 0
    finds = [each for each in commands if each.get("find") == "interviews"]
    assert len(finds) == 2
    for find in finds:
        assert "COLLSCAN" not in stages(database, find)


def test_the_release_phase_leaves_gaze_to_the_worker(
    new_database: Database[Document], settings: Settings
) -> None:
    new_database["eyetrackingevents"].create_index("expireAt", expireAfterSeconds=0)
    stores = (settings.mongo_uri, new_database.name, settings.redis_url)
    with Services(make_settings(*stores)) as services:
        services.gaze_buckets.upgrade()
        services.gaze_buckets.upgrade()
    indexes = new_database["eyetrackingevents"].index_information()
    assert not any("expireAfterSeconds" in index for index in indexes.values())


@pytest.mark.usefixtures("company")
@pytest.mark.parametrize("period", ["36500d", "999999d"])
def test_a_period_beyond_the_epoch_keeps_everything(
    database: Database[Document], open_services: OpenServices, period: str
) -> None:
    gaze(database, 1)
    message(database, status="sent")
    kinds = ("LOG", "GAZE", "NOTIFICATION", "AUDIT")
    patient = open_services(**{f"{kind}_RETENTION": period for kind in kinds})
    assert set(patient.retention.apply().values()) == {0}
