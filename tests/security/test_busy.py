"""Statements 13 and 25: logging in holds nobody up, and logs tell no secret."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.meeting import Connect, Meeting, StartWeb
from tests.service import PASSWORD, Company

SLOW_HASHES = "11"

# Seconds: how long all of that takes depends on the machine, and is not what is tested.
PATIENCE = 300


def test_13_logins_hold_up_nobody_and_too_many_are_turned_away(
    company: Company, start_web: StartWeb
) -> None:
    web = start_web(BCRYPT_SALT_ROUNDS=SLOW_HASHES)

    def login(number: int) -> int:
        body = {"email": f"nobody{number}@example.com", "password": PASSWORD}
        return requests.post(f"{web.url}/api/auth/login", json=body, timeout=PATIENCE).status_code

    waits: list[float] = []
    with ThreadPoolExecutor(90) as pool, requests.Session() as other:
        began = time.perf_counter()
        logins = [pool.submit(login, number) for number in range(90)]
        while not all(each.done() for each in logins):
            started = time.perf_counter()
            assert other.get(f"{web.url}/health", timeout=PATIENCE).ok
            waits.append(time.perf_counter() - started)
        took = time.perf_counter() - began
    answers = [each.result() for each in logins]
    # Two hash at a time and 64 wait; the rest is told to come back.
    assert set(answers) == {401, 503}
    assert answers.count(401) >= 66
    # Hashed on the hub, one login alone would hold a request up for longer than this.
    assert sorted(waits)[len(waits) // 2] < took / 66
    assert len(waits) > 66


def test_25_no_secret_stands_in_a_log_line(
    company: Company, start_web: StartWeb, connect: Connect
) -> None:
    web = start_web(LOG_LEVEL="debug")
    meeting = Meeting(company)
    password, code, said, signal = "pass-word canary", "code-canary", "chat-canary", "sdp-canary"
    body = {"name": "Ina", "email": "ina@example.com", "role": "interviewer", "password": password}
    assert company.admin.post("/api/admin/users", body).status_code == 201
    login = {"email": "ina@example.com", "password": password}
    answer = requests.post(f"{web.url}/api/auth/login", json=login, timeout=10).json()
    wrong = {**login, "password": password + " wrong"}
    assert requests.post(f"{web.url}/api/auth/login", json=wrong, timeout=10).status_code == 401
    renewed = requests.post(
        f"{web.url}/api/auth/refresh", json={"refreshToken": answer["refreshToken"]}, timeout=10
    ).json()
    refused = requests.get(
        f"{web.url}/api/auth/me", headers={"Authorization": "Bearer token-canary"}, timeout=10
    )
    assert refused.status_code == 401
    link = {"token": "link-canary", "password": password}
    reset = requests.post(f"{web.url}/api/auth/password/reset", json=link, timeout=10)
    assert reset.status_code == 422
    socket = connect(meeting.candidate, web.url)
    here = {"interviewId": meeting.id}
    socket.join(meeting.id)
    assert socket.call("codeUpdate", {**here, "codeSnapshot": code})["ok"]
    assert socket.call("chatMessage", {**here, "message": said})["ok"]
    assert socket.call("signal", {**here, "payload": signal})["ok"]
    assert not socket.call("chatMessage", {**here, "message": [said]})["ok"]
    socket.leave()
    assert web.stop() == 0
    lines = web.log.read_text()
    # The log is there, and at its most talkative.
    assert "GET /api/auth/me 401" in lines
    for secret in (
        password,
        code,
        said,
        signal,
        "token-canary",
        "link-canary",
        answer["token"],
        answer["refreshToken"],
        renewed["token"],
        renewed["refreshToken"],
        meeting.candidate.token,
        "a secret of the tests",
        "$2b$",
    ):
        assert secret not in lines
