"""Statements 5, 8, 10 and 24, as far as sockets go."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from interview_platform.core.settings import Settings
from tests.live import RefusedError, SocketPerson, WebProcess, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.security.test_tokens import bad_tokens
from tests.service import PASSWORD, Company

DRAINED_WITHIN = 10.0


def test_5_forged_tokens_are_refused_at_the_handshake(
    company: Company, settings: Settings, web: WebProcess
) -> None:
    interviewer = company.staff()
    for token in bad_tokens(settings, interviewer).values():
        with pytest.raises(RefusedError, match="unauthorized"):
            SocketPerson(web.url, token)
    person = SocketPerson(web.url, interviewer.token)
    assert person.connected
    person.leave()


def test_8_a_socket_closes_soon_after_its_token_s_end(
    company: Company, start_web: StartWeb, connect: Connect
) -> None:
    web = start_web(JWT_EXPIRES_IN="3s")
    person = company.staff()
    login = {"email": person.email, "password": PASSWORD}
    answer = requests.post(f"{web.url}/api/auth/login", json=login, timeout=10).json()
    assert answer["expiresIn"] == 3
    person.token = answer["token"]
    socket = connect(person, web.url)
    assert socket.connected
    wait_until(lambda: not socket.connected, "the socket's end", 3 + 5)


def test_10_an_origin_that_is_not_listed_is_refused_at_the_handshake(
    company: Company, web: WebProcess
) -> None:
    evil = {"Origin": "https://evil.example.com"}
    listed = {"Origin": "http://localhost:3000"}
    with pytest.raises(RefusedError):
        SocketPerson(web.url, company.admin.token, headers=evil)
    person = SocketPerson(web.url, company.admin.token, headers=listed)
    assert person.connected
    person.leave()
    polling = f"{web.url}/socket.io/?EIO=4&transport=polling"
    assert requests.get(polling, headers=evil, timeout=10).status_code == 400
    assert requests.get(polling, headers=listed, timeout=10).status_code == 200


def test_10_a_token_in_the_address_is_not_taken(company: Company, web: WebProcess) -> None:
    with pytest.raises(RefusedError, match="unauthorized"):
        SocketPerson(f"{web.url}?token={company.admin.token}", None)
    answer = company.anyone.get("/api/auth/me", token=company.admin.token)
    assert answer.status_code == 401


def test_24_stopping_under_load_tells_sockets_and_finishes_requests(
    company: Company, start_web: StartWeb, connect: Connect
) -> None:
    web = start_web(BCRYPT_SALT_ROUNDS="12")
    meeting = Meeting(company)
    people = [connect(person, web.url) for person in (meeting.interviewer, meeting.candidate)]
    for person in people:
        person.join(meeting.id)
    for number in range(50):
        people[0].send("chatMessage", {"interviewId": meeting.id, "message": str(number)})

    def login(number: int) -> int:
        body = {"email": f"nobody{number}@example.com", "password": PASSWORD}
        return requests.post(f"{web.url}/api/auth/login", json=body, timeout=30).status_code

    with ThreadPoolExecutor(6) as pool:
        logins = [pool.submit(login, number) for number in range(6)]
        wait_until(lambda: len(people[1].all("chatMessage")) == 50, "the chat")
        began = time.monotonic()
        assert web.stop() == 0
        assert time.monotonic() - began < DRAINED_WITHIN
        assert [each.result() for each in logins] == [401] * 6
    for person in people:
        assert 0 <= person.next("serverDraining")["reconnectAfterMs"] <= 5000
        wait_until(lambda person=person: not person.connected, "the socket's end")  # type: ignore[misc]
    # What was said before is stored: nothing that waited was dropped.
    messages = [entry["data"]["message"] for entry in meeting.log(type="chat")]
    assert messages == [str(number) for number in range(50)]
