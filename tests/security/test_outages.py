"""Statements 6, 21 and 22, as far as rooms go: what holds while Redis or the store is away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial

import pytest
from redis import Redis
from redis.exceptions import RedisError

from interview_platform.core import redis
from interview_platform.core.settings import Settings
from interview_platform.local.stores import EmbeddedMongo, EmbeddedRedis
from tests.live import SocketPerson, kill, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.service import PASSWORD, Answer, Company, make_settings


@pytest.fixture
def settings(store: EmbeddedMongo, own_redis: EmbeddedRedis) -> Settings:
    return make_settings(store.url, "outages", f"{own_redis.url}/0")


def test_6_sessions_end_everywhere_while_publishing_is_cut(
    company: Company, connect: Connect, start_web: StartWeb, own_redis: EmbeddedRedis
) -> None:
    webs = [start_web() for _ in range(2)]
    people = [company.staff() for _ in range(5)]
    sockets = [[connect(person, web.url) for web in webs] for person in people]
    lasting = connect(company.admin, webs[0].url)
    change = {"currentPassword": PASSWORD, "newPassword": "an entirely new one"}
    account = "/api/admin/users/{}".format
    _silence(own_redis)
    causes: list[Callable[[], Answer]] = [
        lambda: people[0].post("/api/auth/logout"),
        lambda: people[1].post("/api/auth/logout-all"),
        lambda: people[2].post("/api/auth/password", change),
        lambda: company.admin.patch(account(people[3].id), {"role": "admin"}),
        lambda: company.admin.patch(account(people[4].id), {"status": "inactive"}),
    ]
    for number, end in enumerate(causes):
        assert end().status_code in (200, 204)
        for socket in sockets[number]:
            wait_until(partial(_gone, socket), f"the socket's end by cause {number}", 5)
    assert lasting.connected


def test_6_sessions_end_in_time_while_people_are_let_in_slowly(
    company: Company, connect: Connect, start_web: StartWeb, own_redis: EmbeddedRedis
) -> None:
    web = start_web()
    person = company.staff()
    ending = connect(person, web.url)
    meetings = [Meeting(company, live=False) for _ in range(5)]
    waiting = [connect(each.candidate, web.url) for each in meetings]
    for socket, meeting in zip(waiting, meetings, strict=True):
        assert socket.join(meeting.id)["waiting"]
    # Letting each of them in waits two seconds for Redis.
    with _frozen(own_redis, seconds=12):
        for meeting in meetings:
            meeting.start()
        time.sleep(2.1)  # by now it has begun
        assert person.post("/api/auth/logout").status_code == 204
        wait_until(lambda: not ending.connected, "the socket's end", 5)


def test_21_a_start_that_redis_lost_is_told_out_of_the_log(
    company: Company, connect: Connect, start_web: StartWeb, own_redis: EmbeddedRedis
) -> None:
    ahead = Meeting(company, live=False)
    ida = connect(ahead.interviewer, start_web().url)
    assert ida.join(ahead.id, sinceSeq=0)["ok"]
    _silence(own_redis)
    ahead.start()
    told = ida.next("interviewStarted")
    started = ahead.log(type="system")[-1]
    assert (told["id"], told["interviewId"]) == (started["id"], ahead.id)


@pytest.mark.parametrize("redis_is", ["stopped", "killed", "frozen"])
def test_21_rooms_lose_nothing_while_redis_is_away(
    connect: Connect, meeting: Meeting, start_web: StartWeb, own_redis: EmbeddedRedis, redis_is: str
) -> None:
    here, there = start_web(), start_web()
    ida, cleo = connect(meeting.interviewer, here.url), connect(meeting.candidate, there.url)
    chat = {"interviewId": meeting.id}
    for person in (ida, cleo):
        assert person.join(meeting.id)["ok"]

    def say(person: SocketPerson, message: str) -> None:
        assert person.call("chatMessage", {**chat, "message": message})["ok"]

    say(ida, "before")
    wait_until(lambda: cleo.all("chatMessage"), "what is said before")
    away = {"stopped": _stopped, "killed": _killed, "frozen": _frozen}[redis_is](own_redis)
    with away:
        # Who is there goes on, and who comes is let in.
        guest = connect(meeting.interviewer, there.url)
        assert guest.join(meeting.id)["ok"]
        for number in range(5):
            say(ida, f"here {number}")
            say(cleo, f"there {number}")
        wait_until(lambda: _heard(guest) >= {f"there {n}" for n in range(5)}, "the own process")
    said = {"before"} | {f"{where} {n}" for where in ("here", "there") for n in range(5)}
    for person in (ida, cleo):
        wait_until(lambda person=person: _heard(person) == said, "what was said meanwhile")  # type: ignore[misc]
    wait_until(lambda: _heard(guest) == said - {"before"}, "what was said meanwhile")

    def heard_at_once() -> bool:
        for person in (ida, cleo):
            say(person, "after")
        return all(len(_messages(each, "after")) >= 2 for each in (ida, cleo, guest))

    wait_until(heard_at_once, "the return to what it was")
    entries = [entry["data"]["message"] for entry in meeting.log(type="chat")]
    wait_until(lambda: len(_messages(guest, "after")) == entries.count("after"), "the last")
    for person in (ida, cleo, guest):
        # Each once: neither lost nor repeated when Redis came back.
        ids = [event["id"] for event in person.all("chatMessage") if "id" in event]
        assert len(ids) == len(set(ids))
        for message in said - {"before"}:
            assert len(_messages(person, message)) == 1
    assert [entry["seq"] for entry in meeting.log()] == list(range(1, len(meeting.log()) + 1))


def test_22_rooms_lose_nothing_that_was_acknowledged_while_the_store_is_away(
    connect: Connect, meeting: Meeting, start_web: StartWeb, store: EmbeddedMongo
) -> None:
    here, there = start_web(), start_web()
    ida, cleo = connect(meeting.interviewer, here.url), connect(meeting.candidate, there.url)
    second = connect(meeting.candidate, here.url)
    for person in (ida, cleo):
        assert person.join(meeting.id)["ok"]
    store.stop()
    with ThreadPoolExecutor(10) as pool:
        # Relayed at once, and acknowledged when the store has it.
        said = [
            pool.submit(
                person.call,
                "chatMessage",
                {"interviewId": meeting.id, "message": f"{number}"},
            )
            for number, person in enumerate((ida, cleo) * 5)
        ]
        wait_until(lambda: _heard(cleo) == {str(number) for number in range(10)}, "the relay")
        payload = {"interviewId": meeting.id}
        refused = second.client.call("joinRoom", payload, "/interview", timeout=5)
        assert refused["error"]["code"] == "unavailable"
        assert not any(each.done() for each in said)
        store.start()
        numbers = {each.result()["seq"] for each in said}
    stored = {entry["seq"]: entry["data"]["message"] for entry in meeting.log(type="chat")}
    assert set(stored) == numbers
    assert sorted(stored.values()) == sorted(map(str, range(10)))
    wait_until(lambda: second.join(meeting.id)["ok"], "a join as ever")
    assert [entry["seq"] for entry in meeting.log()] == list(range(1, len(meeting.log()) + 1))


def _silence(store: EmbeddedRedis) -> None:
    """Have nobody publish or hear any more; all else goes on."""
    with closing(redis.connect(store.url)) as client:
        client.execute_command("ACL", "SETUSER", "default", "resetchannels")  # type: ignore[no-untyped-call]


@contextmanager
def _stopped(store: EmbeddedRedis) -> Iterator[None]:
    store.stop()
    yield
    store.start()


@contextmanager
def _killed(store: EmbeddedRedis) -> Iterator[None]:
    kill(store)
    yield
    store.start()


@contextmanager
def _frozen(store: EmbeddedRedis, seconds: int = 6) -> Iterator[None]:
    """Have Redis answer nobody for a while, and then all at once."""
    with closing(redis.connect(store.url)) as client:
        client.client_pause(1_000 * seconds)
        yield
        wait_until(partial(_answers, client), "Redis")


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


def _gone(person: SocketPerson) -> bool:
    return not person.connected


def _heard(person: SocketPerson) -> set[str]:
    return {event["message"] for event in person.all("chatMessage")} - {"after"}


def _messages(person: SocketPerson, message: str) -> list[str]:
    heard = [event["message"] for event in person.all("chatMessage")]
    return [each for each in heard if each == message]
