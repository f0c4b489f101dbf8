"""One person cannot make everybody wait, whatever they send."""

from __future__ import annotations

import random
import socket
import string
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Event

import pytest
import requests

from tests.live import SocketPerson, WebProcess
from tests.meeting import Connect, Meeting, StartWeb
from tests.quiet import Bystanders, after, going_on
from tests.raw import RawSocket, frame, packet
from tests.service import Company, Person

# Seconds for which the service is watched: undisturbed, and at the most while it is attacked.
QUIET = 1.5
DISTURBED = 6.0

# Others should wait three times as long as they do undisturbed at most. A test that shares its
# machine with others cannot tell that from chance; where one person has the hub to
# themselves, everybody waits for longer than this.
TIMES = 3.0
SECONDS = 0.6


class Attacker:
    """The candidate and the interviewer of an interview, who both mean harm."""

    def __init__(self, web: WebProcess, connect: Connect, meeting: Meeting) -> None:
        self.web = web
        self.meeting = meeting
        self._connect = connect
        self.random = random.Random(14)

    def socket(self) -> SocketPerson:
        return self._connect(self.meeting.candidate, self.web.url)

    def text(self, length: int) -> str:
        return "".join(self.random.choices(string.ascii_letters + "\n", k=length))

    def send(self, person: Person, method: str, path: str, body: str) -> int:
        headers = {"Authorization": f"Bearer {person.token}", "Content-Type": "application/json"}
        answer = requests.request(
            method, self.web.url + path, data=body, headers=headers, timeout=60
        )
        return answer.status_code


Attack = Callable[[Attacker, Event], None]


def snapshots(attacker: Attacker, enough: Event) -> None:
    """Replace the document by random text of 3,900 characters, 20 times a second."""
    client = attacker.socket()
    assert client.join(attacker.meeting.id)["ok"]
    for _ in range(160):
        text = attacker.text(3_900)
        client.send("codeUpdate", {"interviewId": attacker.meeting.id, "codeSnapshot": text})
        if enough.wait(0.05):
            return


def large_snapshots(attacker: Attacker, enough: Event) -> None:
    """Replace the document by random text of 150,000 characters, as often as it is answered."""
    client = attacker.socket()
    assert client.join(attacker.meeting.id)["ok"]
    while not enough.is_set():
        text = attacker.text(150_000)
        client.call("codeUpdate", {"interviewId": attacker.meeting.id, "codeSnapshot": text})


def many_skills(attacker: Attacker, enough: Event) -> None:
    """Send lists of 520,000 skills."""
    body = '{"skills": [' + ",".join(["1"] * 520_000) + "]}"
    while not enough.is_set():
        status = attacker.send(attacker.meeting.candidate, "PUT", "/api/candidates/me", body)
        assert status in (413, 422, 429)


def equal_skills(attacker: Attacker, enough: Event) -> None:
    """Send lists of 250,000 equal skills."""
    body = '{"skills": [' + ",".join(['"a"'] * 250_000) + "]}"
    while not enough.is_set():
        status = attacker.send(attacker.meeting.candidate, "PUT", "/api/candidates/me", body)
        assert status in (413, 422, 429)


def many_criteria(attacker: Attacker, enough: Event) -> None:
    """Send scorecards of 520,000 criteria."""
    body = '{"scorecard": {"criteria": [' + ",".join(["1"] * 520_000) + "]}}"
    path = f"/api/interviews/{attacker.meeting.id}/end"
    while not enough.is_set():
        status = attacker.send(attacker.meeting.interviewer, "POST", path, body)
        assert status in (413, 422, 429)


def requests_without_pause(attacker: Attacker, enough: Event) -> None:
    """Ask for one's own data without pause, over four connections."""

    def ask(enough: Event) -> None:
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {attacker.meeting.candidate.token}"
            while not enough.is_set():
                answer = session.get(f"{attacker.web.url}/api/candidates/me/export", timeout=60)
                assert answer.status_code in (200, 429)

    with going_on(ask, threads=4):
        enough.wait(DISTURBED)


def joins(attacker: Attacker, enough: Event) -> None:
    """Join, read a thousand events again, and leave, without pause."""
    fill_log(attacker)

    here = {"interviewId": attacker.meeting.id}
    both = frame(packet("joinRoom", {**here, "sinceSeq": 0})) + frame(packet("leaveRoom", here))

    def join(enough: Event) -> None:
        while not enough.is_set():
            client = RawSocket(attacker.web, attacker.meeting.candidate.token)
            with going_on(partial(drain, client)):
                while client.flood(both) and not enough.wait(0.03):
                    pass
                client.reset()

    with going_on(join, threads=3):
        enough.wait(DISTURBED)


def drain(client: RawSocket, _: Event) -> None:
    """Read what comes, without a look at it, until the connection ends."""
    connection = client.websocket.sock
    assert connection is not None
    with suppress(OSError):
        while connection.recv(1_000_000):
            pass


def half_requests(attacker: Attacker, enough: Event) -> None:
    """Hold 300 connections whose requests never end, and add some again and again."""
    head = b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
    held: list[socket.socket] = []
    try:
        while not enough.is_set():
            with suppress(OSError):
                connection = socket.create_connection(("127.0.0.1", attacker.web.port), 5)
                held.append(connection)
                connection.sendall(head if len(held) % 2 else head + b"\r\n{")
            enough.wait(0 if len(held) < 300 else 0.05)
    finally:
        for connection in held:
            connection.close()


def fill_log(attacker: Attacker, entries: int = 1_000) -> None:
    """Have the interview's log hold a thousand chat messages."""
    client = attacker.socket()
    assert client.join(attacker.meeting.id)["ok"]
    chat = {"interviewId": attacker.meeting.id, "message": "x" * 100}
    for number in range(entries):
        if number % 100 == 99:
            answer = client.call("chatMessage", chat)
            assert answer["ok"], answer
            time.sleep(0.1)
        else:
            client.send("chatMessage", chat)
    client.leave()


ATTACKS: list[Attack] = [
    snapshots,
    large_snapshots,
    many_skills,
    equal_skills,
    many_criteria,
    requests_without_pause,
    joins,
    half_requests,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_others_go_on_while_one_person_attacks(
    company: Company, start_web: StartWeb, connect: Connect, attack: Attack
) -> None:
    web = start_web()
    bystanders = Bystanders(web, connect, Meeting(company))
    attacker = Attacker(web, connect, Meeting(company))
    quiet = bystanders.watch(after(QUIET))
    with going_on(lambda enough: attack(attacker, enough)) as ended:
        over = after(DISTURBED)
        disturbed = bystanders.watch(lambda: over() or ended())
    print(f"{attack.__name__}: quiet: {quiet}; disturbed: {disturbed}")
    for waited, usual in zip(disturbed.p99, quiet.p99, strict=True):
        assert waited <= TIMES * usual + SECONDS
