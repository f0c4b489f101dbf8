"""Presence: who is in a room, over several processes, and a Redis that comes and goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from bson import ObjectId
from redis import Redis

from interview_platform.core import redis
from interview_platform.core.broadcast import Broadcaster
from interview_platform.core.clock import isoformat, utcnow
from interview_platform.interviews import presence
from interview_platform.interviews.presence import CHANGED, Presence, Seat
from interview_platform.interviews.rooms import room_of
from interview_platform.interviews.seats import LIFETIME
from interview_platform.local.stores import EmbeddedRedis
from tests.live import SocketPerson, WebProcess, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.service import Company

ROOM = ObjectId()

StartHouse = Callable[[str], "House"]


class House:
    """A process as far as presence goes, and what it has told its sockets in `ROOM`."""

    def __init__(self, redis_url: str) -> None:
        self.redis = redis.connect(redis_url)
        self.broadcaster = Broadcaster(redis_url)
        self.presence = Presence(self.redis, self.broadcaster.publish)
        self.told: list[list[dict[str, Any]]] = [[]]
        self.presence.deliver_to(self._tell)
        self.broadcaster.deliver_to(
            lambda message: self.presence.hear(message) if message.event == CHANGED else None
        )
        self.broadcaster.subscribe(room_of(ROOM))

    def close(self) -> None:
        self.presence.close()
        self.broadcaster.close()
        self.redis.close()

    def enter(
        self, *sockets: str, user: str = "", waiting: bool = False, room: ObjectId = ROOM
    ) -> None:
        for number, socket_id in enumerate(sockets):
            since = utcnow() + timedelta(seconds=number)
            user_id = user or f"user of {socket_id}"
            seat = Seat(socket_id, user_id, f"Name of {user_id}", "candidate", since, waiting)
            self.presence.enter(room, seat)

    @property
    def here(self) -> set[str]:
        """The sockets that are there, as somebody is told who joins."""
        return sockets(self.presence.participants(ROOM))

    def hears_of(self, *expected: str) -> None:
        """Wait until the sockets here have been told that just `expected` are there."""
        wait_until(lambda: sockets(self.told[-1]) == set(expected), "the news")

    def numbers(self, socket_id: str) -> list[int]:
        """Return what was told of the socket's round trip, in that order."""
        return [
            socket.get("quality", {"rtt": 0})["rtt"]
            for told in self.told
            for person in told
            for socket in person["sockets"]
            if socket["socketId"] == socket_id
        ]

    def has_heard(self, socket_id: str, number: int) -> bool:
        return self.numbers(socket_id)[-1:] == [number]

    def _tell(self, room: str, event: str, data: dict[str, Any]) -> None:
        assert event == "presence"
        assert room == room_of(ObjectId(data["interviewId"]))
        if room == room_of(ROOM):
            self.told.append(data["participants"])


def sockets(participants: list[dict[str, Any]]) -> set[str]:
    return {socket["socketId"] for person in participants for socket in person["sockets"]}


@pytest.fixture
def start_house() -> Iterator[StartHouse]:
    houses: list[House] = []

    def start(redis_url: str) -> House:
        houses.append(House(redis_url))
        return houses[-1]

    yield start
    for house in houses:
        house.close()


@pytest.fixture
def houses(start_house: StartHouse, redis_db_url: str) -> tuple[House, House]:
    return start_house(redis_db_url), start_house(redis_db_url)


def test_processes_agree_on_who_is_there(houses: tuple[House, House]) -> None:
    first, second = houses
    first.enter("a")
    second.enter("b", "c")
    for house in houses:
        house.hears_of("a", "b", "c")
        assert house.here == {"a", "b", "c"}
    first.presence.update(ROOM, "a", camera=True, quality={"level": "good"})
    seat = wait_until(lambda: (found := second.presence.of_socket(ROOM, "a")) and found.camera)
    assert seat
    wait_until(lambda: [s for p in second.told[-1] for s in p["sockets"] if s["camera"]])
    second.presence.leave(ROOM, "c")
    for house in houses:
        house.hears_of("a", "b")
    assert first.presence.of_socket(ROOM, "c") is None
    # What happens to sockets that are not there does nothing.
    first.presence.update(ROOM, "c", camera=True)
    first.presence.leave(ROOM, "c")
    assert first.here == second.here == {"a", "b"}
    elsewhere = ObjectId()
    rooms = first.presence.rooms([elsewhere, ROOM])
    assert {room: sockets(people) for room, people in rooms.items()} == {
        elsewhere: set(),
        ROOM: {"a", "b"},
    }


