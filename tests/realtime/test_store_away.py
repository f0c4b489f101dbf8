"""Sockets while the store is away: what needs it is refused, and nothing is left half done."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
import requests
from redis import Redis
from websocket import create_connection

from interview_platform.core.settings import Settings
from interview_platform.local.stores import EmbeddedMongo
from tests.live import DEADLINE, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.service import PASSWORD, Company, make_settings


@pytest.fixture
def settings(store: EmbeddedMongo, redis_db_url: str) -> Settings:
    return make_settings(store.url, "away", redis_db_url)


def test_8_a_token_s_end_needs_no_store_and_a_newcomer_is_told_what_lacks(
    company: Company, start_web: StartWeb, connect: Connect, store: EmbeddedMongo
) -> None:
    web = start_web(JWT_EXPIRES_IN="4s", LOG_LEVEL="info")
    person, lasting = company.staff(), connect(company.admin, web.url)
    login = {"email": person.email, "password": PASSWORD}
    answer = requests.post(f"{web.url}/api/auth/login", json=login, timeout=10).json()
    person.token = answer["token"]
    ending = connect(person, web.url)
    address = f"ws://127.0.0.1:{web.port}/socket.io/?EIO=4&transport=websocket"
    with closing(create_connection(address, timeout=DEADLINE)) as newcomer, away(store):
        newcomer.send(f"40/interview,{json.dumps({'token': company.admin.token})}")
        wait_until(lambda: not ending.connected, "the socket's end", 4 + 5)
        assert lasting.connected
        assert str(newcomer.recv()).startswith("0{")
        assert newcomer.recv() == '44/interview,{"message":"unavailable"}'
        wait_until(lambda: "cannot be checked" in web.log.read_text(), "the store's absence")
    wait_until(lambda: "are checked again" in web.log.read_text(), "the store's return")
    told = web.log.read_text()
    assert told.count("cannot be checked") == 1
    assert "Traceback" not in told


def test_leaving_needs_no_log(
    connect: Connect, meeting: Meeting, start_web: StartWeb, store: EmbeddedMongo
) -> None:
    web, elsewhere = start_web(EVENTS_PER_SECOND="1000"), Meeting(meeting.company)
    ida, cleo = connect(meeting.interviewer, web.url), connect(meeting.candidate, web.url)
    for person in (ida, cleo):
        assert person.join(meeting.id)["ok"]
    talker = connect(elsewhere.candidate, web.url)
    assert talker.join(elsewhere.id)["ok"]
    here, there = {"interviewId": meeting.id}, {"interviewId": elsewhere.id}
    output = "x" * 64_000
    run = {"language": "c", "stdout": output, "stderr": output, "exitCode": 0, "durationMs": 1}
    with away(store):
        for _ in range(140):
            talker.send("codeRun", {**there, **run})
        assert talker.call("codeRun", {**there, **run})["error"]["code"] == "unavailable"
        # More than that many bytes do not wait, nor is anything done that could not be logged.
        page = {**here, "codeSnapshot": "never mind"}
        assert cleo.call("codeUpdate", page)["error"]["code"] == "unavailable"
        assert not ida.all("codeUpdate")
        assert cleo.call("leaveRoom", here) == {"ok": True}
        assert ida.next("userLeft") == {"socketId": cleo.id}
        assert cleo.call("leaveRoom", here)["error"]["code"] == "forbidden"


def test_a_join_that_the_store_fails_in_its_middle_is_undone(
    connect: Connect,
    meeting: Meeting,
    start_web: StartWeb,
    store: EmbeddedMongo,
    redis_client: Redis,
) -> None:
    web = start_web()
    ida, cleo = connect(meeting.interviewer, web.url), connect(meeting.candidate, web.url)
    assert ida.join(meeting.id)["ok"]
    with ThreadPoolExecutor(1) as pool:
        # Holds a join up in its middle: its first admission is behind it, its second ahead.
        redis_client.client_pause(3_000)
        joining = pool.submit(cleo.join, meeting.id)
        time.sleep(0.3)  # nothing tells from outside how far it is
        with away(store):
            assert joining.result()["error"]["code"] == "unavailable"
            refused = cleo.call("chatMessage", {"interviewId": meeting.id, "message": "x"})
            assert refused["error"]["code"] == "forbidden"
    assert cleo.join(meeting.id)["ok"]
    assert ida.next("userJoined")["socketId"] == ida.id
    assert ida.next("userJoined")["socketId"] == cleo.id
    assert not ida.all("userLeft")


@contextmanager
def away(store: EmbeddedMongo) -> Iterator[None]:
    """Have the store away for as long as the block takes."""
    store.stop()
    yield
    store.start()
