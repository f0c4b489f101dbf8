"""Two kinds of editors on one document, on one process and on two."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from bson import ObjectId
from pymongo.database import Database

from interview_platform.core.mongo import Document
from tests.editors import LateEditor, PlainEditor, YjsEditor
from tests.live import SocketPerson, WebProcess, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.raw import raw
from tests.realtime.bare_server import reset
from tests.service import Company
from tests.yjs import section, typed, update

ATTEMPTS = 3

STARTER = "def solve(words):\n    pass  # 🦉\n"


@pytest.fixture
def meeting(company: Company) -> Meeting:
    """A live interview about a task with code to start from."""
    task = company.admin.post(
        "/api/admin/coding-tasks",
        {
            "title": "Sort",
            "language": "python",
            "difficulty": "easy",
            "starterCode": STARTER,
        },
    ).json["codingTask"]
    return Meeting(company, codingTaskId=task["id"])


@pytest.fixture
def late(web: WebProcess, meeting: Meeting) -> Iterator[LateEditor]:
    """The candidate's editor, on a socket that is slow to read."""
    with raw(web, meeting.candidate.token) as socket:
        yield LateEditor(socket, meeting.id)


def test_a_document_is_born_once_with_the_task_s_code(
    connect: Connect, meeting: Meeting, start_web: StartWeb
) -> None:
    webs = [start_web(), start_web()]
    sockets = [
        connect(person, web.url)
        for web in webs
        for person in (meeting.interviewer, meeting.candidate)
    ]
    answers = [socket.join(meeting.id) for socket in sockets]
    assert [answer["codeSnapshot"] for answer in answers] == [STARTER] * 4
    assert {answer["language"] for answer in answers} == {"python"}
    (birth,) = meeting.log(type="code")
    assert (birth["actor"], birth["data"]["origin"]) == (None, "starter")


def test_yjs_editors_send_each_other_what_they_lack(
    connect: Connect, meeting: Meeting, start_web: StartWeb
) -> None:
    one, other = start_web(), start_web()
    ida, cleo = YjsEditor(), YjsEditor()
    ida.join(connect(meeting.interviewer, one.url), meeting.id)
    cleo.join(connect(meeting.candidate, other.url), meeting.id)
    assert ida.text == cleo.text == STARTER
    assert ida.type("# ida\n", 0)["seq"]
    cleo.type("# cleo\n")
    both = f"# ida\n{STARTER}# cleo\n"
    ida.shows(both)
    cleo.shows(both)
    # Edits made without a connection reach the room with the next join.
    assert cleo.socket is not None
    cleo.socket.leave()
    cleo.insert(0, "# offline\n")
    ida.type("# online\n")
    cleo.join(connect(meeting.candidate, one.url), meeting.id)
    ida.shows(f"# offline\n{both}# online\n")
    assert cleo.text == ida.text


def test_who_comes_back_soon_finds_the_document_where_it_was_left(
    connect: Connect, meeting: Meeting, start_web: StartWeb, database: Database[Document]
) -> None:
    one, other = start_web(), start_web()
    cleo, ida = YjsEditor(), YjsEditor()
    cleo.join(connect(meeting.candidate, one.url), meeting.id)
    cleo.type("# cleo\n")
    assert cleo.socket is not None
    cleo.socket.leave()
    ida.join(connect(meeting.interviewer, other.url), meeting.id)
    # Heard where nobody is in the room any more.
    ida.type("# ida\n")
    # Whoever reads the log from here on finds nothing in it.
    assert database.sessionlogs.delete_many(
        {"interview": ObjectId(meeting.id), "type": "code"}
    ).deleted_count
    back = YjsEditor()
    back.join(connect(meeting.candidate, one.url), meeting.id)
    back.shows(f"{STARTER}# cleo\n# ida\n")


def test_a_snapshot_becomes_the_smallest_edit(connect: Connect, meeting: Meeting) -> None:
    yjs, plain = YjsEditor(), PlainEditor(connect(meeting.candidate), meeting.id)
    yjs.join(connect(meeting.interviewer), meeting.id)
    assert yjs.socket is not None
    written = STARTER.replace("words", "lines").replace("pass", "return sorted(lines)")
    assert plain.write(written)["ok"]
    yjs.shows(written)
    update = yjs.socket.next("codeUpdate")["update"]
    assert len(update) < 120, "the whole text was sent"
    # Its own text is not shown to who wrote it.
    assert not plain.socket.all("codeUpdate")


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_lines_end_with_lf_whatever_an_editor_sends(
    connect: Connect, meeting: Meeting, end: str
) -> None:
    ida = YjsEditor()
    ida.join(connect(meeting.interviewer), meeting.id)
    plain = PlainEditor(connect(meeting.candidate), meeting.id)
    text = STARTER
    for line in ("one\n", "two\n"):
        text = f"{line}{text}"
        assert plain.write(text.replace("\n", end))["ok"]
        ida.shows(text)
        assert ida.type("# ida\n")["ok"]
        text += "# ida\n"
        # Others' lines come with LF, and are served so.
        plain.shows(text)
    assert plain.write(text.replace("one\n", "").replace("\n", end))["ok"]
    ida.shows(text.replace("one\n", ""))