def test_a_person_s_sockets_are_told_together(houses: tuple[House, House]) -> None:
    first, second = houses
    first.enter("a", user="Cleo", waiting=True)
    second.enter("b", user="Cleo")
    second.presence.update(ROOM, "b", screen=True, quality={"rtt": 40.5, "level": "fair"})
    first.hears_of("a", "b")
    wait_until(lambda: "quality" in str(first.told[-1]), "the quality")
    [cleo] = first.presence.participants(ROOM)
    assert [cleo] == first.told[-1]
    since = [socket.pop("since") for socket in cleo["sockets"]]
    assert since == sorted(since)
    seat = first.presence.of_socket(ROOM, "a")
    assert seat
    assert isoformat(seat.since) in since
    off = {"camera": False, "microphone": False, "screen": False}
    assert cleo == {
        "userId": "Cleo",
        "name": "Name of Cleo",
        "role": "candidate",
        "waiting": False,
        "sockets": [
            {"socketId": "a", **off},
            {
                "socketId": "b",
                **off,
                "screen": True,
                "quality": {"rtt": 40.5, "level": "fair"},
            },
        ],
    }
    second.presence.leave(ROOM, "b")
    wait_until(lambda: [person["waiting"] for person in first.told[-1]] == [True], "the wait")


def test_no_older_state_comes_after_a_newer(houses: tuple[House, House]) -> None:
    changes = 60
    for house, socket_id in zip(houses, "ab", strict=True):
        house.enter(socket_id)
    for number in range(1, changes + 1):
        for house, socket_id in zip(houses, "ab", strict=True):
            house.presence.update(ROOM, socket_id, quality={"rtt": number})
    for house in houses:
        for socket_id in "ab":
            wait_until(partial(house.has_heard, socket_id, changes), "the last change")
            assert house.numbers(socket_id) == sorted(house.numbers(socket_id))
        # Told together, not one by one.
        assert len(house.told) < changes


def test_what_redis_has_lost_comes_back(houses: tuple[House, House], redis_client: Redis) -> None:
    for house, socket_id in zip(houses, "ab", strict=True):
        house.enter(socket_id)
    houses[0].hears_of("a", "b")
    redis_client.flushdb()
    wait_until(lambda: all(house.here == {"a", "b"} for house in houses), "the seats")
    for house in houses:
        house.hears_of("a", "b")


def test_21_while_redis_is_away_nobody_fails_or_waits(
    start_house: StartHouse, own_redis: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "AGAIN", 0.1)
    monkeypatch.setattr(presence, "ROOMS_AT_ONCE", 1)
    elsewhere = ObjectId()
    houses = start_house(own_redis.url), start_house(own_redis.url)
    first, second = houses
    first.enter("a")
    second.enter("b")
    for house in houses:
        house.hears_of("a", "b")
    own_redis.stop()
    # The others are taken to be where they were, for a while.
    assert first.here == {"a", "b"}
    first.enter("c")
    first.enter("d", room=elsewhere)
    first.hears_of("a", "b", "c")
    first.presence.leave(ROOM, "a")
    first.hears_of("b", "c")
    second.hears_of("a", "b")
    monkeypatch.setattr(presence, "LIFETIME", 0)
    first.hears_of("c")
    assert first.here == {"c"}
    assert first.presence.of_socket(ROOM, "b") is None
    monkeypatch.undo()
    own_redis.start()
    for house in houses:
        house.hears_of("b", "c")
        assert house.here == {"b", "c"}
        assert sockets(house.presence.participants(elsewhere)) == {"d"}


