"""Statement 18: what a person sends is limited, and who floods slows down nobody else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Event

import pytest
import requests
from websocket import ABNF

from tests.live import NAMESPACE, SocketPerson, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.raw import RawSocket, frame, packet, polling_session, raw

# Seconds that the others' acknowledgements may take longer. Where a flood has the hub to itself,
# they wait for all of it.
HELD_UP = 0.5


def test_18_what_people_do_is_not_refused(connect: Connect, meeting: Meeting) -> None:
    ida, cleo = connect(meeting.interviewer), connect(meeting.candidate)
    here = {"interviewId": meeting.id}
    for person in (ida, cleo):
        assert person.join(meeting.id)["ok"]
    answers: list[dict[str, object]] = []

    def send(event: str, **payload: object) -> None:
        cleo.client.emit(event, {**here, **payload}, NAMESPACE, callback=answers.append)

    # Calls begin with a burst of candidates; typing of 20 s without a network comes at once.
    for number in range(100):
        send("signal", payload={"candidate": f"candidate:{number} 1 udp 1 192.0.2.1 9 typ host"})
    for number in range(400):
        send("codeUpdate", codeSnapshot="x" * number)
    wait_until(lambda: len(answers) == 500, "the acknowledgements")
    assert all(answer["ok"] for answer in answers)


def test_18_events_are_limited_over_sockets_and_processes(
    connect: Connect, meeting: Meeting, start_web: StartWeb
) -> None:
    webs = [start_web(EVENTS_PER_SECOND="20") for _ in range(2)]
    sockets = [connect(meeting.candidate, web.url) for web in (*webs, *webs)]
    other = connect(meeting.interviewer, webs[0].url)
    for socket in (*sockets, other):
        assert socket.join(meeting.id)["ok"]
    chat = {"interviewId": meeting.id, "message": "x"}
    taken: list[float] = []
    refused: list[dict[str, object]] = []
    enough = Event()

    def flood(socket: SocketPerson) -> None:
        while not enough.is_set():
            answer = socket.call("chatMessage", chat)
            if answer["ok"]:
                taken.append(time.monotonic())
            else:
                refused.append(answer["error"])

    with ThreadPoolExecutor() as pool:
        floods = [pool.submit(flood, socket) for socket in sockets]
        wait_until(lambda: len(refused) > 100, "the end of what may come at once")
        time.sleep(2)  # the processes come to know of each other
        began, before = time.monotonic(), len(taken)
        time.sleep(4)
        rate = (len(taken) - before) / (time.monotonic() - began)
        assert other.call("chatMessage", chat)["ok"]
        enough.set()
        for each in floods:
            each.result()
    assert {(error["code"], error["retryAfterMs"]) for error in refused} == {
        ("too_many_requests", 1000)
    }
    # Each process alone would let as many through, each socket more than that.
    assert 10 < rate < 30


def test_18_who_begins_anew_has_no_more_than_before(
    connect: Connect, meeting: Meeting, start_web: StartWeb
) -> None:
    web = start_web(EVENTS_PER_SECOND="10")
    taken, began = [], 0.0
    for _ in range(2):
        socket = connect(meeting.candidate, web.url)
        wait_until(partial(joins, socket, meeting), "the join, which is an event as well")
        began = began or time.monotonic()
        answers = all_at_once(socket, meeting, 100)
        taken.append(sum(bool(answer["ok"]) for answer in answers))
        socket.leave()
    # 50 at once, and what came in meanwhile.
    assert 40 < sum(taken) < 70 + 10 * (time.monotonic() - began)


FLOODS = {
    "events": packet("chatMessage", {"interviewId": "%s", "message": "x"}, 1),
    "connecting again": "40/interview,{}",
    "large events": packet("codeUpdate", {"interviewId": "%s", "codeSnapshot": "x" * 500_000}, 1),
}


@pytest.mark.parametrize("kind", [*FLOODS, "pings"])
def test_18_while_one_floods_the_others_are_not_held_up(
    connect: Connect, meeting: Meeting, start_web: StartWeb, kind: str
) -> None:
    web = start_web(EVENTS_PER_SECOND="50")
    ida = connect(meeting.interviewer, web.url)
    assert ida.join(meeting.id)["ok"]
    data = frame("", ABNF.OPCODE_PING)
    if kind in FLOODS:
        data = frame(FLOODS[kind].replace("%s", meeting.id))
    with raw(web, meeting.candidate.token) as socket:
        assert socket.call("joinRoom", {"interviewId": meeting.id})["ok"]
        undisturbed = longest_wait(ida, meeting)
        with flooding(socket, data):
            disturbed = longest_wait(ida, meeting)
    assert disturbed < HELD_UP + 5 * undisturbed


def test_18_who_goes_on_flooding_is_cut_off_and_logged_once(
    connect: Connect, meeting: Meeting, start_web: StartWeb
) -> None:
    web = start_web(EVENTS_PER_SECOND="5", LOG_LEVEL="info")
    ida = connect(meeting.interviewer, web.url)
    assert ida.join(meeting.id)["ok"]
    event = packet("chatMessage", {"interviewId": meeting.id, "message": "x"})
    elsewhere = frame("41/elsewhere,")
    requests.post(polling_session(web.url), data="\x1e".join([event] * 1_000), timeout=10)
    with raw(web) as outside, raw(web, meeting.candidate.token) as socket:
        outside.flood(elsewhere * 5_000)
        assert socket.call("joinRoom", {"interviewId": meeting.id})["ok"]
        with flooding(socket, frame(event) + elsewhere):
            ida.next("userLeft")
    lines = [line for line in web.log.read_text().splitlines() if "cut off" in line]
    assert sorted(line.partition("cut off, ")[2] for line in lines) == [
        "it floods",
        "it sends and does not connect",
        "it sends and does not connect",
    ]
    assert "x" * 10 not in web.log.read_text()


def joins(socket: SocketPerson, meeting: Meeting) -> bool:
    return bool(socket.join(meeting.id)["ok"])


def all_at_once(socket: SocketPerson, meeting: Meeting, count: int) -> list[dict[str, object]]:
    """Send `count` messages without waiting, and return what they are answered."""
    chat = {"interviewId": meeting.id, "message": "x"}
    answers: list[dict[str, object]] = []
    for _ in range(count):
        socket.client.emit("chatMessage", chat, NAMESPACE, callback=answers.append)
    wait_until(lambda: len(answers) == count, "the acknowledgements")
    return answers


def longest_wait(person: SocketPerson, meeting: Meeting) -> float:
    """Return how long acknowledgements take, in seconds, but for one in a hundred."""
    waits = []
    for _ in range(100):
        began = time.perf_counter()
        assert person.call("chatMessage", {"interviewId": meeting.id, "message": "hello"})["ok"]
        waits.append(time.perf_counter() - began)
        time.sleep(0.02)
    return sorted(waits)[-2]


@contextmanager
def flooding(socket: RawSocket, data: bytes) -> Iterator[None]:
    """Have `data` sent on and on, as fast as the service reads it; nothing is read."""
    enough = Event()
    batch = data * max(1, 64_000 // len(data))

    def flood() -> None:
        while not enough.is_set() and socket.flood(batch):
            pass

    with ThreadPoolExecutor(1) as pool:
        pool.submit(flood)
        try:
            yield
        finally:
            enough.set()
            socket.reset()
