"""The record of an interview: sealed once it is over, signed, and exported."""

from __future__ import annotations

import json
import time
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bson import ObjectId
from flask import Flask
from pymongo.database import Database

from interview_platform.core.errors import Conflict
from interview_platform.core.mongo import Document
from interview_platform.telemetry.streams import FULL
from interview_platform.timeline.verify import verify
from interview_platform.wiring import Services
from tests.appending import append
from tests.gaze import Gaze
from tests.meeting import Connect, Meeting
from tests.record import check, export_of, faults, out_of_grace, path, receipt_of
from tests.service import Company


def test_a_record_is_whole_and_signed(over: Meeting, tmp_path: Path) -> None:
    receipt = receipt_of(over)
    lines = export_of(over)
    parsed = [json.loads(line) for line in lines]
    assert parsed[-1] == {"receipt": receipt}
    assert parsed[0]["record"].items() <= receipt.items()
    assert receipt["candidateId"] == over.candidate.id
    assert receipt["status"] == "completed"
    assert receipt["startedAt"] < receipt["endedAt"] <= receipt["sealedAt"]

    # All that the log tells is in the record, and more: the update's bytes.
    log = over.log()
    entries = parsed[1:-1]
    assert [line["entry"]["seq"] for line in entries] == list(range(1, len(log) + 1))
    assert [line["entry"]["id"] for line in entries] == [entry["id"] for entry in log]
    assert [line["content"]["data"] for line in entries] == [entry["data"] for entry in log]
    assert [line["content"]["data"].get("event") for line in entries][-2:] == [
        "interview.ended",
        "log.sealed",
    ]
    assert receipt["entries"] == len(log) - 1
    (code,) = [line["content"] for line in entries if line["entry"]["type"] == "code"]
    assert code == {"name": "Ada Lovelace", "data": {"update": "AP8B"}}

    status, told = check(lines, tmp_path, "--public-key", receipt["publicKey"])
    assert status == 0, told
    assert "WHOLE" in told
    assert "1 attachments, 1 of them not included" in told
    status, told = check(lines, tmp_path)
    assert status == 0
    assert receipt["publicKey"] in told


def test_a_receipt_stays_the_same(over: Meeting) -> None:
    receipt = receipt_of(over)
    assert export_of(over) == export_of(over)
    assert receipt_of(over) == receipt
    assert over.log()[-1]["data"] == {"event": "log.sealed", **receipt}


def test_a_live_interview_has_a_record_but_no_receipt(happened: Meeting, tmp_path: Path) -> None:
    answer = happened.interviewer.get(path(happened, "receipt"))
    assert answer.status_code == 409
    assert answer.json["message"] == "The interview has not ended"
    lines = export_of(happened)
    assert json.loads(lines[-1]) == {"receipt": None}
    assert len(lines) == 2 + len(happened.log())
    status, told = check(lines, tmp_path)
    assert status == 2
    assert "NOT SIGNED" in told
    # Nothing was sealed by that.
    happened.end()


def test_a_cancelled_interview_is_sealed(company: Company, services: Services) -> None:
    meeting = Meeting(company, live=False)
    body = {"reason": "ill"}
    answer = company.admin.post(f"/api/admin/interviews/{meeting.id}/cancel", body)
    assert answer.status_code == 200
    out_of_grace(meeting, services)
    assert services.sealing.sweep() == 1
    assert receipt_of(meeting)["status"] == "cancelled"
    assert verify(export_of(meeting)).faults == []


def test_who_asks_early_waits_for_what_comes_late(happened: Meeting, services: Services) -> None:
    happened.end()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(receipt_of, happened)
        time.sleep(0.5)  # nothing tells from outside how far it is
        # By another process, which has not heard of the end.
        late = services.session_log.append(ObjectId(happened.id), "chat", None, {"late": True})
        seq = late.stored.result(20)
        receipt = asked.result()
    assert receipt["entries"] == seq
    refused = append(services.session_log, ObjectId(happened.id), "chat", None, {})
    assert isinstance(refused.exception(20), Conflict)
    # It knows by now.
    with pytest.raises(Conflict):
        services.session_log.append(ObjectId(happened.id), "chat", None, {})


def test_the_sweep_seals_what_is_due(
    company: Company, over: Meeting, services: Services, tmp_path: Path
) -> None:
    live, ended = Meeting(company), Meeting(company)
    ended.end()
    with Services(services.settings) as other, ThreadPoolExecutor(2) as pool:
        # Two workers at once: one seal.
        list(pool.map(lambda each: each.sealing.sweep(), (services, other)))
    waiting = [each["_id"] for each in services.store.interviews.find({"sealDueAt": {"$ne": None}})]
    assert waiting == [ObjectId(ended.id)]
    seals = list(services.store.sessionlogs.find({"sealed": True}))
    assert [seal["interview"] for seal in seals] == [ObjectId(over.id)]
    assert services.sealing.sweep() == 0
    assert live.log()[-1]["data"] == {"event": "interview.started"}