def test_a_document_is_born_with_lf_whatever_its_code_was_stored_with(
    connect: Connect, meeting: Meeting, database: Database[Document]
) -> None:
    stored = STARTER.replace("\n", "\r\n") + "# lone\r"
    assert database.codingtasks.update_one({}, {"$set": {"starterCode": stored}}).modified_count
    ida = YjsEditor()
    ida.join(connect(meeting.interviewer), meeting.id)
    assert ida.text == f"{STARTER}# lone\n"


def test_cr_is_refused_in_updates(connect: Connect, meeting: Meeting) -> None:
    ida, cleo = YjsEditor(), YjsEditor()
    ida.join(connect(meeting.interviewer), meeting.id)
    cleo.join(connect(meeting.candidate), meeting.id)
    for text in ("\r\n", "a\rb"):
        refused = cleo.send(cleo.insert(0, text))["error"]
        assert (refused["code"], list(refused["errors"])) == ("invalid", ["update"])
        cleo = YjsEditor()
        cleo.join(connect(meeting.candidate), meeting.id)
    assert cleo.type("fine\n", 0)["ok"]
    ida.shows(f"fine\n{STARTER}")


def test_a_snapshot_of_an_editor_that_speaks_yjs_reaches_the_editor_too(
    connect: Connect, meeting: Meeting
) -> None:
    ida, cleo = YjsEditor(), YjsEditor()
    ida.join(connect(meeting.interviewer), meeting.id)
    cleo.join(connect(meeting.candidate), meeting.id)
    assert cleo.socket is not None
    assert cleo.socket.call("codeUpdate", {"interviewId": meeting.id, "codeSnapshot": "new"})["ok"]
    for editor in (ida, cleo):
        editor.shows("new")


def test_an_editor_that_joins_again_while_it_types_takes_back_nothing(
    connect: Connect, meeting: Meeting, late: LateEditor
) -> None:
    ida = YjsEditor()
    ida.join(connect(meeting.interviewer), meeting.id)
    ida.type("# from ida\n", 0)
    late.socket.emit("joinRoom", {"interviewId": meeting.id}, 1)
    # Typed before the answer arrives.
    late.write(f"{STARTER}# from cleo\n")
    ida.shows(f"# from ida\n{STARTER}# from cleo\n")


def test_what_others_type_survives_a_snapshot_that_does_not_know_of_it(
    connect: Connect, meeting: Meeting, late: LateEditor
) -> None:
    ida, plain = YjsEditor(), PlainEditor(connect(meeting.candidate), meeting.id)
    ida.join(connect(meeting.interviewer), meeting.id)
    ida.type("# from ida\n", 0)
    plain.shows(f"# from ida\n{STARTER}")
    late.write(f"{STARTER}# from cleo\n")
    ida.shows(f"# from ida\n{STARTER}# from cleo\n")
    late.shows(ida.text)
    late.write("")
    ida.shows("")


def test_what_a_snapshot_deletes_is_gone_whatever_others_typed_around_it(
    connect: Connect, meeting: Meeting, web: WebProcess
) -> None:
    ida = YjsEditor()
    ida.join(connect(meeting.interviewer), meeting.id)
    ida.type("b = 1  # X\nc = 2  # X\n")
    plain = PlainEditor(connect(meeting.candidate), meeting.id)
    start, place = plain.start.index("c = "), plain.start.rindex("X")
    head, before = plain.start[:start], plain.start[start:place]
    with raw(web, meeting.candidate.token) as socket:
        late = LateEditor(socket, meeting.id)
        # As far as texts can tell, the letter was typed again before what stood before it.
        ida.send_at_once(
            ida.insert(place + 1, before),
            ida.delete(start, len(before)),
            ida.insert(0, "# from ida\n"),
        )
        plain.shows(f"# from ida\n{head}X{before}\n")
        late.write(f"{head}{before}\n")
        ida.shows(f"# from ida\n{head}{before}\n")


