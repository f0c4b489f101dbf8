"""Those in a room reach each other: signals to one of them, and cursors that stand."""

from __future__ import annotations

import time

import pytest
from bson import ObjectId
from redis import Redis

from interview_platform.interviews import recent_moves
from interview_platform.interviews.recent_moves import RecentMoves
from interview_platform.local.stores import EmbeddedRedis
from tests.live import SocketPerson, WebProcess, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.service import Company

Webs = tuple[WebProcess, WebProcess]


@pytest.fixture(params=["one process", "two processes"])
def webs(request: pytest.FixtureRequest, company: Company, start_web: StartWeb) -> Webs:
    """Where the one is who signals, and where the others are."""
    here = start_web()
    return here, (start_web() if request.param == "two processes" else here)


def signal(socket: SocketPerson, meeting: Meeting, to: str) -> str | None:
    """Signal to a socket; returns the code by which that is refused, if it is."""
    payload = {"type": "offer", "sdp": to}
    answer = socket.call("signal", {"interviewId": meeting.id, "payload": payload, "to": to})
    code: str | None = answer.get("error", {}).get("code")
    return code


def point(socket: SocketPerson, meeting: Meeting, state: object) -> None:
    assert socket.call("awareness", {"interviewId": meeting.id, "state": state})["ok"]


def cursors(socket: SocketPerson) -> dict[str, object]:
    """Return the last state that somebody heard of each socket."""
    return {told["socketId"]: told["state"] for told in socket.all("awareness")}


def states(socket: SocketPerson) -> list[object]:
    return [told["state"] for told in socket.all("awareness")]


def signalled(meeting: Meeting) -> list[str]:
    return [entry["data"]["to"] for entry in meeting.log(type="webrtc")]


def test_a_signal_reaches_one_who_is_in_the_room_and_nobody_else(
    company: Company, connect: Connect, meeting: Meeting, webs: Webs
) -> None:
    here, there = webs
    ahead = Meeting(company, live=False)
    ida, boss = connect(meeting.interviewer, here.url), connect(company.admin, there.url)
    elsewhere = connect(ahead.interviewer, there.url)
    waiting = connect(ahead.candidate, there.url)
    outside = connect(company.admin, there.url)
    assert ida.join(meeting.id)["ok"]
    assert boss.join(ahead.id)["ok"]
    for socket in (elsewhere, boss):
        assert socket.join(ahead.id)["ok"]
    assert waiting.join(ahead.id)["waiting"]

    # At once after it has joined, as a peer does that makes an offer to whoever comes.
    cleo = connect(meeting.candidate, there.url)
    assert cleo.join(meeting.id)["ok"]
    assert signal(cleo, meeting, ida.id) is None
    assert ida.next("signal")["socketId"] == cleo.id
    assert signal(ida, meeting, cleo.id) is None
    assert cleo.next("signal")["payload"]["sdp"] == cleo.id
    kept = [ida.id, cleo.id]
    assert signalled(meeting) == kept

    nobody = {
        "an id of nobody": "nobody",
        "a socket in another interview": elsewhere.id,
        "one that waits for another interview": waiting.id,
        "one in no room": outside.id,
        "oneself": ida.id,
    }
    for what, to in nobody.items():
        assert signal(ida, meeting, to) == "not_found", what
    # Who waits for this interview is not in its room, and is once let in.
    assert signal(boss, ahead, waiting.id) == "not_found"
    ahead.start()
    waiting.next("admitted")
    wait_until(lambda: waiting.id in repr(boss.all("userJoined")), "the newcomer")
    assert signal(boss, ahead, waiting.id) is None

    # Whoever leaves the room, or the service, is there no more.
    assert cleo.call("leaveRoom", {"interviewId": meeting.id})["ok"]
    assert ida.next("userLeft")["socketId"] == cleo.id
    assert signal(ida, meeting, cleo.id) == "not_found"
    assert cleo.join(meeting.id)["ok"]
    wait_until(lambda: len(ida.all("userJoined")) == 3, "the return")
    assert signal(ida, meeting, cleo.id) is None
    cleo.leave()
    assert ida.next("userLeft")["socketId"] == kept[1]
    assert signal(ida, meeting, kept[1]) == "not_found"
    assert signalled(meeting) == [*kept, kept[1]]
    for socket in (elsewhere, outside):
        assert not socket.all("signal")
    assert [each["payload"]["sdp"] for each in waiting.all("signal")] == [waiting.id]