def test_an_interview_of_an_older_service_is_sealed_when_asked(
    company: Company, services: Services, tmp_path: Path
) -> None:
    meeting = Meeting(company)
    interview_id = ObjectId(meeting.id)
    services.store.interviews.update_one(
        {"_id": interview_id}, {"$set": {"status": "completed"}, "$unset": {"startedAt": ""}}
    )
    services.store.sessionlogs.insert_one(
        {
            "interview": interview_id,
            "seq": len(meeting.log()) + 1,
            "type": "code",
            "timestamp": datetime(2025, 5, 1, tzinfo=UTC),
            "data": {"codeSnapshot": "x = 1"},
        }
    )
    receipt = receipt_of(meeting)
    assert (receipt["startedAt"], receipt["endedAt"]) == (None, None)
    lines = export_of(meeting)
    assert json.loads(lines[-3])["salt"] == ""
    assert verify(lines).faults == []


def test_a_long_record_comes_in_pieces(over: Meeting, services: Services, app: Flask) -> None:
    interview_id = ObjectId(over.id)
    last = len(over.log())
    now = datetime.now(UTC)
    services.store.sessionlogs.insert_many(
        {
            "interview": interview_id,
            "seq": seq,
            "type": "code",
            "timestamp": now,
            "actor": None,
            "data": {"codeSnapshot": "x" * 1000},
            "salt": bytes(16),
        }
        for seq in range(last + 1, last + 301)
    )
    found = app.test_client().get(
        path(over, "export"), headers={"Authorization": f"Bearer {over.interviewer.token}"}
    )
    pieces = list(found.iter_encoded())
    assert len(pieces) > 5
    assert max(map(len, pieces)) < 200_000
    found_by_us = verify(b"".join(pieces).splitlines(keepends=True))
    assert found_by_us.faults == []
    assert found_by_us.entries == last + 301


def test_errors_come_before_the_first_line(company: Company, over: Meeting) -> None:
    for what in ("receipt", "export"):
        assert company.admin.get(f"/api/interviews/{ObjectId()}/{what}").status_code == 404


def test_erased_content_leaves_the_receipt_good(
    over: Meeting, services: Services, tmp_path: Path
) -> None:
    receipt = receipt_of(over)
    candidate = ObjectId(over.candidate.id)
    erased = services.session_log.erase(ObjectId(over.id), user_id=candidate)
    assert erased == 8

    lines = export_of(over)
    assert json.loads(lines[-1]) == {"receipt": receipt}
    assert b"Lovelace" not in b"".join(lines)
    assert b"message 3" not in b"".join(lines)
    status, told = check(lines, tmp_path)
    assert status == 0, told
    assert f"{receipt['entries'] + 1} entries, the content of 8 erased" in told
    for entry in over.log()[2:10]:
        assert entry["erased"] is True
        assert entry["data"] == {}
        assert entry["actor"]["userId"] == over.candidate.id
        assert "name" not in entry["actor"]
    assert over.log()[0]["erased"] is False


def test_the_record_of_an_interview_as_it_is_held(
    connect: Connect, meeting: Meeting, database: Database[Document]
) -> None:
    ida, cleo = connect(meeting.interviewer), connect(meeting.candidate)
    assert ida.join(meeting.id)["ok"]
    assert cleo.join(meeting.id, consent={"gaze": True, "recording": False})["ok"]
    here = {"interviewId": meeting.id}
    for event, payload in (
        ("codeUpdate", {"codeSnapshot": "print('hello')\n"}),
        ("chatMessage", {"message": "hello"}),
        ("eyeTracking", {"samples": Gaze().look(FULL)}),
    ):
        assert cleo.call(event, {**here, **payload})["ok"], event
    assert ida.call("bookmark", {**here, "label": "begins well", "rating": 4})["ok"]
    meeting.end()

    receipt = receipt_of(meeting)
    lines = export_of(meeting)
    found = verify(lines, b64decode(receipt["publicKey"]))
    assert found.faults == []
    assert found.entries == receipt["entries"] + 1 == len(meeting.log())
    assert (found.attached, found.not_attached) == (1, 0)
    place = next(place for place, line in enumerate(lines) if b'"attachment"' in line)
    lines[place] = lines[place].replace(b'"x":0.5', b'"x":0.6', 1)
    assert faults(lines) == {place + 1: ["its attachment was changed"]}

    # Gaze is kept for a shorter time than the log.
    database.eyetrackingevents.delete_many({})
    later = verify(export_of(meeting))
    assert (later.faults, later.attached, later.not_attached) == ([], 0, 1)