def test_a_snapshot_deletes_nothing_that_others_typed_again(
    connect: Connect, meeting: Meeting, late: LateEditor
) -> None:
    ida, plain = YjsEditor(), PlainEditor(connect(meeting.candidate), meeting.id)
    ida.join(connect(meeting.interviewer), meeting.id)
    without = STARTER.replace("🦉", "")
    ida.send_at_once(ida.delete(STARTER.index("🦉"), 1), ida.insert(0, "🦉 again\n"))
    plain.shows(f"🦉 again\n{without}")
    late.write(without)
    assert plain.write(f"🦉 again\n{without}# from cleo\n")["ok"]
    ida.shows(f"🦉 again\n{without}# from cleo\n")


def test_snapshots_are_gathered_and_the_last_is_never_left_out(
    connect: Connect, meeting: Meeting
) -> None:
    ida, plain = YjsEditor(), PlainEditor(connect(meeting.candidate), meeting.id)
    ida.join(connect(meeting.interviewer), meeting.id)
    assert ida.socket is not None
    for number in range(100):
        update = ida.insert(len(ida.text), f"{number},")
        ida.socket.send("codeUpdate", {"interviewId": meeting.id, "update": update})
    plain.shows(ida.text)
    assert len(plain.socket.all("codeUpdate")) < 60


def test_hostile_updates_are_refused_and_harm_nothing(connect: Connect, meeting: Meeting) -> None:
    ida = YjsEditor()
    ida.join(connect(meeting.interviewer), meeting.id)
    cleo = connect(meeting.candidate)
    cleo.join(meeting.id, sync="yjs")
    here = {"interviewId": meeting.id}
    other_root = bytes([1, 1, 5, 0, 4, 1, 4, *b"evil", 1, *b"x", 0])
    gap = bytes([1, 1, 5, 200, 1, 0x84, 5, 199, 1, 1, *b"x", 0])
    hostile = [b"", b"\xff" * 40, b"\x00\x01\xff", other_root]
    for bad in hostile:
        refused = cleo.call("codeUpdate", {**here, "update": bad})
        assert refused["error"]["code"] == "invalid", bad
        assert "update" in refused["error"]["errors"]
    assert cleo.call("codeUpdate", {**here, "update": gap})["error"]["code"] == "conflict"
    assert len(meeting.log(type="code")) == 1
    ida.type("# fine\n", 0)
    assert cleo.next("codeUpdate")["update"]
    assert not ida.socket or not ida.socket.all("codeUpdate")
    again = connect(meeting.candidate)
    assert again.join(meeting.id)["codeSnapshot"] == f"# fine\n{STARTER}"


def test_a_document_of_a_megabyte_is_taken_and_no_larger(
    connect: Connect, meeting: Meeting
) -> None:
    plain = PlainEditor(connect(meeting.candidate), meeting.id)
    ida = connect(meeting.interviewer)
    whole = "0123456789abcdef" * 65536
    assert plain.write(whole)["ok"]
    assert ida.join(meeting.id)["codeSnapshot"] == whole
    assert plain.write(whole + "x")["error"]["code"] == "too_large"
    editor = YjsEditor()
    editor.join(connect(meeting.interviewer), meeting.id)
    assert editor.send(editor.insert(0, "x"))["error"]["code"] == "too_large"


def test_large_updates_reach_every_process_and_what_does_not_fit_is_too_large(
    connect: Connect, meeting: Meeting, start_web: StartWeb
) -> None:
    one, other = start_web(), start_web()
    ida, cleo = YjsEditor(), YjsEditor()
    ida.join(connect(meeting.interviewer, one.url), meeting.id)
    cleo.join(connect(meeting.candidate, other.url), meeting.id)
    plain = PlainEditor(connect(meeting.company.admin, other.url), meeting.id)
    assert ida.type("p" * 300_000)["seq"]
    # Six edits of 50 KB, made offline and sent at once.
    edits = [ida.insert(len(ida.text), f"{number}" * 50_000) for number in range(6)]
    assert ida.send_at_once(*edits)["seq"]
    cleo.shows(ida.text)
    # Many small edits at once.
    ida.doc.apply_update(small := update(section(7, 0, *(typed("s") for _ in range(3_000)))))
    assert ida.send(small)["seq"]
    cleo.shows(ida.text)
    plain.shows(ida.text)
    before = ida.text
    too_large = cleo.insert(0, "x" * 500_000)
    assert cleo.send(too_large)["error"]["code"] == "too_large"
    # As an editor does that starts over from what the service has.
    cleo = YjsEditor()
    cleo.join(connect(meeting.candidate, other.url), meeting.id)
    assert cleo.text == before
    assert cleo.type("typed on")["seq"]
    ida.shows(before + "typed on")
    # The log makes the same of them.
    assert meeting.interviewer.get(f"/api/interviews/{meeting.id}/code").json["text"] == ida.text


