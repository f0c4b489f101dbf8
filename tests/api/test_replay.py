"""An interview played back: the code at any moment, exactly, and what happened."""

from __future__ import annotations

import json
import threading
from bisect import bisect_right
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import islice
from random import Random
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from interview_platform.auth.model import Actor, Role
from interview_platform.core.clock import isoformat, milliseconds, utcnow
from interview_platform.core.mongo import Document as Stored
from interview_platform.core.settings import Settings
from interview_platform.editor import playback, repository, service
from interview_platform.editor.service import EMPTY, KEYFRAME_EVERY, Document
from interview_platform.wiring import Services
from tests import typing_trace
from tests.editors import YjsEditor, rewrite
from tests.live import wait_until
from tests.meeting import Connect, Meeting
from tests.queries import recorded, stages
from tests.service import Company, Person

STARTER = "# start 🦉\n"


class Session:
    """An interview's log as rooms write it, and what its code was after each number."""

    def __init__(self, services: Services, meeting: Meeting) -> None:
        self.services = services
        self.meeting = meeting
        self.id = ObjectId(meeting.id)
        self.path = f"/api/interviews/{meeting.id}"
        self.now = utcnow()
        self.times: list[datetime] = []
        self.document = Document()
        # After each number of the log, from 0.
        self.texts = [""] * (services.session_log.last_seq(self.id) + 1)

    def open(self, starter: str = STARTER, language: str = "python") -> None:
        self.services.editor.open(self.id, starter, language)
        self.document = self.services.editor.load(self.id).document
        self.texts.append(starter)

    def log(
        self,
        type: str,  # noqa: A002
        data: Mapping[str, Any],
        person: Person | None = None,
        after: float = 0.25,
    ) -> None:
        """Log something that `person`, or nobody, does `after` so many seconds."""
        self.now += timedelta(seconds=after)
        actor = None
        if person:
            actor = {"userId": ObjectId(person.id), "name": person.name, "role": person.role}
        self.services.session_log.append(self.id, type, actor, data, self.now)
        self.texts.append(self.document.text)

    def write(self, person: Person, text: str, after: float = 0.25) -> None:
        update = rewrite(self.document, text)
        self.log("code", {"update": update or EMPTY}, person, after)

    def type(self, count: int, seed: int = 1) -> None:
        """Have both type what a real session did, and chat between."""
        random = Random(seed)
        people = [self.meeting.interviewer, self.meeting.candidate]
        text = self.document.text
        start = len(text)
        for at, deleted, inserted in islice(typing_trace.patches(), count):
            text = text[: start + at] + inserted + text[start + at + deleted :]
            self.write(random.choice(people), text)
            if random.random() < 0.1:
                self.log("chat", {"message": "well"}, random.choice(people))

    def flush(self) -> Session:
        assert self.services.session_log.flush(30)
        return self

    @property
    def last(self) -> int:
        return len(self.texts) - 1

    def get(self, path: str, **query: Any) -> Any:
        answer = self.meeting.interviewer.get(f"{self.path}/{path}", **query)
        assert answer.status_code == 200, answer.text
        return answer.json

    def code(self, at: int | None = None) -> Any:
        return self.get("code", **({} if at is None else {"at": at}))

    def timeline(self, **query: Any) -> list[dict[str, Any]]:
        answer = self.meeting.interviewer.get(f"{self.path}/timeline", **query)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == "application/x-ndjson"
        return [json.loads(line) for line in answer.data.splitlines()]


@pytest.fixture
def session(services: Services, meeting: Meeting) -> Session:
    return Session(services, meeting)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> int:
    """Has keyframes lie near each other, so that a short log has many."""
    for module in (playback, repository, service):
        monkeypatch.setattr(module, "KEYFRAME_EVERY", 50)
    return 50


def keyframes(database: Database[Stored], session: Session) -> list[int]:
    found = database["codekeyframes"].find({"interview": session.id}, {"seq": True})
    return sorted(keyframe["seq"] for keyframe in found)


def in_threads(settings: Settings, act: Callable[[Services], None]) -> None:
    """Have four processes' worth of services `act` at once."""
    start = threading.Barrier(4)
    faults: list[BaseException] = []

    def run() -> None:
        try:
            with Services(settings) as services:
                start.wait()
                act(services)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_the_code_is_exact_at_every_moment(
    database: Database[Stored], session: Session, often: int
) -> None:
    assert session.code(0) == {
        "seq": 0,
        "at": None,
        "text": "",
        "language": "plaintext",
        "cursors": [],
    }
    session.open()
    session.type(110)
    session.flush()
    random = Random(2)
    near = [seq + step for seq in (often, 2 * often) for step in (-1, 0, 1)]
    moments = [0, 1, *near, *random.sample(range(session.last), 12), session.last]
    # The first time without a keyframe, the last moment first: that makes them on its way.
    for seq in reversed(moments):
        code = session.code(seq)
        assert (code["seq"], code["text"]) == (seq, session.texts[seq])
    assert keyframes(database, session) == [often, 2 * often]
    for seq in moments:
        assert session.code(seq)["text"] == session.texts[seq]
    now = session.code()
    assert (now["seq"], now["text"]) == (session.last, session.texts[-1])
    assert session.code(session.last + 10_000) == now
    times = [datetime.fromisoformat(line["timestamp"]) for line in session.timeline()]
    for seq in random.sample(range(4, session.last), 5):
        moment = times[seq - 1]
        code = session.code(milliseconds(moment))
        assert code["seq"] == bisect_right(times, moment)
        assert code["text"] == session.texts[code["seq"]]
        assert code["at"] == isoformat(moment)


