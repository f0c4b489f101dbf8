"""Events count by what they cause, and nobody waits for what one person causes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from socket import create_connection
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from bson import ObjectId

from interview_platform.wiring import Services
from tests.live import SocketPerson, WebProcess, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.raw import RawSocket
from tests.service import Person

MISSED = 950
# What another interview's slowest answers may take more than three times their quiet values,
# in seconds: the machine that runs the tests has much else to do.
HELD_UP = 0.3


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


@contextmanager
def coming_back(web: WebProcess, meeting: Meeting) -> Iterator[None]:
    """Have a candidate come and go over a long log, on three sockets at once."""
    # In a process of its own, since it has much to read.
    spawning = get_context("spawn")
    begun = spawning.Event()
    client = spawning.Process(
        target=come_and_go, args=(web.port, meeting.candidate.token, meeting.id, begun)
    )
    client.start()
    try:
        assert begun.wait(30)
        yield
        assert client.is_alive()
    finally:
        client.kill()
        client.join()


def come_and_go(port: int, token: str, interview_id: str, begun: Event) -> None:
    """Come to an interview and leave it on three sockets until the process ends."""
    here = {"interviewId": interview_id}

    def go_on(socket: RawSocket) -> None:
        while True:
            socket.call("joinRoom", {**here, "sinceSeq": 0})
            socket.call("leaveRoom", here)

    begun.set()
    with ThreadPoolExecutor() as pool:
        sockets = [RawSocket(SimpleNamespace(port=port), token) for _ in range(3)]  # type: ignore[arg-type]
        list(pool.map(go_on, sockets))


@contextmanager
def half_sending(web: WebProcess, meeting: Meeting) -> Iterator[None]:
    """Have 300 connections that have sent half a request."""
    head = b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
    with ExitStack() as stack:
        for _ in range(300):
            connection = stack.enter_context(create_connection(("127.0.0.1", web.port), timeout=10))
            connection.sendall(head)
        yield


@pytest.mark.parametrize("attack", [coming_back, half_sending])
def test_nobody_else_waits_for_what_one_person_causes(
    connect: Connect,
    long_meeting: Meeting,
    start_web: StartWeb,
    attack: Callable[[WebProcess, Meeting], Any],
) -> None:
    web = start_web(CONNECTIONS_PER_ADDRESS="1000")
    other = Meeting(long_meeting.company)
    people = [connect(each, web.url) for each in (other.interviewer, other.candidate)]
    for person in people:
        assert person.join(other.id)["ok"]
    quiet = waits(web, other, people)
    with attack(web, long_meeting):
        disturbed = waits(web, other, people)
    for what in ("relay", "REST"):
        for share in (50, 99):
            before, after = (percentile(found[what], share) for found in (quiet, disturbed))
            print(
                f"{attack.__name__}: {what} p{share} {before * 1000:.1f} ms quiet, "
                f"{after * 1000:.1f} ms disturbed"
            )
            assert after < HELD_UP + 3 * before


def waits(web: WebProcess, meeting: Meeting, people: list[SocketPerson]) -> dict[str, list[float]]:
    """Return how long relays and requests take, in seconds."""
    with ThreadPoolExecutor() as pool:
        relayed = pool.submit(relays, meeting, people)
        answered = pool.submit(requests_of, web, meeting.interviewer)
        return {"relay": relayed.result(), "REST": answered.result()}


def relays(meeting: Meeting, people: list[SocketPerson]) -> list[float]:
    speaker, listener = people
    found = []
    for number in range(150):
        began = time.perf_counter()
        speaker.send("chatMessage", {"interviewId": meeting.id, "message": str(number)})
        while listener.next("chatMessage")["message"] != str(number):
            pass
        found.append(time.perf_counter() - began)
        time.sleep(0.02)
    return found


def requests_of(web: WebProcess, person: Person) -> list[float]:
    found = []
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {person.token}"
        for _ in range(150):
            began = time.perf_counter()
            assert session.get(f"{web.url}/api/auth/me", timeout=20).status_code == 200
            found.append(time.perf_counter() - began)
            time.sleep(0.02)
    return found


def percentile(waits: list[float], share: int) -> float:
    return sorted(waits)[len(waits) * share // 100]
