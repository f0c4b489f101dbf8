"""Events count by what they cause."""

from __future__ import annotations

import time
from typing import Any

import pytest
from bson import ObjectId

from interview_platform.wiring import Services
from tests.live import SocketPerson, wait_until
from tests.meeting import Connect, Meeting, StartWeb

MISSED = 950


@pytest.fixture
def long_meeting(meeting: Meeting, services: Services) -> Meeting:
    """An interview in which much was said."""
    log, interview_id = services.session_log, ObjectId(meeting.id)
    for number in range(MISSED):
        said = {"message": f"{number} " + "x" * 100, "socketId": "s"}
        last = log.append(interview_id, "chat", None, said)
    last.stored.result(20)
    return meeting


def comes_back(socket: SocketPerson, meeting: Meeting) -> dict[str, Any]:
    socket.call("leaveRoom", {"interviewId": meeting.id})
    return socket.call("joinRoom", {"interviewId": meeting.id, "sinceSeq": 0})


def test_people_come_back_to_a_long_log_as_often_as_networks_make_them(
    connect: Connect, long_meeting: Meeting, start_web: StartWeb
) -> None:
    web = start_web()
    here = {"interviewId": long_meeting.id}
    for _ in range(10):
        began = time.monotonic()
        socket = connect(long_meeting.candidate, web.url)
        assert socket.join(long_meeting.id, sinceSeq=0)["complete"]
        assert len(socket.all("chatMessage")) >= MISSED
        assert socket.call("chatMessage", {**here, "message": "back again"})["ok"]
        socket.leave()
        # Ten in a quarter of a minute.
        time.sleep(max(0.0, began + 1.5 - time.monotonic()))


def test_joining_over_and_over_is_refused_by_what_it_causes(
    connect: Connect, long_meeting: Meeting, start_web: StartWeb
) -> None:
    web = start_web(EVENTS_PER_SECOND="20")
    socket, other = (
        connect(each, web.url) for each in (long_meeting.candidate, long_meeting.interviewer)
    )
    assert socket.join(long_meeting.id)["ok"]
    assert other.join(long_meeting.id)["ok"]
    answers = [comes_back(socket, long_meeting) for _ in range(3)]
    # One may use up what there is; by event it would have been six of a hundred.
    assert [answer["ok"] for answer in answers] == [True, False, False]
    error = answers[-1]["error"]
    assert error["code"] == "too_many_requests"
    assert error["retryAfterMs"] > 1_000
    chat = {"interviewId": long_meeting.id, "message": "x"}
    assert other.call("chatMessage", chat)["ok"]
    time.sleep(error["retryAfterMs"] / 1_000)
    # Trying takes nothing.
    answer = socket.join(long_meeting.id)
    assert answer["ok"], (error, answer)


def test_whoever_may_send_little_can_come_in(
    connect: Connect, meeting: Meeting, start_web: StartWeb
) -> None:
    web = start_web(EVENTS_PER_SECOND="1")
    socket = connect(meeting.candidate, web.url)
    assert socket.join(meeting.id)["ok"]
    # What counts as more than they ever have is read when they have all that they can.
    other = connect(meeting.interviewer, web.url)
    answer = other.call("chatMessage", {"interviewId": meeting.id, "message": "x" * 200_000})
    assert answer["error"]["code"] == "invalid"


def test_large_messages_count_by_their_size(
    connect: Connect, meeting: Meeting, start_web: StartWeb
) -> None:
    web = start_web(EVENTS_PER_SECOND="20")
    here = {"interviewId": meeting.id}
    large = {**here, "payload": {"sdp": "x" * 60_000}}
    cursor = {**here, "state": b"x" * 8_000}
    for person, event, payload, most in (
        (meeting.candidate, "signal", large, 45),
        (meeting.interviewer, "awareness", cursor, 80),
    ):
        socket = connect(person, web.url)
        assert socket.join(meeting.id)["ok"]
        answers: list[dict[str, Any]] = []
        for _ in range(80):
            socket.client.emit(event, payload, "/interview", callback=answers.append)
        wait_until(lambda: len(answers) == 80, "the acknowledgements")  # noqa: B023
        assert 10 < sum(bool(answer["ok"]) for answer in answers) < most, event
