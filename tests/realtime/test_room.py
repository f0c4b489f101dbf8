"""What people in a room say to each other, by the Python client against a live web process."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.live import RefusedError, SocketPerson, WebProcess, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.realtime.node import run_script
from tests.service import PASSWORD, Answer, Company


@pytest.fixture
def pair(connect: Connect, meeting: Meeting) -> tuple[SocketPerson, SocketPerson]:
    """The interviewer and the candidate, both joined and with nothing left to hear."""
    ida, cleo = connect(meeting.interviewer), connect(meeting.candidate)
    assert ida.join(meeting.id)["ok"]
    assert cleo.join(meeting.id)["ok"]
    while ida.next("userJoined")["socketId"] != cleo.id:
        pass
    cleo.next("userJoined")
    return ida, cleo


def test_without_a_good_token_nobody_connects(web: WebProcess) -> None:
    for token in (None, "", "nonsense"):
        with pytest.raises(RefusedError, match="unauthorized"):
            SocketPerson(web.url, token)


def test_joining_is_heard_by_all_and_the_role_is_the_account_s(
    connect: Connect, meeting: Meeting
) -> None:
    ida, cleo = connect(meeting.interviewer), connect(meeting.candidate)
    assert ida.join(meeting.id)["ok"]
    expected = {
        "socketId": ida.id,
        "role": "interviewer",
        "userId": meeting.interviewer.id,
        "name": meeting.interviewer.name,
    }
    assert ida.next("userJoined") == expected
    answer = cleo.join(meeting.id, role="admin")
    assert (answer["ok"], answer["role"]) == (True, "candidate")
    assert ida.next("userJoined") == cleo.next("userJoined")
    assert ida.all("userJoined")[-1]["role"] == "candidate"


def test_only_participants_and_admins_join(
    company: Company, connect: Connect, meeting: Meeting
) -> None:
    stranger, other = connect(company.staff()), connect(company.candidate())
    unknown = stranger.join("65f0c0ffee65f0c0ffee65f0")
    assert unknown["error"]["code"] == "not_found"
    for person in (stranger, other):
        assert person.join(meeting.id) == unknown
    assert connect(company.admin).join(meeting.id)["ok"]


def test_a_closed_interview_is_not_joined(company: Company, connect: Connect) -> None:
    ended, cancelled = Meeting(company), Meeting(company, live=False)
    ended.end()
    path = f"/api/admin/interviews/{cancelled.id}/cancel"
    assert company.admin.post(path, {}).status_code == 200
    for meeting in (ended, cancelled):
        answer = connect(meeting.candidate).join(meeting.id)
        assert answer["error"]["code"] == "conflict"


def test_signals_reach_the_others_or_only_the_one_named(
    company: Company,
    connect: Connect,
    meeting: Meeting,
    pair: tuple[SocketPerson, SocketPerson],
) -> None:
    ida, cleo = pair
    third = connect(company.admin)
    third.join(meeting.id)
    here = {"interviewId": meeting.id}
    offer = {"type": "offer", "sdp": "v=0 secret"}
    assert ida.call("signal", {**here, "payload": offer})["ok"]
    for other in (cleo, third):
        assert other.next("signal") == {"socketId": ida.id, "payload": offer}
    assert cleo.call("signal", {**here, "payload": [1], "to": ida.id})["ok"]
    assert ida.next("signal") == {"socketId": cleo.id, "payload": [1]}
    # A later event that all hear proves that nobody else heard the one before.
    ida.call("chatMessage", {**here, "message": "after"})
    for other in (cleo, third):
        other.next("chatMessage")
    assert (len(cleo.all("signal")), len(third.all("signal"))) == (1, 1)
    signals = meeting.log(type="webrtc")
    assert [entry["data"]["signal"] for entry in signals] == ["offer", "other"]
    assert "secret" not in json.dumps(signals)


def test_code_reaches_the_others_and_gaze_only_the_staff(
    connect: Connect, meeting: Meeting, pair: tuple[SocketPerson, SocketPerson]
) -> None:
    ida, cleo = pair
    here = {"interviewId": meeting.id}
    assert cleo.call("codeUpdate", {**here, "codeSnapshot": "print(1)"})["ok"]
    assert ida.next("codeUpdate") == {"codeSnapshot": "print(1)"}
    second_tab = connect(meeting.candidate)
    second_tab.join(meeting.id)
    assert cleo.call("consent", {**here, "gaze": True, "recording": False})["ok"]
    metrics = {"x": 0.25, "y": 1, "faces": [1]}
    assert cleo.call("eyeTracking", {**here, "metrics": metrics})["ok"]
    assert ida.next("eyeTracking") == {"metrics": metrics, "source": cleo.id}
    refused = ida.call("eyeTracking", {**here, "metrics": metrics})
    assert refused["error"]["code"] == "forbidden"
    cleo.call("chatMessage", {**here, "message": "after"})
    second_tab.next("chatMessage")
    assert not second_tab.all("eyeTracking")
    # Nothing but their own text, where it crossed with the answer to their join.
    assert all(each == {"codeSnapshot": "print(1)"} for each in cleo.all("codeUpdate"))


def test_chat_reaches_everyone_the_sender_too(
    meeting: Meeting, pair: tuple[SocketPerson, SocketPerson]
) -> None:
    ida, cleo = pair
    answer = cleo.call("chatMessage", {"interviewId": meeting.id, "message": "hello"})
    said = ida.next("chatMessage")
    assert cleo.next("chatMessage") == said
    timestamp = said.pop("timestamp")
    assert said == {
        "message": "hello",
        "from": cleo.id,
        "userId": meeting.candidate.id,
        "name": meeting.candidate.name,
    }
    entry = meeting.log(type="chat")[0]
    assert entry["seq"] == answer["seq"]
    assert entry["data"] == {"message": "hello", "socketId": cleo.id}
    assert entry["actor"]["userId"] == meeting.candidate.id
    assert isinstance(timestamp, int)


def test_everyone_left_hears_of_every_way_of_leaving(
    connect: Connect, meeting: Meeting, pair: tuple[SocketPerson, SocketPerson]
) -> None:
    ida, cleo = pair

    def heard(gone: str) -> None:
        assert ida.next("userLeft") == {"socketId": gone}

    assert cleo.call("leaveRoom", {"interviewId": meeting.id})["ok"]
    heard(cleo.id)
    for cut in (False, True):
        tab = connect(meeting.candidate)
        tab.join(meeting.id)
        gone = tab.id
        if cut:
            tab.client.eio.ws.sock.shutdown(socket.SHUT_RDWR)
        else:
            tab.leave()
        heard(gone)
    left = "participant.left"
    wait_until(
        lambda: [entry["data"]["event"] for entry in meeting.log(type="system")].count(left) == 3,
        "the leaves in the log",
    )


def test_several_tabs_of_one_person_come_and_go_apart(
    connect: Connect, meeting: Meeting, pair: tuple[SocketPerson, SocketPerson]
) -> None:
    ida, cleo = pair
    tab = connect(meeting.candidate)
    tab.join(meeting.id)
    assert ida.next("userJoined")["socketId"] == tab.id
    gone = tab.id
    tab.leave()
    assert ida.next("userLeft") == {"socketId": gone}
    assert cleo.call("chatMessage", {"interviewId": meeting.id, "message": "still here"})["ok"]


def test_9_nothing_is_relayed_by_or_to_a_socket_that_has_not_joined(
    company: Company,
    connect: Connect,
    meeting: Meeting,
    pair: tuple[SocketPerson, SocketPerson],
) -> None:
    ida, _ = pair
    outside = connect(meeting.candidate)
    here = {"interviewId": meeting.id}
    before = len(meeting.log())
    for event, payload in (
        ("signal", {"payload": 1}),
        ("codeUpdate", {"codeSnapshot": "x"}),
        ("chatMessage", {"message": "x"}),
        ("eyeTracking", {"metrics": {}}),
        ("leaveRoom", {}),
    ):
        answer = outside.call(event, {**here, **payload})
        assert (answer["ok"], answer["error"]["code"]) == (False, "forbidden"), event
    # Named as a target, a socket that has not joined still hears nothing.
    refused = ida.call("signal", {**here, "payload": 1, "to": outside.id})
    assert refused["error"]["code"] == "not_found"
    room_name = ida.join(f"interview:{meeting.id}")
    assert room_name["error"]["code"] == "invalid"
    outside.join(meeting.id)
    outside.next("userJoined")
    assert [name for name, _ in outside.heard if name != "presence"] == ["userJoined"]
    assert len(meeting.log()) == before + 1


BAD_PAYLOADS: list[tuple[str, dict[str, object], str]] = [
    ("chatMessage", {"message": 7}, "message"),
    ("chatMessage", {"message": "  "}, "message"),
    ("chatMessage", {"message": "x" * 4001}, "message"),
    ("chatMessage", {}, "message"),
    ("chatMessage", {"message": "x", "extra": 1}, "extra"),
    ("chatMessage", {"message": "x\0"}, "message"),
    ("chatMessage", {"interviewId": f"{'0' * 24}\n", "message": "x"}, "interviewId"),
    ("signal", {}, "payload"),
    ("codeUpdate", {}, "codeSnapshot"),
    ("codeUpdate", {"codeSnapshot": "x", "update": b"x"}, "codeSnapshot"),
    ("codeUpdate", {"update": "AAE="}, "update"),
    ("joinRoom", {"sync": "something"}, "sync"),
    ("eyeTracking", {"metrics": {"a": {"$where": 1}}}, "metrics"),
    ("eyeTracking", {"metrics": {"a": {"b\0": 1}}}, "metrics"),
    ("eyeTracking", {"metrics": {"a": 2**63}}, "metrics"),
    ("eyeTracking", {"metrics": {"a": [[[[[[[[[[1]]]]]]]]]]}}, "metrics"),
    ("eyeTracking", {"metrics": [1]}, "metrics"),
]

TOO_LARGE: list[tuple[str, dict[str, object], str]] = [
    ("signal", {"payload": "x" * 70_000}, "payload"),
    ("codeUpdate", {"codeSnapshot": "x" * 1_100_000}, "codeSnapshot"),
    ("codeUpdate", {"update": b"x" * 1_500_001}, "update"),
    ("awareness", {"state": b"x" * 8_193}, "state"),
    ("awareness", {"state": "x" * 8_193}, "state"),
    ("joinRoom", {"sync": "yjs", "sv": b"x" * 65_537}, "sv"),
    ("eyeTracking", {"metrics": {"a": "x" * 20_000}}, "metrics"),
    (
        "codeRun",
        {"language": "c", "stdout": "", "stderr": "x" * 65_537, "exitCode": 0, "durationMs": 1},
        "stderr",
    ),
]


def test_bad_payloads_are_refused_with_the_field_named_and_reach_nobody(
    meeting: Meeting, pair: tuple[SocketPerson, SocketPerson]
) -> None:
    ida, cleo = pair
    before = len(meeting.log())
    refused = [("invalid", *bad) for bad in BAD_PAYLOADS]
    refused += [("too_large", *large) for large in TOO_LARGE]
    for code, event, payload, field in refused:
        answer = cleo.call(event, {"interviewId": meeting.id, **payload})
        assert answer["ok"] is False, field
        assert answer["error"]["code"] == code, field
        assert list(answer["error"]["errors"]) == [field], event
    assert len(meeting.log()) == before
    assert cleo.call("chatMessage", {"interviewId": meeting.id, "message": "fine"})["ok"]
    assert ida.next("chatMessage")["message"] == "fine"
    heard = [name for name, _ in ida.heard if name != "presence"]
    assert heard == ["userJoined", "userJoined", "chatMessage"]


def test_unknown_events_and_missing_payloads_are_answered(
    pair: tuple[SocketPerson, SocketPerson],
) -> None:
    ida, _ = pair
    assert ida.call("nonsense", {})["error"]["code"] == "not_found"
    assert ida.call("chatMessage", None)["ok"] is False
    assert ida.call("chatMessage", [1, 2])["ok"] is False


def test_events_of_one_person_arrive_in_the_order_sent(
    meeting: Meeting, pair: tuple[SocketPerson, SocketPerson]
) -> None:
    ida, cleo = pair
    for number in range(300):
        cleo.send("chatMessage", {"interviewId": meeting.id, "message": str(number)})
        cleo.send("awareness", {"interviewId": meeting.id, "state": number})
    wait_until(lambda: len(ida.all("awareness")) == 300, "every event")
    told = [data for name, data in ida.heard if name in ("chatMessage", "awareness")]
    said = [data.get("state", data.get("message")) for data in told]
    assert said == [kind(number) for number in range(300) for kind in (str, int)]


def test_the_end_tells_the_room_and_closes_it(
    meeting: Meeting, pair: tuple[SocketPerson, SocketPerson]
) -> None:
    ida, cleo = pair
    meeting.end(feedback="Good.")
    for person in (ida, cleo):
        assert person.next("interviewEnded")["interviewId"] == meeting.id
    answer = cleo.call("chatMessage", {"interviewId": meeting.id, "message": "late"})
    assert answer["error"]["code"] == "forbidden"
    steps = [entry["data"]["event"] for entry in meeting.log(type="system")]
    assert steps[0] == "interview.scheduled"
    assert steps.index("interview.ended") > steps.index("participant.joined")


def test_the_log_is_numbered_without_gaps_whoever_writes_at_once(
    connect: Connect, company: Company, meeting: Meeting, start_web: StartWeb
) -> None:
    webs = [start_web(), start_web()]
    people = [
        connect(person, web.url)
        for web in webs
        for person in (meeting.interviewer, meeting.candidate, company.admin)
    ]
    for person in people:
        assert person.join(meeting.id)["ok"]

    def talk(person: SocketPerson) -> list[int]:
        return [
            person.call("chatMessage", {"interviewId": meeting.id, "message": str(n)})["seq"]
            for n in range(25)
        ]

    with ThreadPoolExecutor(len(people)) as pool:
        numbers = [number for own in pool.map(talk, people) for number in own]
    assert len(set(numbers)) == len(numbers) == 150
    for own_numbers in (numbers[:25], numbers[25:50]):
        assert own_numbers == sorted(own_numbers)
    assert [entry["seq"] for entry in meeting.log()] == list(range(1, len(meeting.log()) + 1))
    for person in people:
        wait_until(partial(_heard, person, 150), "every message")


def test_a_room_spans_processes(
    connect: Connect, company: Company, meeting: Meeting, start_web: StartWeb
) -> None:
    here, there = start_web(), start_web()
    ida, cleo = connect(meeting.interviewer, here.url), connect(meeting.candidate, there.url)
    ida.join(meeting.id)
    cleo.join(meeting.id)
    assert ida.next("userJoined")["socketId"] == ida.id
    assert ida.next("userJoined")["socketId"] == cleo.id
    assert ida.call("signal", {"interviewId": meeting.id, "payload": 1, "to": cleo.id})["ok"]
    assert cleo.next("signal") == {"socketId": ida.id, "payload": 1}
    assert cleo.call("codeUpdate", {"interviewId": meeting.id, "codeSnapshot": "x"})["ok"]
    assert ida.next("codeUpdate") == {"codeSnapshot": "x"}
    # Ended through a third process, which hosts nobody.
    meeting.end()
    for person in (ida, cleo):
        person.next("interviewEnded")
    refused = ida.call("chatMessage", {"interviewId": meeting.id, "message": "late"})
    assert refused["error"]["code"] == "forbidden"


def test_6_an_ended_session_closes_its_sockets_on_every_process(
    connect: Connect, company: Company, meeting: Meeting, start_web: StartWeb
) -> None:
    here, there = start_web(), start_web()
    cleo = connect(meeting.candidate, there.url)
    cleo.join(meeting.id)
    person = meeting.interviewer
    staff = f"/api/admin/users/{person.id}"
    renewed = "an entirely new one"
    causes: list[Callable[[], Answer]] = [
        lambda: person.post("/api/auth/logout"),
        lambda: person.post("/api/auth/logout-all"),
        lambda: person.post(
            "/api/auth/password", {"currentPassword": PASSWORD, "newPassword": renewed}
        ),
        lambda: company.admin.patch(staff, {"role": "admin"}),
        lambda: company.admin.patch(staff, {"status": "inactive"}),
    ]
    for number, end in enumerate(causes):
        person.log_in(PASSWORD if number < 3 else renewed)
        ida = connect(person, here.url)
        assert ida.join(meeting.id)["ok"]
        assert end().status_code in (200, 204)
        wait_until(partial(_is_gone, ida), f"the socket's end by cause {number}", 5)
        cleo.next("userLeft")
    assert cleo.connected


def test_the_javascript_client_works_unmodified(
    company: Company, web: WebProcess, connect: Connect, meeting: Meeting
) -> None:
    other = connect(meeting.interviewer)
    other.join(meeting.id)
    report = run_script("room.mjs", web.url, meeting.candidate.token, meeting.id)
    assert report["transport"] == "websocket"
    *good, bad, left = report["acknowledged"]
    assert all(answer["ok"] for answer in [*good, left])
    assert bad["error"]["errors"] == {"message": ["Missing."]}
    assert other.next("signal") == {
        "socketId": report["id"],
        "payload": {"type": "offer", "sdp": "v=0"},
    }
    assert other.next("codeUpdate") == {"codeSnapshot": "let x = 1;"}
    assert other.next("chatMessage")["message"] == "hello from JavaScript"
    assert other.next("userLeft") == {"socketId": report["id"]}
    heard = [name for name, _ in report["heard"] if name not in ("presence", "codeUpdate")]
    assert heard == ["userJoined", "chatMessage"]
    # Nothing but its own text, where it crossed with the answer to its join.
    texts = [data for name, data in report["heard"] if name == "codeUpdate"]
    assert all(each == {"codeSnapshot": "let x = 1;"} for each in texts)
    birth, *edits = meeting.log(type="code")
    assert birth["data"]["origin"] == "starter"
    assert [list(entry["data"]) for entry in edits] == [["update"], ["update"]]


def _heard(person: SocketPerson, messages: int) -> bool:
    return len(person.all("chatMessage")) == messages


def _is_gone(person: SocketPerson) -> bool:
    return not person.connected