def test_an_edit_logged_before_the_one_that_it_rests_on_waits_for_it(session: Session) -> None:
    session.open()
    first, second = rewrite(session.document, "one"), rewrite(session.document, "one two")
    candidate = session.meeting.candidate
    session.log("code", {"update": second}, candidate)
    session.log("code", {"update": first}, candidate)
    session.flush()
    assert session.code(session.last - 1)["text"] == STARTER
    assert session.code()["text"] == "one two"


def test_an_entry_that_is_no_edit_leaves_the_rest_as_it_is(session: Session) -> None:
    session.open()
    session.log("code", {"update": b"\xff\x01"}, session.meeting.candidate)
    session.write(session.meeting.candidate, "after it")
    session.flush()
    assert session.code(session.last - 1)["text"] == STARTER
    assert session.code()["text"] == "after it"


def test_what_is_read_does_not_grow_with_the_interview(
    database: Database[Stored], session: Session, often: int
) -> None:
    session.open()
    session.type(180)
    session.flush()
    session.services.editor.keep(session.id, session.last)
    asked = []
    for seq in (2 * often - 1, session.last - session.last % often - 1):
        with recorded(database) as commands:
            assert session.code(seq)["text"] == session.texts[seq]
        finds = [command for command in commands if "find" in command]
        assert all("COLLSCAN" not in stages(database, find) for find in finds)
        assert not [command for command in commands if "aggregate" in command]
        entries = [find["filter"] for find in finds if "type" in find["filter"]]
        numbers = [range(one["seq"]["$gte"], one["seq"]["$lte"] + 1) for one in entries]
        assert {number for some in numbers for number in some} == {*range(seq - often + 2, seq + 1)}
        asked.append((len(entries), sum(find["find"] == "codekeyframes" for find in finds)))
    # One read for each type that is played, and one keyframe.
    assert asked[0] == asked[1] == (2, 1)


def test_keyframes_are_kept_once_and_used(
    database: Database[Stored], settings: Settings, session: Session, often: int
) -> None:
    session.open()
    session.type(110)
    session.flush()
    session.services.editor.keep(session.id, often - 1)
    assert keyframes(database, session) == []
    in_threads(settings, lambda services: services.editor.keep(session.id, session.last))
    assert keyframes(database, session) == [often, 2 * often]
    kept = list(database["codekeyframes"].find())
    session.services.editor.keep(session.id, session.last)
    assert list(database["codekeyframes"].find()) == kept
    # One that says something else is believed: the log before it is not read again.
    other = {"state": Document.written("something else").since(None)}
    database["codekeyframes"].update_one({"seq": 2 * often}, {"$set": other})
    assert session.code(2 * often)["text"] == "something else"
    assert session.code(2 * often - 1)["text"] == session.texts[2 * often - 1]
    session.services.editor.erase(session.id)
    assert keyframes(database, session) == []
    assert not session.services.editor.is_open(session.id)
    assert session.code(2 * often)["text"] == session.texts[2 * often]


def test_keyframes_are_made_while_the_interview_goes_on(
    database: Database[Stored], connect: Connect, session: Session
) -> None:
    editor = YjsEditor()
    editor.join(connect(session.meeting.candidate), session.meeting.id)
    assert editor.socket is not None
    for number in range(KEYFRAME_EVERY + 20):
        update = editor.insert(len(editor.text), f"{number}\n")
        payload = {"interviewId": session.meeting.id, "update": update}
        editor.socket.send("codeUpdate", payload)
    wait_until(lambda: keyframes(database, session) == [KEYFRAME_EVERY], "the keyframe")
    wait_until(lambda: session.code()["text"] == editor.text, "the last edit")


def test_a_document_is_born_once(settings: Settings, session: Session) -> None:
    in_threads(settings, lambda services: services.editor.open(session.id, STARTER, "python"))
    (birth,) = session.timeline(types="code")
    assert birth["actor"] is None
    assert (birth["data"]["language"], birth["data"]["origin"]) == ("python", "starter")
    code = session.code()
    assert (code["text"], code["language"], code["cursors"]) == (STARTER, "python", [])