def test_nothing_stays_behind(houses: tuple[House, House], redis_client: Redis) -> None:
    first, second = houses
    first.enter("a", "b")
    second.enter("c")
    second.hears_of("a", "b", "c")
    first.presence.close()
    second.hears_of("c")
    first.enter("late")
    second.presence.leave(ROOM, "c")
    wait_until(lambda: not redis_client.exists(f"presence:room:{ROOM}"), "the empty room")
    signs = redis_client.keys("presence:*")
    assert len(signs) == 2
    assert all(0 < redis_client.pttl(sign) <= LIFETIME * 1000 for sign in signs)


def seats(socket: SocketPerson) -> dict[str, dict[str, Any]]:
    """Return what somebody was last told of each socket in the room, by its id."""
    told = socket.all("presence")
    return by_socket(told[-1]["participants"]) if told else {}


def sees(person: SocketPerson, *expected: SocketPerson) -> None:
    """Wait until somebody has been told that just the sockets of `expected` are there."""
    ids = {each.id for each in expected}
    wait_until(lambda: seats(person).keys() == ids, "the news")


def by_socket(participants: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        socket["socketId"]: {**person, **socket}
        for person in participants
        for socket in person["sockets"]
    }


def has_quality(person: SocketPerson, whose: SocketPerson) -> bool:
    return "quality" in seats(person)[whose.id]


def test_people_see_who_is_there_until_their_process_is_killed(
    company: Company,
    meeting: Meeting,
    start_web: StartWeb,
    connect: Connect,
    redis_client: Redis,
) -> None:
    first, second = start_web(), start_web()
    ida = connect(meeting.interviewer, first.url)
    [own] = by_socket(ida.join(meeting.id)["participants"]).values()
    assert (own["socketId"], own["userId"], own["role"]) == (
        ida.id,
        meeting.interviewer.id,
        "interviewer",
    )
    [sign] = wait_until(lambda: redis_client.keys("presence:process:*"), "the first's sign")
    cleo = connect(meeting.candidate, second.url)
    joined = by_socket(cleo.join(meeting.id)["participants"])
    assert joined.keys() == {ida.id, cleo.id}
    for person in (ida, cleo):
        sees(person, ida, cleo)
    state = {"camera": True, "screen": False, "quality": {"rtt": 80, "level": "fair"}}
    assert cleo.call("mediaState", {"interviewId": meeting.id, **state})["ok"]
    for person in (ida, cleo):
        wait_until(partial(has_quality, person, cleo), "the media state")
        seen = seats(person)[cleo.id]
        assert {name: seen[name] for name in state} == state
        assert not seen["microphone"]
    last = ida.all("presence")[-1]
    assert last == {"interviewId": meeting.id, "participants": last["participants"]}

    [other] = set(redis_client.keys("presence:process:*")) - {sign}
    second.kill()
    assert 0 < redis_client.pttl(other) <= LIFETIME * 1000
    # What Redis does by itself when that time has passed.
    redis_client.delete(other)
    sees(ida, ida)
    assert redis_client.hlen(f"presence:room:{meeting.id}") == 1
    grace = connect(company.admin, first.url)
    assert by_socket(grace.join(meeting.id)["participants"]).keys() == {ida.id, grace.id}


def test_who_waits_is_seen_and_sees_nobody(
    company: Company, web: WebProcess, connect: Connect
) -> None:
    meeting = Meeting(company, live=False)
    ida, cleo = connect(meeting.interviewer), connect(meeting.candidate)
    ida.join(meeting.id)
    answer = cleo.join(meeting.id)
    assert answer["waiting"]
    assert "participants" not in answer
    wait_until(lambda: seats(ida).get(cleo.id, {}).get("waiting"), "who waits")
    ida.call("mediaState", {"interviewId": meeting.id, "microphone": True})
    wait_until(lambda: seats(ida)[ida.id]["microphone"], "the media state")
    assert not cleo.all("presence")
    meeting.start()
    admitted = cleo.next("admitted")
    assert by_socket(admitted["participants"]).keys() == {ida.id, cleo.id}
    wait_until(lambda: seats(ida)[cleo.id]["waiting"] is False, "who came in")
    cleo.leave()
    sees(ida, ida)
