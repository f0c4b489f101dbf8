"""Who may be in an interview's room: looked at when they come, and as long as they stay."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from bson import ObjectId
from pymongo.database import Database
from redis import Redis

from interview_platform.auth.model import Actor, Role
from interview_platform.core.errors import Conflict, NotFound
from interview_platform.core.mongo import Document
from interview_platform.interviews.model import InterviewRef
from interview_platform.wiring import Services
from tests.live import SocketPerson, WebProcess, wait_until
from tests.meeting import Connect, Meeting
from tests.queries import recorded, stages
from tests.service import Company, Person

# Relieves the interviewer of a meeting in favour of another.
Relieve = Callable[[Meeting, Person], None]


def by_the_admin(meeting: Meeting, other: Person) -> None:
    path = f"/api/admin/interviews/{meeting.id}"
    answer = meeting.company.admin.patch(path, {"interviewerId": other.id})
    assert answer.status_code == 200, answer.text


@pytest.fixture(params=["told", "untold"])
def relieve(request: pytest.FixtureRequest, database: Database[Document]) -> Relieve:
    """Relieves in two ways: web processes are told of one, and not of the other."""

    def unheard(meeting: Meeting, other: Person) -> None:
        changes = {"$set": {"interviewer": ObjectId(other.id)}}
        database.interviews.update_one({"_id": ObjectId(meeting.id)}, changes)

    return by_the_admin if request.param == "told" else unheard


def test_an_interviewer_who_is_relieved_leaves_the_room(
    company: Company, connect: Connect, relieve: Relieve
) -> None:
    meeting, successor = Meeting(company, live=False), company.staff()
    ida, cleo = connect(meeting.interviewer), connect(meeting.candidate)
    assert ida.join(meeting.id)["ok"]
    assert ida.call("admit", {"interviewId": meeting.id})["ok"]
    assert cleo.join(meeting.id)["ok"]
    relieve(meeting, successor)
    for person in (ida, cleo):
        assert person.next("userLeft") == {"socketId": ida.id}
    here = {"interviewId": meeting.id}
    refused = ida.call("chatMessage", {**here, "message": "still here"})
    assert refused["error"]["code"] == "forbidden"
    assert ida.join(meeting.id)["error"]["code"] == "not_found"
    assert connect(successor).join(meeting.id)["ok"]
    assert cleo.call("chatMessage", {**here, "message": "among us"})["ok"]
    assert not ida.all("chatMessage")
    assert whereabouts(meeting, ida) == ["participant.joined", "participant.left"]


def test_a_room_whose_end_nobody_heard_of_closes_too(
    connect: Connect, meeting: Meeting, database: Database[Document]
) -> None:
    ida, cleo = connect(meeting.interviewer), connect(meeting.candidate)
    for person in (ida, cleo):
        assert person.join(meeting.id)["ok"]
    over = {"$set": {"status": "completed"}}
    database.interviews.update_one({"_id": ObjectId(meeting.id)}, over)
    for person in (ida, cleo):
        assert person.next("userLeft") == {"socketId": person.id}
        refused = person.call("chatMessage", {"interviewId": meeting.id, "message": "late"})
        assert refused["error"]["code"] == "forbidden"
        wait_until(
            lambda: whereabouts(meeting, person)[-1] == "participant.left",  # noqa: B023
            "the leaving in the log",
        )


def test_everyone_in_every_room_is_looked_up_at_once_and_by_index(
    company: Company, database: Database[Document], services: Services
) -> None:
    def actor(person: Person) -> Actor:
        return Actor(ObjectId(person.id), Role(person.role), person.name, ObjectId())

    first, over = Meeting(company), Meeting(company)
    over.end()
    ida, admin = actor(first.interviewer), actor(company.admin)
    ids = [ObjectId(first.id), ObjectId(over.id), ObjectId()]
    with recorded(database) as commands:
        visits = services.admission.visits({(who, each) for who in (ida, admin) for each in ids})
    answers = {visit: type(answer) for visit, answer in visits.items()}
    assert answers == {
        (ida, ids[0]): InterviewRef,
        (admin, ids[0]): InterviewRef,
        (ida, ids[1]): NotFound,
        (ida, ids[2]): NotFound,
        (admin, ids[1]): Conflict,
        (admin, ids[2]): NotFound,
    }
    assert len(commands) == 1
    assert "COLLSCAN" not in stages(database, commands[0])


def test_joining_again_answers_the_same_and_may_bring_another_sync(
    connect: Connect, meeting: Meeting
) -> None:
    ida, cleo = connect(meeting.interviewer), connect(meeting.candidate)
    ida.join(meeting.id)
    cleo.join(meeting.id)

    def write(text: str) -> None:
        code = {"interviewId": meeting.id, "codeSnapshot": text}
        assert cleo.call("codeUpdate", code)["ok"]

    write("one")
    assert ida.next("codeUpdate") == {"codeSnapshot": "one"}
    for more, field in (({}, "codeSnapshot"), ({"sync": "yjs"}, "update"), ({}, "codeSnapshot")):
        again = ida.join(meeting.id, **more)
        assert (again["ok"], again["role"], again["status"]) == (True, "interviewer", "live")
        assert "seq" not in again
        write(f"{again[field]!r}")
        assert list(ida.next("codeUpdate")) == [field]
    assert whereabouts(meeting, ida) == ["participant.joined"]
    assert ida.call("leaveRoom", {"interviewId": meeting.id})["ok"]
    heard = len(ida.all("codeUpdate"))
    write("after")
    assert ida.call("chatMessage", {"interviewId": meeting.id})["ok"] is False
    assert len(ida.all("codeUpdate")) == heard


class Poller:
    """Somebody who polls, and so can send several packets at the same moment."""

    def __init__(self, web: WebProcess, token: str) -> None:
        self._address = f"{web.url}/socket.io/?EIO=4&transport=polling"
        greeting = json.loads(requests.get(self._address, timeout=5).text[1:])
        self._address += f"&sid={greeting['sid']}"
        self.post(f"40/interview,{json.dumps({'token': token})}")
        self.id: str = json.loads(self.read()[0].removeprefix("40/interview,"))["sid"]

    def post(self, packet: str) -> None:
        assert requests.post(self._address, data=packet.encode(), timeout=30).text == "OK"

    def read(self) -> list[str]:
        return requests.get(self._address, timeout=30).text.split("\x1e")

    def acknowledgements(self, count: int) -> Iterator[Any]:
        found = 0
        while found < count:
            for packet in self.read():
                if packet.startswith("43/interview,"):
                    found += 1
                    yield json.loads(packet[packet.index("[") :])[0]


def test_joining_several_times_at_once_is_joining_once(
    connect: Connect, meeting: Meeting, web: WebProcess, redis_client: Redis
) -> None:
    ida = connect(meeting.interviewer)
    ida.join(meeting.id)
    poller = Poller(web, meeting.candidate.token)
    here = json.dumps({"interviewId": meeting.id})
    # Holds them all up in the middle of joining.
    redis_client.client_pause(900)
    with ThreadPoolExecutor(8) as pool:
        joins = [f'42/interview,{number}["joinRoom",{here}]' for number in range(8)]
        list(pool.map(poller.post, joins))
    assert all(answer["ok"] for answer in poller.acknowledgements(8))
    poller.post(f'42/interview,9["leaveRoom",{here}]')
    assert next(poller.acknowledgements(1)) == {"ok": True}
    assert ida.next("userLeft") == {"socketId": poller.id}
    assert [each["socketId"] for each in ida.all("userJoined")] == [ida.id, poller.id]
    events = ["participant.joined", "participant.left"]
    wait_until(lambda: whereabouts(meeting, poller) == events, "the leave in the log")
    ida.call("leaveRoom", {"interviewId": meeting.id})
    # Nothing is heard of a room with nobody in it, once nobody has come back.
    wait_until(
        lambda: not redis_client.pubsub_channels(f"*{meeting.id}*"), "the room's silence", 30.0
    )


def test_a_stranger_costs_no_subscription(
    company: Company, connect: Connect, meeting: Meeting, redis_client: Redis
) -> None:
    stranger = connect(company.staff())
    before = subscriptions(redis_client)
    assert stranger.join(meeting.id)["error"]["code"] == "not_found"
    assert subscriptions(redis_client) == before


def subscriptions(redis: Redis) -> int:
    stats: dict[str, dict[str, int]] = redis.info("commandstats")
    return stats.get("cmdstat_subscribe", {"calls": 0})["calls"]


def whereabouts(meeting: Meeting, who: SocketPerson | Poller) -> list[str]:
    """Return what the log says of a socket's coming and going."""
    data = [entry["data"] for entry in meeting.log(type="system")]
    return [each["event"] for each in data if each.get("socketId") == who.id]
