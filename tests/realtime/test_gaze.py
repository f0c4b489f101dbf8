"""Gaze: told to the staff at once, stored in buckets, and alerts for what lasts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from bson import ObjectId
from pymongo import MongoClient
from pymongo.database import Database

from interview_platform.auth.model import Actor, Role
from interview_platform.core.canonical import digest
from interview_platform.core.clock import milliseconds, utcnow
from interview_platform.core.errors import Unavailable
from interview_platform.core.mongo import Document
from interview_platform.telemetry import recorder
from interview_platform.telemetry.clocks import MAX_OFFSET
from interview_platform.telemetry.model import Sample
from interview_platform.telemetry.recorder import GazeRecorder
from interview_platform.telemetry.repository import GazeRepository
from interview_platform.telemetry.samples import unpack
from interview_platform.telemetry.streams import FULL, MAX_LATE
from interview_platform.wiring import Services
from tests.gaze import Gaze
from tests.live import SocketPerson, WebProcess, wait_until
from tests.meeting import Connect, Meeting
from tests.service import Company

Pair = tuple[SocketPerson, SocketPerson]


@pytest.fixture
def pair(connect: Connect, meeting: Meeting) -> Pair:
    """The interviewer, and the candidate who consents to gaze, both joined."""
    ida, cleo = connect(meeting.interviewer), connect(meeting.candidate)
    assert ida.join(meeting.id)["ok"]
    assert cleo.join(meeting.id, consent={"gaze": True, "recording": False})["ok"]
    return ida, cleo


def buckets(database: Database[Document]) -> list[Document]:
    return list(database["eyetrackingevents"].find().sort("from"))


def gaze_entries(meeting: Meeting, event: str = "gaze") -> list[dict[str, Any]]:
    entries = meeting.log(type="eye-tracking")
    return [entry for entry in entries if entry["data"]["event"] == event]


def test_samples_reach_the_staff_alone_and_are_stored_as_one(
    company: Company,
    connect: Connect,
    meeting: Meeting,
    pair: Pair,
    database: Database[Document],
) -> None:
    ida, cleo = pair
    admin, second_tab = connect(company.admin), connect(meeting.candidate)
    admin.join(meeting.id)
    second_tab.join(meeting.id)
    samples = Gaze().look(FULL, x=1 / 3)
    del samples[7]["faces"]
    answer = cleo.call("eyeTracking", {"interviewId": meeting.id, "samples": samples})
    for staff in (ida, admin):
        assert staff.next("eyeTracking") == {"samples": samples, "source": cleo.id}
    (bucket,) = buckets(database)
    (entry,) = gaze_entries(meeting)
    assert answer == {"ok": True, "seq": entry["seq"]}
    assert unpack(bucket["samples"]) == samples
    assert entry["data"] == {
        "event": "gaze",
        "bucket": str(bucket["_id"]),
        "from": _iso(samples[0]["t"]),
        "to": _iso(samples[-1]["t"]),
        "count": FULL,
        "digest": digest(samples),
    }
    assert bucket["digest"] == entry["data"]["digest"]
    assert (str(bucket["interview"]), bucket["socket"]) == (meeting.id, cleo.id)
    assert str(bucket["candidate"]) == entry["actor"]["userId"] == meeting.candidate.id
    cleo.call("chatMessage", {"interviewId": meeting.id, "message": "after"})
    second_tab.next("chatMessage")
    assert not second_tab.all("eyeTracking")
    assert not cleo.all("eyeTracking")


def _iso(t: int) -> str:
    moment = datetime.fromtimestamp(t / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{t % 1000:03}Z"


def test_what_comes_within_seconds_shares_a_bucket(
    meeting: Meeting, pair: Pair, database: Database[Document]
) -> None:
    ida, cleo = pair
    gaze = Gaze()
    answers: list[dict[str, Any]] = []
    for _ in range(20):
        payload = {"interviewId": meeting.id, "samples": gaze.look(5)}
        cleo.client.emit("eyeTracking", payload, "/interview", callback=answers.append)
    metrics: dict[str, Any] = {"gazeX": 0.1, "pupil": {"left": 3.5}}
    older = {"interviewId": meeting.id, "metrics": metrics}
    cleo.client.emit("eyeTracking", older, "/interview", callback=answers.append)
    # Nobody waits for the store to see it.
    while "metrics" not in (heard := ida.next("eyeTracking")):
        assert len(heard["samples"]) == 5
    assert heard == {"metrics": metrics, "source": cleo.id}
    # Whoever leaves leaves nothing behind.
    cleo.call("leaveRoom", {"interviewId": meeting.id})
    wait_until(lambda: len(answers) == 21, "the answers")
    (bucket,) = buckets(database)
    (entry,) = gaze_entries(meeting)
    assert answers == [{"ok": True, "seq": entry["seq"]}] * 21
    assert bucket["count"] == entry["data"]["count"] == 101
    last = unpack(bucket["samples"])[-1]
    assert (last["x"], last["metrics"]) == (0.1, metrics)


def test_a_bucket_is_stored_by_itself_after_a_while(
    meeting: Meeting, pair: Pair, database: Database[Document]
) -> None:
    answer = pair[1].call("eyeTracking", {"interviewId": meeting.id, "metrics": {"x": 0.5}})
    assert answer["ok"]
    assert len(buckets(database)) == 1


@pytest.mark.parametrize("way", ["disconnect", "drain"])
def test_nothing_waits_for_somebody_who_is_gone(
    web: WebProcess, meeting: Meeting, pair: Pair, database: Database[Document], way: str
) -> None:
    ida, cleo = pair
    cleo.send("eyeTracking", {"interviewId": meeting.id, "samples": Gaze().look(50)})
    ida.next("eyeTracking")
    if way == "drain":
        assert web.stop() == 0
    else:
        cleo.leave()
        wait_until(lambda: gaze_entries(meeting), "the log's entry")
    assert [bucket["count"] for bucket in buckets(database)] == [50]
    assert [entry["data"]["count"] for entry in gaze_entries(meeting)] == [50]


def test_the_end_scores_what_has_just_come(
    web: WebProcess, meeting: Meeting, pair: Pair, database: Database[Document]
) -> None:
    ida, cleo = pair
    started = utcnow() - timedelta(seconds=12)
    database["interviews"].update_one(
        {"_id": ObjectId(meeting.id)}, {"$set": {"startedAt": started}}
    )
    gaze = Gaze(12_000)
    for seen in ({}, {"onScreen": False}):
        # Neither fills a bucket.
        samples = gaze.look(250, **seen)
        cleo.send("eyeTracking", {"interviewId": meeting.id, "samples": samples})
        ida.next("eyeTracking")
    ended = requests.post(
        f"{web.url}/api/interviews/{meeting.id}/end",
        json={},
        headers={"Authorization": f"Bearer {meeting.interviewer.token}"},
        timeout=20,
    ).json()["interview"]
    assert ended["attentivenessScore"] == pytest.approx(50, abs=0.5)
    assert sum(entry["data"]["count"] for entry in gaze_entries(meeting)) == 500


def test_metrics_of_an_older_client_count_as_samples(
    meeting: Meeting, pair: Pair, database: Database[Document]
) -> None:
    cleo = pair[1]
    before = milliseconds(utcnow())
    metrics = {"gazeX": 0.5, "gazeY": 0.25, "faceCount": 1, "tabFocused": True, "model": "v2"}
    cleo.send("eyeTracking", {"interviewId": meeting.id, "metrics": metrics})
    cleo.call("leaveRoom", {"interviewId": meeting.id})
    (bucket,) = wait_until(lambda: buckets(database), "the bucket")
    (sample,) = unpack(bucket["samples"])
    assert before <= sample.pop("t") <= milliseconds(utcnow())
    known = {"x": 0.5, "y": 0.25, "faces": 1, "focus": True}
    assert sample == {**known, "metrics": metrics}


def test_what_cannot_be_taken_is_refused_with_the_field_named(
    meeting: Meeting, pair: Pair, database: Database[Document]
) -> None:
    ida, cleo = pair
    now = milliseconds(utcnow())
    fine = {"t": now, "x": 0.5, "y": 0.5}
    steps: list[Any] = [
        [],
        "samples",
        [{}],
        [{**fine, "t": str(now)}],
        [{**fine, "t": now / 7}],
        [{**fine, "t": now + MAX_OFFSET + 60_000}],
        [{**fine, "t": now - MAX_LATE - 1}],
        [{**fine, "t": 0}],
        [{**fine, "x": 2.5}],
        [{**fine, "y": -1.1}],
        [{**fine, "x": "0.5"}],
        [{**fine, "onScreen": 1}],
        [{**fine, "faces": 11}],
        [{**fine, "faces": -1}],
        [{**fine, "faces": 1.5}],
        [{**fine, "emotion": "bored"}],
        [{**fine, "metrics": {}}],
        # Out of order, too many, too often.
        [fine, {**fine, "t": now - 1}],
        Gaze(60_000).look(601),
        Gaze(60_000, step=16).look(61),
        [fine] * 61,
    ]
    for samples in steps:
        answer = cleo.call("eyeTracking", {"interviewId": meeting.id, "samples": samples})
        assert answer["error"]["code"] == "invalid", samples
        assert list(answer["error"]["errors"]) == ["samples"], samples
    wide: dict[str, Any] = {"a": [[[[[[[[[[]]]]]]]]]]}
    odd: list[Any] = [[], {"$set": 1}, {"a": {"b\0": 1}}, {"a": 2**63}, wide]
    for metrics in odd:
        answer = cleo.call("eyeTracking", {"interviewId": meeting.id, "metrics": metrics})
        assert answer["error"]["code"] == "invalid", metrics
        assert list(answer["error"]["errors"]) == ["metrics"], metrics
    for payload in ({}, {"samples": [fine], "metrics": {}}, {"samples": [fine], "more": 1}):
        answer = cleo.call("eyeTracking", {"interviewId": meeting.id, **payload})
        assert answer["error"]["code"] == "invalid", payload
    cleo.call("chatMessage", {"interviewId": meeting.id, "message": "after"})
    ida.next("chatMessage")
    assert not ida.all("eyeTracking")
    cleo.call("leaveRoom", {"interviewId": meeting.id})
    assert buckets(database) == []


def test_sixty_a_second_holds_over_events_and_time_does_not_go_back(
    meeting: Meeting, pair: Pair
) -> None:
    ida, cleo = pair

    def refusal(samples: list[dict[str, Any]]) -> str | None:
        answers: list[dict[str, Any]] = []
        payload = {"interviewId": meeting.id, "samples": samples}
        cleo.client.emit("eyeTracking", payload, "/interview", callback=answers.append)
        # What is refused is answered at once; what is taken is answered when stored.
        cleo.call("awareness", {"interviewId": meeting.id, "state": None})
        return answers[0]["error"]["errors"]["samples"][0] if answers else None

    gaze = Gaze(step=17)
    first = gaze.look(60)
    assert refusal(first) is None
    assert refusal(first) == "Must come in the order of their times."
    crowded = [{**first[-1], "t": first[-1]["t"] + more} for more in range(5)]
    assert refusal(crowded) == "At most 60 a second."
    assert refusal(gaze.look(60)) is None
    # Refused ones have left no trace, not even in the pace.
    assert refusal(gaze.look(60)) is None
    cleo.call("chatMessage", {"interviewId": meeting.id, "message": "after"})
    ida.next("chatMessage")
    assert len(ida.all("eyeTracking")) == 3


def test_what_lasts_is_told_to_the_staff_once(
    connect: Connect, meeting: Meeting, pair: Pair
) -> None:
    ida, cleo = pair
    second_tab = connect(meeting.candidate)
    second_tab.join(meeting.id)
    here = {"interviewId": meeting.id}
    gaze = Gaze(step=100)
    began = gaze.t + 1_000
    for seen in ({}, {"faces": 0}, {"faces": 0}, {"faces": 0}, {"faces": 0}):
        cleo.send("eyeTracking", {**here, "samples": gaze.look(10, **seen)})
    alert = ida.next("attentionAlert")
    assert (alert["kind"], alert["severity"]) == ("no_face", "critical")
    assert (alert["from"], alert["to"]) == (began, began + 2_100)
    # The candidate's other tab sees the same, and so tells nothing new.
    other = Gaze(step=100)
    other.t = began + 500
    second_tab.send("eyeTracking", {**here, "samples": other.look(30, faces=0)})
    away = {"onScreen": False}
    for looks in ({}, away, away, away):
        cleo.send("eyeTracking", {**here, "samples": gaze.look(10, **looks)})
    assert ida.next("attentionAlert")["kind"] == "looking_away"
    cleo.call("chatMessage", {**here, "message": "after"})
    second_tab.next("chatMessage")
    assert len(ida.all("attentionAlert")) == 2
    assert not cleo.all("attentionAlert")
    assert not second_tab.all("attentionAlert")
    logged = gaze_entries(meeting, "attention.alert")
    assert [entry["data"] for entry in logged] == [
        {"event": "attention.alert", **told} for told in ida.all("attentionAlert")
    ]


# Where the store is away or slow: a recorder of its own.


@pytest.fixture
def storeless(services: Services) -> Iterator[GazeRecorder]:
    """A recorder with a store that is away; consent is asked for where it is not."""
    away: MongoClient[Document] = MongoClient("mongodb://127.0.0.1:1", timeoutMS=200)
    with away as client:
        opened = GazeRecorder(
            GazeRepository(client["away"]),
            services.consents,
            services.session_log,
            require_consent=False,
        )
        yield opened
        opened.close(0)


def test_while_the_store_is_away_gaze_is_dropped(
    services: Services, storeless: GazeRecorder
) -> None:
    cleo = Actor(ObjectId(), Role.CANDIDATE, "Cleo", ObjectId())
    interview_id = ObjectId()
    samples = [Sample(**sample) for sample in Gaze().look(10)]
    refused = storeless.record(interview_id, "socket", cleo, samples).stored
    assert storeless.flush(timeout=20)
    assert isinstance(refused.exception(0), Unavailable)
    wait_until(lambda: storeless.waiting == 0, "an empty buffer")
    assert services.session_log.last_seq(interview_id) == 0


def test_what_waits_is_bounded(storeless: GazeRecorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MAX_WAITING", 60_000)
    cleo = Actor(ObjectId(), Role.CANDIDATE, "Cleo", ObjectId())
    large = {"pad": "x" * 5_000}
    for number in range(12):
        storeless.record_metrics(ObjectId(), f"socket{number}", cleo, large)
    with pytest.raises(Unavailable):
        storeless.record_metrics(ObjectId(), "socket12", cleo, large)
    storeless.close(0)
    with pytest.raises(Unavailable):
        storeless.record_metrics(ObjectId(), "socket13", cleo, {})
