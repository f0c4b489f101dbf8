"""Consent: asked for first, told to everyone, kept in the log, and taken back at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from interview_platform.auth.model import Actor, Role
from interview_platform.core.errors import Forbidden
from interview_platform.core.mongo import Document
from interview_platform.telemetry import recorder
from interview_platform.telemetry.consent_text import CONSENT_TEXT, CONSENT_VERSION
from interview_platform.telemetry.consents import ConsentService
from interview_platform.telemetry.model import Sample
from interview_platform.telemetry.recorder import NEEDS_CONSENT, GazeRecorder
from interview_platform.wiring import Services
from tests.gaze import Gaze
from tests.live import ROOT, SocketPerson, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.queries import recorded
from tests.service import Company

Pair = tuple[SocketPerson, SocketPerson]

REFUSED = {"code": "forbidden", "message": NEEDS_CONSENT}


@pytest.fixture
def pair(connect: Connect, meeting: Meeting) -> Pair:
    """The interviewer and the candidate, both joined."""
    ida, cleo = connect(meeting.interviewer), connect(meeting.candidate)
    assert ida.join(meeting.id, sinceSeq=0)["ok"]
    assert cleo.join(meeting.id)["ok"]
    return ida, cleo


def choose(person: SocketPerson, meeting: Meeting, **choice: bool) -> dict[str, Any]:
    return person.call("consent", {"interviewId": meeting.id, **choice})


def look(person: SocketPerson, meeting: Meeting) -> dict[str, Any] | None:
    """Send one sample; returns what it is refused for, or None if it is taken."""
    samples = Gaze(0).look(1)
    answers: list[dict[str, Any]] = []
    payload = {"interviewId": meeting.id, "samples": samples}
    person.client.emit("eyeTracking", payload, "/interview", callback=answers.append)
    # Leaving has stored at once what was taken.
    person.call("leaveRoom", {"interviewId": meeting.id})
    answer = wait_until(lambda: answers, "the answer")[0]
    person.join(meeting.id)
    error: dict[str, Any] | None = answer.get("error")
    return error


def test_without_consent_gaze_is_refused_and_reaches_nobody(
    meeting: Meeting, pair: Pair, database: Database[Document]
) -> None:
    ida, cleo = pair
    here = {"interviewId": meeting.id}
    for gaze in ({"samples": Gaze().look(3)}, {"metrics": {"x": 0.5}}):
        answer = cleo.call("eyeTracking", {**here, **gaze})
        assert answer == {"ok": False, "error": REFUSED}
    assert choose(cleo, meeting, gaze=False, recording=True)["ok"]
    assert cleo.call("eyeTracking", {**here, "metrics": {}})["error"] == REFUSED
    cleo.call("chatMessage", {**here, "message": "after"})
    ida.next("chatMessage")
    assert not ida.all("eyeTracking")
    assert database["eyetrackingevents"].count_documents({}) == 0
    assert meeting.log(type="eye-tracking") == []


def test_consent_is_told_to_everyone_and_kept_with_time_and_version(
    meeting: Meeting, pair: Pair
) -> None:
    ida, cleo = pair
    answer = choose(cleo, meeting, gaze=True, recording=False)
    (entry,) = [each for each in meeting.log() if "consent" in each["data"].get("event", "")]
    assert answer == {"ok": True, "seq": entry["seq"]}
    told = {
        "gaze": True,
        "recording": False,
        "version": CONSENT_VERSION,
        "at": entry["timestamp"],
        "userId": meeting.candidate.id,
    }
    assert cleo.next("consent") == told
    assert ida.next("consent") == {**told, "id": entry["id"]}
    assert (entry["type"], entry["actor"]["userId"]) == ("system", meeting.candidate.id)
    assert entry["data"] == {
        "event": "consent.given",
        "gaze": True,
        "recording": False,
        "version": CONSENT_VERSION,
    }
    # The same again is nothing new.
    assert choose(cleo, meeting, gaze=True, recording=False) == answer
    assert cleo.join(meeting.id, consent={"gaze": True, "recording": False})["ok"]
    assert choose(cleo, meeting, gaze=False, recording=True)["ok"]
    assert choose(cleo, meeting, gaze=True, recording=True)["ok"]
    assert choose(cleo, meeting, gaze=False, recording=False)["ok"]
    names = [each["data"].get("event") for each in meeting.log(type="system")]
    assert [name for name in names if name.startswith("consent.")] == [
        "consent.given",
        "consent.withdrawn",
        "consent.given",
        "consent.withdrawn",
    ]
    wait_until(lambda: len(ida.all("consent")) == 4, "every change")


def test_a_no_from_the_start_is_kept_too(meeting: Meeting, pair: Pair) -> None:
    assert choose(pair[1], meeting, gaze=False, recording=False)["ok"]
    assert meeting.log(type="system")[-1]["data"]["event"] == "consent.withdrawn"


def test_consent_comes_with_the_join_and_is_told_to_who_joins(
    connect: Connect, meeting: Meeting
) -> None:
    ida, cleo = connect(meeting.interviewer), connect(meeting.candidate)
    assert ida.join(meeting.id)["ok"]
    consent = {"gaze": True, "recording": True}
    assert cleo.join(meeting.id, consent=consent)["ok"]
    told = ida.next("consent")
    assert told.keys() == {"gaze", "recording", "version", "at", "userId"}
    assert {name: told[name] for name in consent} == consent
    # A client that comes back hears the same.
    late = connect(meeting.interviewer)
    assert late.join(meeting.id, sinceSeq=0)["ok"]
    retold = late.next("consent")
    assert {name: retold[name] for name in told} == told
    assert ida.join(meeting.id)["consent"] == {**consent, "version": CONSENT_VERSION}
    assert look(cleo, meeting) is None


def test_only_the_candidate_consents(
    company: Company, connect: Connect, meeting: Meeting, pair: Pair
) -> None:
    ida, cleo = pair
    yes = {"gaze": True, "recording": True}
    other = connect(company.candidate())
    for person in (ida, connect(company.admin), other):
        answer = person.call("consent", {"interviewId": meeting.id, **yes})
        assert answer["error"]["code"] == "forbidden"
    assert ida.join(meeting.id, consent=yes)["error"]["code"] == "forbidden"
    assert other.join(meeting.id, consent=yes)["error"]["code"] == "not_found"
    for wrong in ({}, {"gaze": True}, {"gaze": 1, "recording": True}, {**yes, "sound": True}):
        answer = cleo.call("consent", {"interviewId": meeting.id, **wrong})
        assert answer["error"]["code"] == "invalid"
    assert cleo.call("eyeTracking", {"interviewId": meeting.id, "metrics": {}})["error"] == REFUSED


def test_a_withdrawal_stops_every_socket_on_every_process(
    connect: Connect, meeting: Meeting, start_web: StartWeb
) -> None:
    here, there = (connect(meeting.candidate, start_web().url) for _ in range(2))
    here.join(meeting.id, consent={"gaze": True, "recording": False})
    there.join(meeting.id)
    assert look(here, meeting) is None
    assert look(there, meeting) is None
    assert choose(there, meeting, gaze=False, recording=False)["ok"]
    assert look(there, meeting) == REFUSED
    wait_until(lambda: look(here, meeting) == REFUSED, "the other process's refusal")
    assert choose(here, meeting, gaze=True, recording=False)["ok"]
    assert look(here, meeting) is None
    wait_until(lambda: look(there, meeting) is None, "the other process's permission")


def test_two_answers_at_once_leave_the_log_and_what_holds_at_one(
    connect: Connect, meeting: Meeting, database: Database[Document]
) -> None:
    tabs = [connect(meeting.candidate) for _ in range(2)]
    for tab in tabs:
        tab.join(meeting.id)
    with ThreadPoolExecutor() as pool:
        for round_ in range(5):
            answers = pool.map(
                lambda tab, gaze: choose(tab, meeting, gaze=gaze, recording=True),
                tabs,
                (round_ % 2 == 0, round_ % 2 == 1),
            )
            assert all(answer["ok"] for answer in answers)
    entries = [each for each in meeting.log() if "consent" in each["data"].get("event", "")]
    choices = [entry["data"]["gaze"] for entry in entries]
    assert all(earlier != later for earlier, later in pairwise(choices))
    (held,) = database["consents"].find()
    assert (held["gaze"], held["seq"]) == (choices[-1], entries[-1]["seq"])


def test_without_the_setting_only_a_no_stops_gaze(
    connect: Connect, meeting: Meeting, start_web: StartWeb
) -> None:
    cleo = connect(meeting.candidate, start_web(TELEMETRY_REQUIRE_CONSENT="false").url)
    cleo.join(meeting.id)
    assert look(cleo, meeting) is None
    assert choose(cleo, meeting, gaze=False, recording=False)["ok"]
    assert look(cleo, meeting) == REFUSED


def test_the_text_of_the_version_is_documented() -> None:
    page = (ROOT / "docs" / "attention.md").read_text()
    section = page.partition(f"### Text, version {CONSENT_VERSION}\n")[2].partition("\n#")[0]
    lines = [line.removeprefix(">").strip() for line in section.strip().splitlines()]
    assert "\n".join(lines).split() == CONSENT_TEXT.split()


# Where no message comes through: a recorder of its own, whose process nobody tells.


@pytest.fixture
def deaf(services: Services) -> Iterator[GazeRecorder]:
    """A recorder that hears of no change of consent."""
    opened = GazeRecorder(
        services.gaze_buckets,
        services.consents,
        services.session_log,
        require_consent=True,
    )
    yield opened
    opened.close()


def one(gaze: Gaze) -> list[Sample]:
    return [Sample(**sample) for sample in gaze.look(1)]


def test_what_came_after_an_unheard_withdrawal_is_dropped(
    services: Services, deaf: GazeRecorder, database: Database[Document]
) -> None:
    interview_id, gaze = ObjectId(), Gaze()
    cleo = Actor(ObjectId(), Role.CANDIDATE, "Cleo", ObjectId())
    services.consents.give(cleo, interview_id, gaze=True, recording=False)
    before = deaf.record(interview_id, "socket", cleo, one(gaze)).stored
    services.consents.give(cleo, interview_id, gaze=False, recording=False)
    after = deaf.record(interview_id, "socket", cleo, one(gaze)).stored
    assert deaf.flush(timeout=10)
    assert before.result(0) == 3
    with pytest.raises(Forbidden, match=NEEDS_CONSENT):
        after.result(0)
    (bucket,) = database["eyetrackingevents"].find()
    assert bucket["count"] == 1


def test_a_withdrawal_that_nobody_heard_of_is_found_out(
    services: Services, deaf: GazeRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "REREAD", 0.05)
    interview_id, gaze = ObjectId(), Gaze(step=30)
    cleo = Actor(ObjectId(), Role.CANDIDATE, "Cleo", ObjectId())
    services.consents.give(cleo, interview_id, gaze=True, recording=False)
    deaf.record(interview_id, "socket", cleo, one(gaze))
    services.consents.give(cleo, interview_id, gaze=False, recording=False)

    def refused() -> bool:
        try:
            deaf.record(interview_id, "socket", cleo, one(gaze))
        except Forbidden:
            return True
        return False

    wait_until(refused, "the refusal")


def test_consent_is_announced_by_interview(services: Services) -> None:
    heard: list[str] = []
    services.broadcaster.on(ConsentService.TOPIC, heard.append)
    interview_id = ObjectId()
    cleo = Actor(ObjectId(), Role.CANDIDATE, "Cleo", ObjectId())
    for _ in range(2):
        services.consents.give(cleo, interview_id, gaze=True, recording=False)
    assert heard == [str(interview_id)]


def test_consents_are_asked_for_all_at_once(
    services: Services,
    deaf: GazeRecorder,
    database: Database[Document],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recorder, "REREAD_ALL", 0.05)
    looks = {ObjectId(): Gaze() for _ in range(5)}
    cleo = Actor(ObjectId(), Role.CANDIDATE, "Cleo", ObjectId())
    for interview_id, gaze in looks.items():
        services.consents.give(cleo, interview_id, gaze=True, recording=False)
        deaf.record(interview_id, "socket", cleo, one(gaze))
    with recorded(database) as commands:
        time.sleep(1)
        for interview_id, gaze in looks.items():
            deaf.record(interview_id, "socket", cleo, one(gaze))
    asked = [command["filter"] for command in commands if command.get("find") == "consents"]
    assert asked
    assert all({*each["_id"]["$in"]} == {*looks} for each in asked)