def test_a_newcomer_is_shown_where_the_cursors_stand(
    company: Company, connect: Connect, meeting: Meeting, webs: Webs
) -> None:
    here, there = webs
    ida, boss = connect(meeting.interviewer, here.url), connect(company.admin, there.url)
    gone, still = connect(company.admin, here.url), connect(company.admin, there.url)
    for socket in (ida, boss, gone, still):
        assert socket.join(meeting.id)["ok"]
    point(ida, meeting, {"offset": 1})
    point(ida, meeting, {"offset": 2})
    point(boss, meeting, b"\x01\x02")
    point(gone, meeting, {"offset": 3})
    # A state of None takes the last one back.
    point(still, meeting, {"offset": 4})
    point(still, meeting, None)
    former = gone.id
    gone.leave()
    wait_until(lambda: former in repr(ida.all("userLeft")), "the leaving")
    for url in (here.url, there.url):
        cleo = connect(meeting.candidate, url)
        assert cleo.join(meeting.id)["ok"]
        wait_until(lambda: len(cleo.all("awareness")) == 2, "both cursors")  # noqa: B023
        assert cursors(cleo) == {ida.id: {"offset": 2}, boss.id: b"\x01\x02"}
        assert [told["userId"] for told in cleo.all("awareness") if told["socketId"] == ida.id] == [
            meeting.interviewer.id
        ]
        names = [name for name, _ in cleo.heard]
        assert names.index("userJoined") < names.index("awareness")
        point(cleo, meeting, {"offset": 9})
        cleo.leave()
    # Those who were there have heard it once, as it happened.
    wait_until(lambda: states(ida).count({"offset": 9}) == 2, "the newcomers' cursors")
    wait_until(lambda: states(still).count({"offset": 9}) == 2, "the newcomers' cursors")
    assert states(still).count({"offset": 2}) == 1


def test_who_waits_is_shown_no_cursors_until_let_in(
    company: Company, connect: Connect, webs: Webs
) -> None:
    here, there = webs
    ahead = Meeting(company, live=False)
    ida, cleo = connect(ahead.interviewer, here.url), connect(ahead.candidate, there.url)
    assert ida.join(ahead.id)["ok"]
    point(ida, ahead, {"offset": 5})
    assert cleo.join(ahead.id)["waiting"]
    late = connect(company.admin, there.url)
    assert late.join(ahead.id)["ok"]
    assert late.next("awareness")["state"] == {"offset": 5}
    assert not cleo.all("awareness")
    assert ida.call("admit", {"interviewId": ahead.id})["ok"]
    cleo.next("admitted")
    wait_until(lambda: cursors(cleo) == {ida.id: {"offset": 5}}, "the cursor")


def test_a_cursor_stands_where_its_editor_joins_again(connect: Connect, meeting: Meeting) -> None:
    ida, cleo = connect(meeting.interviewer), connect(meeting.candidate)
    assert ida.join(meeting.id)["ok"]
    point(ida, meeting, {"offset": 5})
    assert ida.join(meeting.id, sync="yjs")["ok"]
    assert cleo.join(meeting.id)["ok"]
    assert cleo.next("awareness")["state"] == {"offset": 5}


def test_without_redis_signals_reach_those_on_the_same_process(
    company: Company,
    own_redis: EmbeddedRedis,
    meeting: Meeting,
    start_web: StartWeb,
    connect: Connect,
) -> None:
    web = start_web(REDIS_URL=own_redis.url)
    ida, cleo = connect(meeting.interviewer, web.url), connect(meeting.candidate, web.url)
    for socket in (ida, cleo):
        assert socket.join(meeting.id)["ok"]
    own_redis.stop()
    assert signal(ida, meeting, cleo.id) is None
    assert cleo.next("signal")["socketId"] == ida.id
    assert signal(ida, meeting, "nobody") == "not_found"
    assert cleo.call("leaveRoom", {"interviewId": meeting.id})["ok"]
    assert ida.next("userLeft")["socketId"] == cleo.id
    assert signal(ida, meeting, cleo.id) == "not_found"


def test_who_is_lost_with_a_killed_process_is_found_no_more(
    connect: Connect, meeting: Meeting, start_web: StartWeb, redis_client: Redis
) -> None:
    here, there = start_web(), start_web()
    ida = connect(meeting.interviewer, here.url)
    assert ida.join(meeting.id)["ok"]
    [sign] = wait_until(lambda: redis_client.keys("presence:process:*"), "the first's sign")
    cleo = connect(meeting.candidate, there.url)
    assert cleo.join(meeting.id)["ok"]
    lost = cleo.id
    ida.next("userJoined")
    assert signal(ida, meeting, lost) is None
    [other] = set(redis_client.keys("presence:process:*")) - {sign}
    there.kill()
    # What Redis does by itself when that process has shown no sign of life for a while.
    redis_client.delete(other)
    wait_until(lambda: signal(ida, meeting, lost) == "not_found", "its end", 30)


def test_moves_are_remembered_for_a_while_and_not_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recent_moves, "MOST", 2)
    room, moves = ObjectId(), RecentMoves(60)
    for socket_id, joined in (("a", True), ("b", True), ("a", False)):
        moves.put(room, socket_id, joined=joined)
    assert [moves.get(room, each) for each in "abc"] == [False, True, None]
    moves.put(room, "c", joined=True)
    assert [moves.get(room, each) for each in "abc"] == [False, None, True]
    assert moves.get(ObjectId(), "c") is None
    over = RecentMoves(0)
    over.put(room, "a", joined=True)
    time.sleep(0.01)
    assert over.get(room, "a") is None