def test_code_that_an_older_service_logged_whole_is_played(session: Session) -> None:
    texts = ["a", "", "naïve 🦉\r\n", "naïve 🦉\r\nlines\n" + "x" * 300]
    for text in texts:
        session.log("code", {"codeSnapshot": text}, session.meeting.candidate)
        session.texts[-1] = text
    session.flush()
    for seq in range(session.last - len(texts), session.last + 1):
        assert session.code(seq)["text"] == session.texts[seq]
    (person,) = session.get("code/stats")["people"]
    assert (person["inserted"], person["deleted"], person["edits"]) == (316, 1, 4)
    assert [paste["length"] for paste in person["pastes"]] == [306]
    # Opened by this service, it goes on from there.
    session.services.editor.open(session.id, STARTER, "python")
    assert session.code()["text"] == texts[-1].replace("\r\n", "\n")


def test_cursors_are_where_each_left_off_and_move_with_others_edits(session: Session) -> None:
    ida, cleo = session.meeting.interviewer, session.meeting.candidate
    session.open("")

    def cursors() -> dict[str, int]:
        code = session.flush().code()
        return {cursor["name"]: cursor["offset"] for cursor in code["cursors"]}

    session.write(cleo, "🦉 one")
    assert cursors() == {cleo.name: 6}
    session.write(ida, "éa 🦉 one")
    assert cursors() == {cleo.name: 9, ida.name: 3}
    session.write(ida, "éa 🦉 one, and more")
    assert cursors() == {cleo.name: 9, ida.name: 19}
    session.write(cleo, "🦉 one, and more")
    assert cursors() == {cleo.name: 0, ida.name: 16}
    session.write(ida, "")
    assert cursors() == {cleo.name: 0, ida.name: 0}
    ids = {cursor["userId"] for cursor in session.code()["cursors"]}
    assert ids == {ida.id, cleo.id}


def test_the_language_is_the_one_of_the_moment(session: Session) -> None:
    session.open()
    candidate = session.meeting.candidate
    session.log("system", {"event": "code.language", "language": "rust"}, candidate)
    session.flush()
    assert session.code(session.last - 1)["language"] == "python"
    assert session.code()["language"] == "rust"


def test_a_diff_says_what_changed_between_two_moments(session: Session) -> None:
    lines = [f"line {number}\n" for number in range(40)]
    session.open("".join(lines))
    born = session.last
    lines[4:6] = ["changed\n"]
    lines[30:30] = ["new\n"]
    session.write(session.meeting.candidate, "".join(lines) + "no end")
    session.flush()
    told = session.get("code/diff", **{"from": born})
    assert (told["from"], told["to"]) == (born, session.last)
    heads = [line for line in told["diff"].splitlines() if line.startswith(("---", "+++", "@@"))]
    assert heads == [
        f"--- code@{born}",
        f"+++ code@{session.last}",
        "@@ -2,8 +2,7 @@",
        "@@ -29,6 +28,7 @@",
        "@@ -38,3 +38,4 @@",
    ]
    changed = [line for line in told["diff"].splitlines() if line[0] in "-+\\"][2:]
    assert changed == [
        *("-line 4", "-line 5", "+changed", "+new", "+no end"),
        "\\ No newline at end of file",
    ]
    assert session.get("code/diff", **{"from": born, "to": born})["diff"] == ""
    birth = session.get("code/diff", to=born)
    assert birth["diff"].startswith(f"--- code@0\n+++ code@{born}\n@@ -0,0 +1,40 @@\n+line 0\n")


def test_statistics_tell_who_typed_what_was_pasted_and_when_nobody_typed(
    database: Database[Stored], session: Session, often: int
) -> None:
    ida, cleo = session.meeting.interviewer, session.meeting.candidate
    session.open()
    session.write(cleo, f"{STARTER}naïve")
    session.write(cleo, "naïve", after=59)
    session.write(ida, "naïve" + "p" * 200, after=61)
    idle = {"from": isoformat(session.now - timedelta(seconds=61)), "to": isoformat(session.now)}
    session.write(ida, "p" * 200 + "q" * 201)
    paste = {"seq": session.last, "at": isoformat(session.now), "length": 201}
    # Pasted over something that it shares a letter with here and there.
    session.write(cleo, "".join(f"{number:03}" + "q" * (number % 40 == 0) for number in range(90)))
    over = {"seq": session.last, "at": isoformat(session.now), "length": 270}
    run = {
        "event": "code.run",
        "language": "python",
        "stdin": "",
        "stdout": "6\n",
        "stderr": "",
        "exitCode": 1,
        "durationMs": 12.5,
    }
    session.log("system", run, cleo, after=500)
    ran = {
        "seq": session.last,
        "at": isoformat(session.now),
        "userId": cleo.id,
        "language": "python",
        "exitCode": 1,
        "durationMs": 12.5,
    }
    told = session.flush().get("code/stats")
    people = {person["name"]: person for person in told["people"]}
    assert people[ida.name] == {
        "userId": ida.id,
        "name": ida.name,
        "inserted": 401,
        "deleted": 5,
        "edits": 2,
        "pastes": [paste],
    }
    candidate = people[cleo.name]
    assert (candidate["edits"], candidate["pastes"]) == (3, [over])
    assert (candidate["inserted"], candidate["deleted"]) == (5 + 270, len(STARTER) + 398)
    assert (told["idle"], told["runs"]) == ([idle], [ran])
    # The same by a keyframe as without.
    for _ in range(often):
        session.log("system", {"event": "participant.joined"}, cleo)
    session.flush().services.editor.keep(session.id, session.last)
    assert keyframes(database, session) == [often]
    assert session.get("code/stats") == told


