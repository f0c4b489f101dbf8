"""What staff say and do while the candidate waits reaches the candidate neither then nor later."""

from __future__ import annotations

from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from interview_platform.core.mongo import Document
from interview_platform.interviews.admissions import admissions_of
from interview_platform.interviews.model import Admission
from interview_platform.wiring import Services
from tests.editors import YjsEditor
from tests.interviews import slot
from tests.live import SocketPerson, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.service import Company

SECRET = "between_us"
RUN = {"language": "python", "stderr": "", "exitCode": 0, "durationMs": 5}


@pytest.fixture
def ahead(company: Company) -> Meeting:
    """An interview that is not live yet."""
    return Meeting(company, live=False)


def say(socket: SocketPerson, meeting: Meeting, message: str) -> None:
    assert socket.call("chatMessage", {"interviewId": meeting.id, "message": message})["ok"]


def messages(socket: SocketPerson) -> list[str]:
    return [said["message"] for said in socket.all("chatMessage")]


def talk_about_the_candidate(ida: SocketPerson, meeting: Meeting, text: str = SECRET) -> None:
    """Do everything that staff can do in a room, and take back what was typed."""
    editor = YjsEditor()
    here = {"interviewId": meeting.id}
    editor.join(ida, meeting.id)
    answers = [
        ida.call("chatMessage", {**here, "message": text}),
        ida.call("codeRun", {**here, **RUN, "stdout": text}),
        ida.call("bookmark", {**here, "label": text}),
        ida.call("language", {**here, "language": text}),
        ida.call("language", {**here, "language": "python"}),
        editor.type(f"# {text}"),
        editor.send(editor.delete(0, len(editor.text))),
        ida.call("signal", {**here, "payload": {"type": "offer", "sdp": text}}),
        ida.call("awareness", {**here, "state": {"note": text}}),
        ida.call("awareness", {**here, "state": None}),
    ]
    assert all(answer["ok"] for answer in answers), answers


def traces(socket: SocketPerson, *answers: dict[str, Any]) -> list[Any]:
    """Return what somebody heard, or was answered, that holds the secret."""
    return [each for each in (*socket.heard, *answers) if SECRET in repr(each)]


@pytest.mark.parametrize("way", ["start", "admit"])
@pytest.mark.parametrize("sync", [{}, {"sync": "yjs"}])
def test_what_was_said_before_admission_is_not_replayed(
    connect: Connect, ahead: Meeting, start_web: StartWeb, way: str, sync: dict[str, str]
) -> None:
    here, there = start_web(), start_web()
    early, ida = connect(ahead.company.admin, here.url), connect(ahead.interviewer, here.url)
    assert early.join(ahead.id)["ok"]
    gone = early.id
    early.leave()
    cleo = connect(ahead.candidate, there.url)
    assert cleo.join(ahead.id, sinceSeq=0, **sync)["waiting"]
    talk_about_the_candidate(ida, ahead)
    if way == "start":
        ahead.start()
    else:
        assert ida.call("admit", {"interviewId": ahead.id})["ok"]
    admitted = cleo.next("admitted")
    say(ida, ahead, "welcome")
    wait_until(lambda: messages(cleo) == ["welcome"], "what was said after the admission")
    assert not traces(cleo)
    assert bool(cleo.all("interviewStarted")) == (way == "start")
    entered = next(
        each["seq"]
        for each in ahead.log(type="system")
        if each["data"]["event"] in ("interview.started", "participant.admitted")
    )
    assert admitted["upto"] >= entered
    cleo.leave()
    # Coming back, whichever number it claims to have been told up to, and on either process.
    for url, since in ((here.url, 0), (there.url, 0), (here.url, entered - 3)):
        again = connect(ahead.candidate, url)
        answer = again.join(ahead.id, sinceSeq=since, **sync)
        assert (answer["ok"], answer["complete"]) == (True, True)
        assert messages(again) == ["welcome"]
        assert not traces(again, answer)
        # Nor who was there before: neither that they came, nor that they went.
        assert gone not in repr(again.heard) + repr(answer)
        again.leave()
    # Staff who come later are told of everything.
    colleague = connect(ahead.company.admin, there.url)
    assert colleague.join(ahead.id, sinceSeq=0)["ok"]
    assert messages(colleague) == [SECRET, "welcome"]


