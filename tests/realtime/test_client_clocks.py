"""Hidden tabs, frozen pages, and clocks that are off: gaze as browsers really send it."""

from __future__ import annotations

from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from interview_platform.core.canonical import digest
from interview_platform.core.clock import milliseconds, utcnow
from interview_platform.core.mongo import Document
from interview_platform.telemetry.samples import unpack
from tests.gaze import STEADY, Gaze
from tests.live import SocketPerson, wait_until
from tests.meeting import Connect, Meeting
from tests.realtime.test_gaze import Pair, buckets, gaze_entries, pair

__all__ = ["pair"]

MINUTE = 60_000


def now() -> int:
    return milliseconds(utcnow())


def seen(times: list[tuple[int, bool]], start: int) -> list[dict[str, Any]]:
    """Return samples by ms after `start`, and whether the page had the focus."""
    return [{"t": start + t, **STEADY, "focus": focus} for t, focus in times]


def send(socket: SocketPerson, meeting: Meeting, samples: list[Any], **more: Any) -> None:
    socket.send("eyeTracking", {"interviewId": meeting.id, "samples": samples, **more})


@pytest.mark.parametrize(
    ("times", "stretch"),
    [
        (
            [(0, True), (100, True), *((200 + n * 1_004, False) for n in range(12))],
            (200, 200 + 11 * 1_004),
        ),
        ([(0, True), (100, True), (150, False), (28_150, True)], (150, 28_150)),
        ([(0, True), (100, True), (28_100, False), (28_200, True)], (1_100, 28_200)),
        ([(0, True), (100, False), (60_100, False), (120_200, False)], (100, 120_200)),
    ],
    ids=["timers at 1 Hz", "frozen and back", "frozen, told later", "timers once a minute"],
)
def test_a_hidden_tab_is_told_to_the_staff(
    meeting: Meeting,
    pair: Pair,
    database: Database[Document],
    times: list[tuple[int, bool]],
    stretch: tuple[int, int],
) -> None:
    ida, cleo = pair
    start = now() - times[-1][0] - 500
    query = {"_id": ObjectId(meeting.id)}
    database["interviews"].update_one(query, {"$set": {"startedAt": utcnow().replace(year=2020)}})
    # One by one, as a page in the background sends them.
    for sample in seen(times, start):
        send(cleo, meeting, [sample])
    alert = ida.next("attentionAlert")
    assert (alert["kind"], alert["from"]) == ("tab_hidden", start + stretch[0])
    cleo.call("leaveRoom", {"interviewId": meeting.id})
    wait_until(lambda: gaze_entries(meeting), "the bucket")
    assert len(ida.all("attentionAlert")) == 1
    found = meeting.interviewer.get(f"/api/interviews/{meeting.id}/attention").json
    assert [each["kind"] for each in found["stretches"]] == ["tab_hidden"]


@pytest.mark.parametrize(
    ("ahead", "tells"),
    [(MINUTE, False), (60 * MINUTE, True), (-MINUTE, True), (-60 * MINUTE, True)],
)
def test_a_clock_that_is_off_is_corrected(
    connect: Connect,
    meeting: Meeting,
    database: Database[Document],
    ahead: int,
    tells: bool,
) -> None:
    ida, cleo = connect(meeting.interviewer), connect(meeting.candidate)
    assert ida.join(meeting.id)["ok"]
    joined = {"clientTime": now() + ahead} if tells else {}
    consent = {"gaze": True, "recording": False}
    assert cleo.join(meeting.id, consent=consent, **joined)["ok"]
    before = now()
    sent = {"clientTime": before + ahead} if tells else {}
    samples = Gaze(5_000, step=100).look(50, onScreen=False)
    told_at = [sample["t"] for sample in samples]
    for sample in samples:
        sample["t"] += ahead
    send(cleo, meeting, samples, **sent)
    heard = ida.next("eyeTracking")
    assert heard["source"] == cleo.id
    offset = heard["clockOffset"]
    assert abs(offset + ahead) < 5_000
    assert [each["t"] - offset for each in heard["samples"]] == [each["t"] for each in samples]
    assert all(
        abs(each["t"] - real) < 5_000 for each, real in zip(heard["samples"], told_at, strict=True)
    )
    alert = ida.next("attentionAlert")
    assert alert["clockOffset"] == offset
    assert alert["from"] == heard["samples"][0]["t"]
    # The correction is kept beside the samples, in the store and in the log.
    cleo.call("leaveRoom", {"interviewId": meeting.id})
    wait_until(lambda: gaze_entries(meeting), "the bucket")
    (bucket,) = buckets(database)
    (entry,) = gaze_entries(meeting)
    assert bucket["clockOffset"] == entry["data"]["clockOffset"] == offset
    assert unpack(bucket["samples"]) == heard["samples"]
    assert entry["data"]["digest"] == digest(heard["samples"])
    (logged,) = gaze_entries(meeting, "attention.alert")
    assert logged["data"]["clockOffset"] == offset


def test_a_clock_that_is_set_in_the_middle_is_followed(
    meeting: Meeting, pair: Pair, database: Database[Document]
) -> None:
    ida, cleo = pair
    offsets = []
    for ahead in (0, MINUTE, 0, -MINUTE, -MINUTE, 0):
        t = now()
        sample = {"t": t + ahead, **STEADY}
        send(cleo, meeting, [sample])
        heard = ida.next("eyeTracking")
        (taken,) = heard["samples"]
        assert abs(taken["t"] - t) < 3_000, ahead
        offsets.append(heard.get("clockOffset", 0))
    cleo.call("leaveRoom", {"interviewId": meeting.id})
    wait_until(lambda: len(buckets(database)) == 5, "a bucket for each correction")
    # Those of one correction share a bucket.
    assert [bucket["count"] for bucket in buckets(database)] == [1, 1, 1, 2, 1]
    assert [bucket["clockOffset"] for bucket in buckets(database)] == [
        offset for index, offset in enumerate(offsets) if index != 4
    ]


def test_what_comes_late_after_a_lost_connection_keeps_its_times(
    connect: Connect, meeting: Meeting, pair: Pair
) -> None:
    ida, cleo = pair
    cleo.leave()
    back = connect(meeting.candidate)
    assert back.join(meeting.id, clientTime=now())["ok"]
    missed = Gaze(100_000, step=100)
    for _ in range(6):
        samples = missed.look(10)
        send(back, meeting, samples, clientTime=now())
        assert ida.next("eyeTracking") == {"samples": samples, "source": back.id}
    # Without telling its time as well, and then up to date.
    for samples in (missed.look(10), Gaze(1_000, step=100).look(10)):
        send(back, meeting, samples)
        assert ida.next("eyeTracking") == {"samples": samples, "source": back.id}


@pytest.mark.parametrize("client_time", [-1, 2**53, "now", 1.5, True])
def test_a_client_s_time_is_a_number_of_milliseconds(
    connect: Connect, meeting: Meeting, pair: Pair, client_time: Any
) -> None:
    cleo = pair[1]
    sample = {"t": now(), **STEADY}
    for event, payload in (("joinRoom", {}), ("eyeTracking", {"samples": [sample]})):
        answer = cleo.call(event, {"interviewId": meeting.id, "clientTime": client_time, **payload})
        assert list(answer["error"]["errors"]) == ["clientTime"], event
