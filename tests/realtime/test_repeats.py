"""Events that clients send again: logged once, told once, acknowledged as the first was."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

from interview_platform.core.mongo import Document
from tests.editors import PlainEditor, YjsEditor
from tests.live import SocketPerson, WebProcess, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.realtime.node import run_script
from tests.service import Company
from tests.yjs import section, typed, update

Webs = tuple[WebProcess, WebProcess]


@pytest.fixture
def webs(company: Company, start_web: StartWeb) -> Webs:
    return start_web(), start_web()


def test_what_is_sent_again_is_logged_and_told_once(
    connect: Connect, meeting: Meeting, webs: Webs
) -> None:
    one, other = webs
    witness = connect(meeting.company.admin, other.url)
    witness.join(meeting.id)
    first, second = connect(meeting.interviewer, one.url), connect(meeting.interviewer, other.url)
    for socket in (first, second):
        socket.join(meeting.id, sync="yjs")
    run = {"language": "c", "stdout": "", "stderr": "", "exitCode": 0, "durationMs": 1}
    edit = update(section(7, 0, typed("typed once")))
    events: list[tuple[str, dict[str, Any]]] = [
        ("chatMessage", {"message": "hello"}),
        ("codeRun", run),
        ("bookmark", {"label": "good"}),
        ("language", {"language": "c"}),
        ("signal", {"payload": {"type": "offer"}, "to": witness.id}),
        ("codeUpdate", {"update": edit}),
        ("mediaState", {"camera": True}),
    ]
    before = len(meeting.log())
    for number, (event, payload) in enumerate(events):
        sent = {"interviewId": meeting.id, "clientId": f"{event} {number}" * 2, **payload}
        answers = [socket.call(event, sent) for socket in (first, first, second, first, second)]
        assert answers[0]["ok"], answers
        assert answers == [answers[0]] * 5
    assert len(meeting.log()) == before + len(events)
    # Ids are a person's own, in one interview.
    same = {"interviewId": meeting.id, "clientId": "chatMessage 0" * 2, "message": "mine"}
    assert witness.call("chatMessage", same)["seq"] == before + len(events) + 1
    wait_until(lambda: len(witness.all("chatMessage")) == 2, "the messages")
    for event, _ in events[1:-1]:
        assert len(witness.all(event)) == 1, event
    third = PlainEditor(connect(meeting.candidate, one.url), meeting.id)
    assert "typed once" in third.start
    # A text that is sent again undoes nothing that was typed since.
    snapshot = {"interviewId": meeting.id, "clientId": "text", "codeSnapshot": "third's"}
    answer = third.socket.call("codeUpdate", snapshot)
    editor = YjsEditor()
    editor.join(first, meeting.id)
    editor.type(" and more")
    third.shows("third's and more")
    assert third.socket.call("codeUpdate", snapshot) == answer
    assert meeting.interviewer.get(f"/api/interviews/{meeting.id}/code").json["text"] == (
        "third's and more"
    )


def test_what_is_sent_again_before_it_is_stored_waits_for_the_first_s_number(
    connect: Connect, meeting: Meeting, webs: Webs, database: Database[Document]
) -> None:
    one, other = webs
    witness = connect(meeting.interviewer, one.url)
    witness.join(meeting.id)
    before = len(meeting.log())
    for number in range(10):
        socket = connect(meeting.candidate, one.url)
        socket.join(meeting.id)
        sent = {"interviewId": meeting.id, "clientId": f"id {number}", "message": f"{number}"}
        # Nobody waits for an answer, and the connection is closed at once.
        for _ in range(3):
            socket.send("chatMessage", sent)
        seq = socket.call("chatMessage", sent)["seq"]
        socket.send("chatMessage", {**sent, "clientId": f"also {number}"})
        socket.leave()
        elsewhere = connect(meeting.candidate, other.url)
        elsewhere.join(meeting.id)
        assert elsewhere.call("chatMessage", sent)["seq"] == seq
        also = elsewhere.call("chatMessage", {**sent, "clientId": f"also {number}"})
        assert also["seq"]
        elsewhere.leave()
    logged = [entry["data"]["message"] for entry in meeting.log(type="chat")]
    assert sorted(logged) == sorted(f"{number}" for number in [*range(10), *range(10)])
    assert len(meeting.log()) > before
    heard = [message["message"] for message in witness.all("chatMessage")]
    # What reached another process before it was stored may be told twice, the rest is not.
    assert all(2 <= heard.count(f"{number}") <= 3 for number in range(10))
    # What stands for an id says nothing of it.
    for entry in database.sessionlogs.find({"clientKey": {"$exists": True}}):
        assert len(entry["clientKey"]) == 16


def test_a_refused_event_may_be_sent_again_by_the_same_id(
    connect: Connect, meeting: Meeting, web: WebProcess
) -> None:
    ida, cleo = connect(meeting.interviewer), connect(meeting.candidate)
    for socket in (ida, cleo):
        socket.join(meeting.id)
    sent = {"interviewId": meeting.id, "clientId": "one", "payload": 1, "to": "nobody"}
    assert ida.call("signal", sent)["error"]["code"] == "not_found"
    assert ida.call("signal", {**sent, "to": cleo.id})["seq"]
    message = {"interviewId": meeting.id, "message": "x"}
    bad: list[Any] = ["", "x" * 65, 7, ["x"], {"$ne": ""}]
    for client_id in bad:
        answer = ida.call("chatMessage", {**message, "clientId": client_id})
        assert answer["error"]["code"] == "invalid", client_id
        assert list(answer["error"]["errors"]) == ["clientId"]
    for client_id in ("x" * 64, "🦉\0$", None):
        assert ida.call("chatMessage", {**message, "clientId": client_id})["seq"]


def test_the_real_client_s_retries_reach_the_others_once(
    connect: Connect, meeting: Meeting, web: WebProcess
) -> None:
    witness: SocketPerson = connect(meeting.interviewer)
    witness.join(meeting.id)
    report = run_script("retries.mjs", web.url, meeting.candidate.token, meeting.id)
    # The second answer is lost twice, the third for ever with its connection.
    assert report["lost"] == 3
    assert report["answers"] == [
        {"ok": True, "seq": entry["seq"]} for entry in meeting.log(type="chat")
    ]
    assert len(report["answers"]) == 3
    wait_until(lambda: len(witness.all("chatMessage")) >= 3, "the messages")
    assert [each["message"] for each in witness.all("chatMessage")] == ["0", "1", "2"]