def test_the_language_and_awareness_reach_the_others(connect: Connect, meeting: Meeting) -> None:
    ida, cleo = connect(meeting.interviewer), connect(meeting.candidate)
    for socket in (ida, cleo):
        socket.join(meeting.id)
    here = {"interviewId": meeting.id}
    assert cleo.call("language", {**here, "language": "typescript"})["seq"]
    for socket in (ida, cleo):
        told = socket.next("language")
        assert told == {"language": "typescript", "userId": meeting.candidate.id}
    before = len(meeting.log())
    for state in ({"cursor": {"line": 1}}, b"\x01\x02"):
        assert cleo.call("awareness", {**here, "state": state}) == {"ok": True}
        assert ida.next("awareness") == {
            "socketId": cleo.id,
            "userId": meeting.candidate.id,
            "state": state,
        }
    assert len(meeting.log()) == before
    assert not cleo.all("awareness")
    assert connect(meeting.interviewer).join(meeting.id)["language"] == "typescript"
    assert "errors" in cleo.call("language", {**here, "language": ""})["error"]


def test_what_was_run_reaches_the_others_and_the_log(connect: Connect, meeting: Meeting) -> None:
    ida, cleo = connect(meeting.interviewer), connect(meeting.candidate)
    for socket in (ida, cleo):
        socket.join(meeting.id)
    run = {
        "language": "python",
        "stdin": "3",
        "stdout": "6\n",
        "stderr": "",
        "exitCode": 0,
        "durationMs": 12.5,
    }
    assert cleo.call("codeRun", {"interviewId": meeting.id, **run})["seq"]
    told = ida.next("codeRun")
    assert {name: told[name] for name in run} == run
    assert told["userId"] == meeting.candidate.id
    kept = next(e["data"] for e in meeting.log(type="system") if e["data"]["event"] == "code.run")
    assert {name: kept[name] for name in run} == run
    long = {**run, "stdout": "x" * (64 * 1024 + 1)}
    refused = cleo.call("codeRun", {"interviewId": meeting.id, **long})
    assert list(refused["error"]["errors"]) == ["stdout"]


def test_nothing_is_edited_once_the_interview_has_ended(connect: Connect, meeting: Meeting) -> None:
    plain = PlainEditor(connect(meeting.candidate), meeting.id)
    meeting.end()
    plain.socket.next("interviewEnded")
    wait_until(lambda: not plain.write("late")["ok"], "the refusal")
    answer = connect(meeting.candidate).join(meeting.id)
    assert answer["error"]["code"] == "conflict"


def test_a_join_again_brings_an_editor_up_to_date(connect: Connect, meeting: Meeting) -> None:
    cleo: SocketPerson = connect(meeting.candidate)
    assert cleo.join(meeting.id)["codeSnapshot"] == STARTER
    ida = PlainEditor(connect(meeting.interviewer), meeting.id)
    assert ida.write("new")["ok"]
    again = cleo.join(meeting.id, sync="yjs")
    assert "seq" not in again
    assert again["update"]
    editor = YjsEditor()
    editor.doc.apply_update(again["update"])
    assert editor.text == "new"


def test_an_edit_reaches_the_room_though_its_socket_has_gone_meanwhile(
    connect: Connect, meeting: Meeting, start_web: StartWeb
) -> None:
    web = start_web()
    ida = YjsEditor()
    witness = connect(meeting.interviewer, web.url)
    ida.join(witness, meeting.id)
    pat = connect(meeting.company.admin, web.url)
    pat.join(meeting.id, sync="yjs")
    for number in range(ATTEMPTS):
        cleo = YjsEditor()
        socket = connect(meeting.candidate, web.url)
        cleo.join(socket, meeting.id)
        # While this is worked in, other edits wait.
        slow = update(section(number, 0, *(typed("x") for _ in range(60_000))))
        pat.send("codeUpdate", {"interviewId": meeting.id, "update": slow})
        time.sleep(0.1)
        mark = f"# cleo {number}\n"
        marking = cleo.insert(0, mark)
        socket.send("codeUpdate", {"interviewId": meeting.id, "update": marking})
        time.sleep(0.1)
        reset(socket.client.eio.ws)
        left = len(witness.all("userLeft"))
        while len(witness.all("userLeft")) == left:
            # Which finds out that one is gone.
            said = {"interviewId": meeting.id, "message": "still there?"}
            assert witness.call("chatMessage", said)["ok"]
        was_late = mark not in ida.hear()
        wait_until(lambda: mark in ida.hear(), "the edit of who has gone")  # noqa: B023
        if was_late:
            return
    pytest.fail("the edit never waited for so long")