def test_the_timeline_tells_what_happened_in_order(session: Session) -> None:
    session.open()
    candidate = session.meeting.candidate
    for number in range(100):
        session.log("chat", {"message": str(number)}, candidate)
    bookmark = {"event": "bookmark", "label": "Neat", "rating": 5}
    session.log("system", bookmark, session.meeting.interviewer)
    session.flush()
    lines = session.timeline()
    assert [line["seq"] for line in lines] == list(range(1, session.last + 1))
    assert lines == session.meeting.log()
    assert (lines[-1]["type"], lines[-1]["data"]) == ("system", bookmark)
    some = session.timeline(**{"from": 10, "to": 20})
    assert [line["seq"] for line in some] == list(range(10, 21))
    chats = session.timeline(types="chat", to=session.last - 50)
    assert [line["data"]["message"] for line in chats] == [str(n) for n in range(len(chats))]
    assert len(chats) == 51
    # By time, the ends included.
    first, last = (datetime.fromisoformat(lines[place]["timestamp"]) for place in (20, 30))
    timed = session.timeline(**{"from": milliseconds(first), "to": milliseconds(last)})
    assert [line["seq"] for line in timed] == list(range(21, 32))
    assert session.timeline(**{"from": milliseconds(session.now) + 1}) == []


def test_a_long_timeline_is_read_bit_by_bit(database: Database[Stored], session: Session) -> None:
    for number in range(300):
        session.log("chat", {"message": str(number)}, session.meeting.candidate)
    session.flush()
    staff = session.meeting.interviewer
    actor = Actor(ObjectId(staff.id), Role.INTERVIEWER, staff.name, ObjectId())
    pieces = session.services.timeline.events(actor, session.id)
    with recorded(database) as commands:
        assert next(pieces).count(b"\n") == 64
    assert len([command for command in commands if "find" in command]) <= 2
    assert sum(piece.count(b"\n") for piece in pieces) == session.last - 64


def test_what_was_erased_is_told_without_its_content(session: Session) -> None:
    session.open()
    candidate = session.meeting.candidate
    session.write(candidate, "a secret")
    session.write(session.meeting.interviewer, "no secret")
    session.flush()
    session.meeting.end()
    wait_until(
        lambda: session.meeting.interviewer.get(f"{session.path}/receipt").status_code == 200
    )
    session.services.session_log.erase(session.id, user_id=ObjectId(candidate.id))
    session.services.editor.erase(session.id)
    erased = [line for line in session.timeline() if line["erased"]]
    assert [line["data"] for line in erased] == [{}] * len(erased)
    assert candidate.id in {line["actor"]["userId"] for line in erased}
    assert "a secret" not in json.dumps(session.timeline())
    assert session.code(session.last - 1)["text"] == STARTER
    assert "secret" not in session.code()["text"]
    assert candidate.id not in str(session.get("code/stats"))


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("code", {"at": "-1"}, "at"),
        ("code", {"at": "now"}, "at"),
        ("code", {"at": "9" * 20}, "at"),
        ("code/diff", {"from": "x"}, "from"),
        ("timeline", {"types": "chat,secrets"}, "types"),
        ("timeline", {"to": "1.5"}, "to"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    session: Session, path: str, query: dict[str, str], field: str
) -> None:
    answer = session.meeting.interviewer.get(f"{session.path}/{path}", **query)
    assert answer.status_code == 422
    assert list(answer.json["errors"]["query"]) == [field]


def test_a_stranger_finds_nothing(company: Company, session: Session) -> None:
    for path in ("timeline", "code", "code/diff", "code/stats"):
        assert company.staff().get(f"{session.path}/{path}").status_code == 404
        assert session.meeting.candidate.get(f"{session.path}/{path}").status_code == 403
        assert company.admin.get(f"{session.path}/{path}").status_code == 200