def test_a_new_time_hides_what_is_said_until_the_next_admission(
    connect: Connect, ahead: Meeting
) -> None:
    ida, cleo = connect(ahead.interviewer), connect(ahead.candidate)
    assert ida.join(ahead.id)["ok"]
    talk_about_the_candidate(ida, ahead)
    assert cleo.join(ahead.id, sinceSeq=0)["waiting"]
    assert ida.call("admit", {"interviewId": ahead.id})["ok"]
    cleo.next("admitted")
    say(ida, ahead, "a technical problem, sorry")
    cleo.next("chatMessage")
    cleo.leave()
    path = f"/api/admin/interviews/{ahead.id}"
    moved = ahead.company.admin.patch(path, {"schedule": slot(30)})
    assert moved.status_code == 200
    cleo = connect(ahead.candidate)
    assert cleo.join(ahead.id, sinceSeq=0)["waiting"]
    talk_about_the_candidate(ida, ahead)
    ahead.start()
    cleo.next("admitted")
    say(ida, ahead, "welcome back")
    wait_until(lambda: "welcome back" in messages(cleo), "what was said last")
    assert messages(cleo) == ["a technical problem, sorry", "welcome back"]
    assert not traces(cleo)
    # Removed and back again, they were in from the first admission on.
    assert ida.call("remove", {"interviewId": ahead.id, "socketId": cleo.id})["ok"]
    cleo.next("removed")
    say(ida, ahead, "one moment")
    assert cleo.join(ahead.id, sinceSeq=0)["ok"]
    wait_until(lambda: "one moment" in messages(cleo), "what was missed")
    assert messages(cleo)[2:] == [
        "a technical problem, sorry",
        "welcome back",
        "one moment",
    ]
    assert not traces(cleo)


def test_what_reaches_a_process_late_is_kept_from_who_has_just_come_in(
    connect: Connect, ahead: Meeting, services: Services
) -> None:
    """As where Redis lost it on its way: the candidate's process finds it in the log."""
    ida, cleo = connect(ahead.interviewer), connect(ahead.candidate)
    assert ida.join(ahead.id)["ok"]
    wait_until(lambda: ida.all("userJoined"), "the room")
    assert cleo.join(ahead.id)["waiting"]
    data = {"message": SECRET, "socketId": "lost"}
    kept = services.session_log.append(ObjectId(ahead.id), "chat", None, data)
    kept.stored.result(20)
    assert ida.call("admit", {"interviewId": ahead.id})["ok"]
    cleo.next("admitted")
    wait_until(lambda: SECRET in messages(ida), "what came late")
    say(ida, ahead, "welcome")
    wait_until(lambda: "welcome" in messages(cleo), "what was said after the admission")
    assert not traces(cleo)


def test_what_is_said_just_before_the_admission_has_a_lower_number(
    connect: Connect, ahead: Meeting
) -> None:
    """Even where it is not acknowledged when the same person lets the candidate in."""
    ida, cleo = connect(ahead.interviewer), connect(ahead.candidate)
    assert ida.join(ahead.id)["ok"]
    assert cleo.join(ahead.id, sinceSeq=0)["waiting"]
    for number in range(50):
        ida.send("chatMessage", {"interviewId": ahead.id, "message": f"{SECRET} {number}"})
    assert ida.call("admit", {"interviewId": ahead.id})["ok"]
    cleo.next("admitted")
    say(ida, ahead, "welcome")
    wait_until(lambda: "welcome" in messages(cleo), "what was said after the admission")
    assert messages(cleo) == ["welcome"]


def test_an_export_holds_nothing_that_was_done_while_the_candidate_waited(
    connect: Connect, ahead: Meeting
) -> None:
    ida, cleo = connect(ahead.interviewer), connect(ahead.candidate)
    assert ida.join(ahead.id)["ok"]
    talk_about_the_candidate(ida, ahead)
    assert cleo.join(ahead.id)["waiting"]
    ahead.start()
    cleo.next("admitted")
    assert ida.call("codeRun", {"interviewId": ahead.id, **RUN, "stdout": "shown"})["ok"]
    ahead.end()
    answer = ahead.candidate.get("/api/candidates/me/export")
    (interview,) = answer.json["interviews"]
    shown = [each["data"] for each in interview["log"] if each["type"] in ("code", "system")]
    assert [each["stdout"] for each in shown if each.get("event") == "code.run"] == ["shown"]
    assert [each["origin"] for each in shown if "update" in each] == ["starter"]
    # What staff wrote down about the candidate is the candidate's to read; see docs/privacy.md.
    assert [each["label"] for each in shown if each.get("event") == "bookmark"] == [SECRET]
    assert repr(interview).count(SECRET) == 1


@pytest.fixture
def unrecorded(connect: Connect, ahead: Meeting, database: Database[Document]) -> Meeting:
    """A live interview whose candidate was let in before admissions were recorded."""
    ida = connect(ahead.interviewer)
    assert ida.join(ahead.id)["ok"]
    say(ida, ahead, SECRET)
    ahead.start()
    say(ida, ahead, "welcome")
    query = {"_id": ObjectId(ahead.id)}
    database["interviews"].update_one(query, {"$unset": {"candidateAdmissions": ""}})
    return ahead


def test_without_a_recorded_admission_the_time_of_the_start_decides(
    connect: Connect, unrecorded: Meeting
) -> None:
    cleo = connect(unrecorded.candidate)
    assert cleo.join(unrecorded.id, sinceSeq=0)["ok"]
    assert messages(cleo) == ["welcome"]


def test_an_interview_without_any_times_is_replayed_whole(services: Services) -> None:
    interview = {"_id": ObjectId(), "status": "live"}
    assert admissions_of(interview, services.session_log) == (Admission(1, None),)
