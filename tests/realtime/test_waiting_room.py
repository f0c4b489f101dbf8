"""Before an interview is live its candidate waits, until it starts or staff let them in."""

from __future__ import annotations

import time

import pytest
from redis import Redis

from tests.interviews import slot
from tests.live import SocketPerson, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.service import Company


@pytest.fixture
def ahead(company: Company) -> Meeting:
    """An interview that is not live yet."""
    return Meeting(company, live=False)


def wait_for(socket: SocketPerson, meeting: Meeting) -> None:
    answer = socket.join(meeting.id)
    assert answer == {"ok": True, "waiting": True, "role": "candidate", "status": "scheduled"}
    assert socket.next("waiting") == {"interviewId": meeting.id}


def test_who_waits_hears_and_says_nothing_until_the_start(connect: Connect, ahead: Meeting) -> None:
    ida, cleo = connect(ahead.interviewer), connect(ahead.candidate)
    assert ida.join(ahead.id)["ok"]
    wait_for(cleo, ahead)
    here = {"interviewId": ahead.id}
    assert ida.call("chatMessage", {**here, "message": "among ourselves"})["ok"]
    refused = ida.call("signal", {**here, "payload": 1, "to": cleo.id})
    assert refused["error"]["code"] == "not_found"
    for event, payload in (("signal", {"payload": 1}), ("chatMessage", {"message": "hello"})):
        assert cleo.call(event, {**here, **payload})["error"]["code"] == "forbidden"
    ahead.start()
    admitted = cleo.next("admitted")
    assert admitted["interviewId"] == ahead.id
    assert (admitted["role"], admitted["status"]) == ("candidate", "live")
    assert admitted["codeSnapshot"] == ""
    assert ida.next("interviewStarted")["interviewId"] == ahead.id
    assert cleo.call("chatMessage", {**here, "message": "hello"})["ok"]
    assert ida.next("chatMessage")["message"] == "hello"
    assert [said["message"] for said in cleo.all("chatMessage")] == ["hello"]
    assert not cleo.all("signal")


def test_staff_let_the_candidate_in_who_stays_let_in(
    connect: Connect, ahead: Meeting, company: Company
) -> None:
    ida, cleo = connect(ahead.interviewer), connect(ahead.candidate)
    wait_for(cleo, ahead)
    stranger = connect(company.staff())
    assert stranger.call("admit", {"interviewId": ahead.id})["error"]["code"] == "not_found"
    assert cleo.call("admit", {"interviewId": ahead.id})["error"]["code"] == "forbidden"
    assert ida.call("admit", {"interviewId": ahead.id})["ok"]
    assert cleo.next("admitted")["status"] == "scheduled"
    cleo.leave()
    again = connect(ahead.candidate).join(ahead.id)
    assert again["ok"]
    assert "waiting" not in again
    steps = [entry["data"]["event"] for entry in ahead.log(type="system")]
    assert steps.count("participant.admitted") == 1


def test_a_new_time_has_the_candidate_wait_again(
    connect: Connect, ahead: Meeting, company: Company
) -> None:
    ida, cleo = connect(ahead.interviewer), connect(ahead.candidate)
    wait_for(cleo, ahead)
    assert ida.call("admit", {"interviewId": ahead.id})["ok"]
    assert cleo.next("admitted")["status"] == "scheduled"
    cleo.leave()
    path = f"/api/admin/interviews/{ahead.id}"
    assert company.admin.patch(path, {"schedule": slot(30)}).status_code == 200
    wait_for(connect(ahead.candidate), ahead)


def test_who_goes_while_being_let_in_waits_no_more(
    connect: Connect, ahead: Meeting, redis_client: Redis
) -> None:
    cleo = connect(ahead.candidate)
    wait_for(cleo, ahead)
    # Holds up for two seconds who is let in, which begins within two.
    redis_client.client_pause(4_000)
    ahead.start()
    time.sleep(2.1)
    cleo.leave()
    ida = connect(ahead.interviewer)
    assert [each["role"] for each in ida.join(ahead.id)["participants"]] == ["interviewer"]
    time.sleep(1)  # nothing tells that nobody comes
    assert [each["role"] for each in ida.all("presence")[-1]["participants"]] == ["interviewer"]


def test_letting_in_reaches_another_process(
    connect: Connect, ahead: Meeting, start_web: StartWeb
) -> None:
    one, other = start_web(), start_web()
    ida, cleo = connect(ahead.interviewer, one.url), connect(ahead.candidate, other.url)
    wait_for(cleo, ahead)
    assert ida.call("admit", {"interviewId": ahead.id})["ok"]
    assert cleo.next("admitted")["role"] == "candidate"


def test_a_cancelled_interview_ends_the_waiting(
    company: Company, connect: Connect, ahead: Meeting
) -> None:
    cleo = connect(ahead.candidate)
    wait_for(cleo, ahead)
    path = f"/api/admin/interviews/{ahead.id}/cancel"
    assert company.admin.post(path, {}).status_code == 200
    assert cleo.next("interviewCancelled")["interviewId"] == ahead.id
    assert cleo.call("leaveRoom", {"interviewId": ahead.id})["error"]["code"] == "forbidden"


def test_staff_remove_a_socket(connect: Connect, meeting: Meeting, company: Company) -> None:
    ida, cleo, boss = (
        connect(meeting.interviewer),
        connect(meeting.candidate),
        connect(company.admin),
    )
    for socket in (ida, cleo, boss):
        assert socket.join(meeting.id)["ok"]
    here = {"interviewId": meeting.id}
    assert cleo.call("remove", {**here, "socketId": ida.id})["error"]["code"] == "forbidden"
    assert ida.call("remove", {**here, "socketId": "nobody"})["error"]["code"] == "not_found"
    assert ida.call("remove", {**here, "socketId": boss.id})["error"]["code"] == "forbidden"
    assert ida.call("remove", {**here, "socketId": cleo.id, "reason": "a stray tab"})["ok"]
    assert cleo.next("removed") == {"interviewId": meeting.id, "reason": "a stray tab"}
    assert ida.next("userLeft") == {"socketId": cleo.id}
    refused = cleo.call("chatMessage", {**here, "message": "still here?"})
    assert refused["error"]["code"] == "forbidden"
    kept = [entry["data"] for entry in meeting.log(type="system")]
    removal = next(data for data in kept if data["event"] == "participant.removed")
    assert (removal["userId"], removal["reason"]) == (meeting.candidate.id, "a stray tab")
    # Not for good: somebody shown out by mistake comes back.
    assert cleo.join(meeting.id)["ok"]


def test_staff_remove_who_waits(connect: Connect, ahead: Meeting) -> None:
    ida, cleo = connect(ahead.interviewer), connect(ahead.candidate)
    assert ida.join(ahead.id)["ok"]
    wait_for(cleo, ahead)
    assert ida.call("remove", {"interviewId": ahead.id, "socketId": cleo.id})["ok"]
    assert cleo.next("removed")["interviewId"] == ahead.id


def test_presence_tells_who_waits(connect: Connect, ahead: Meeting) -> None:
    ida, cleo = connect(ahead.interviewer), connect(ahead.candidate)
    assert ida.join(ahead.id)["ok"]
    wait_for(cleo, ahead)

    def waiting() -> bool:
        told = ida.all("presence")
        people = told[-1]["participants"] if told else []
        return any(each["waiting"] and each["userId"] == ahead.candidate.id for each in people)

    wait_until(waiting, "the candidate among those who wait")
    assert not cleo.all("presence")
