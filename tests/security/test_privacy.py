"""Statement 26: what is kept of a person is told to them, and erased without a trace."""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import chain
from pathlib import Path
from threading import Thread
from typing import Any

import bson
import pytest
import requests
from bson import ObjectId
from pymongo.database import Database
from redis import Redis

from interview_platform.core.clock import utcnow
from interview_platform.core.mongo import Document
from interview_platform.core.settings import Settings
from interview_platform.wiring import Services
from tests.editors import YjsEditor
from tests.gaze import Gaze
from tests.interviews import book, make_lot, make_task
from tests.live import SocketPerson, WebProcess, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.queries import recorded, stages
from tests.record import check, export_of
from tests.service import PASSWORD, Company
from tests.workers import worker

EMAIL = "zephyrine.quillwort@erase.example"

# What of her is kept in words, and where it comes from.
OF_HER = {
    "first name": "Zephyrine",
    "last name": "Quillwort",
    "e-mail": EMAIL,
    "phone": "+4930901820",
    "resume": "https://cv.example/resume-trace.pdf",
    "portfolio": "https://cv.example/portfolio-trace",
    "skill": "skill-trace",
    "tag": "tag-trace",
    "notes": "notes-trace",
    "address": "203.0.113.77",
    "room": "room-trace",
    "reason": "reason-trace",
    "chat": "chat-trace",
    "code": "code_trace",
    "output": "output-trace",
    "bookmark": "bookmark-trace",
    "gaze": "0.123454321",
    "feedback": "feedback-trace",
    "comment": "comment-trace",
}
# What is about her in words of others, or in no words.
ABOUT_HER = {
    "answer": "answer-trace",
    "hash of the e-mail": hashlib.sha256(EMAIL.encode()).hexdigest()[:32],
}
TRACES = {**OF_HER, **ABOUT_HER}


class Life:
    """What a candidate leaves behind from the first login to the end of an interview."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.person = company.candidate(
            name="Zephyrine Quillwort",
            email=EMAIL,
            phone=OF_HER["phone"],
            resumeUrl=OF_HER["resume"],
            skills=[OF_HER["skill"]],
            tags=[OF_HER["tag"]],
            notes=OF_HER["notes"],
        )
        self.person.put("/api/candidates/me", {"portfolioUrl": OF_HER["portfolio"]})
        self._log_in_from_home()
        company.anyone.post("/api/auth/password/forgot", {"email": EMAIL})
        self.lot = self._be_drawn()
        self.cancelled = self._be_let_down()
        self.meeting = Meeting(
            company, candidateId=self.person.id, meetingRoomId=OF_HER["room"], live=False
        )

    @property
    def erase_path(self) -> str:
        return f"/api/admin/candidates/{self.person.id}/erase"

    def erase(self, confirm: str = EMAIL) -> int:
        return self.company.admin.post(self.erase_path, {"confirm": confirm}).status_code

    def meet(self, connect: Connect) -> SocketPerson:
        """Hold the interview with its interviewer, up to its end; returns her socket."""
        self.meeting.start()
        ida, her = connect(self.meeting.interviewer), connect(self.person)
        here = {"interviewId": self.meeting.id}
        editor = YjsEditor()
        editor.join(her, self.meeting.id, consent={"gaze": True, "recording": False})
        assert ida.join(self.meeting.id)["ok"]
        run = {"language": "python", "stderr": "", "exitCode": 0, "durationMs": 5}
        samples = [{**each, "x": 0.123454321} for each in Gaze(500).look(3)]
        answers = [
            editor.type(f"print({OF_HER['code']})"),
            her.call("chatMessage", {**here, "message": OF_HER["chat"]}),
            ida.call("chatMessage", {**here, "message": ABOUT_HER["answer"]}),
            her.call("codeRun", {**here, **run, "stdout": OF_HER["output"]}),
            ida.call("bookmark", {**here, "label": OF_HER["bookmark"]}),
            her.call("eyeTracking", {**here, "samples": samples}),
        ]
        assert [answer.get("error") for answer in answers] == [None] * len(answers)
        self.meeting.end(
            feedback=f"{OF_HER['feedback']} of Zephyrine",
            attentivenessScore=81.5,
            scorecard={
                "recommendation": "yes",
                "criteria": [{"name": "Tests", "score": 4, "comment": OF_HER["comment"]}],
            },
        )
        return her

    def _log_in_from_home(self) -> None:
        body = {"email": EMAIL, "password": PASSWORD}
        home = {"REMOTE_ADDR": OF_HER["address"]}
        answer = self.person.call("POST", "/api/auth/login", body, environ_base=home)
        assert answer.status_code == 200
        wrong = {**body, "password": "a wrong guess"}
        answer = self.company.anyone.call("POST", "/api/auth/login", wrong, environ_base=home)
        assert answer.status_code == 401

    def _be_drawn(self) -> str:
        """Get into a lot by a draw, beside another, and have the lot be archived."""
        lot = f"/api/admin/lots/{make_lot(self.company)['id']}"
        admin = self.company.admin
        drawn = admin.post(f"{lot}/draw", {"size": 1, "method": "random"})
        assert drawn.json["draw"]["selected"][0]["id"] == self.person.id
        admin.post(f"{lot}/candidates", {"candidateIds": [self.company.candidate().id]})
        assert admin.patch(lot, {"status": "archived"}).status_code == 200
        return lot

    def _be_let_down(self) -> str:
        """Have an interview be scheduled and cancelled; returns its id."""
        interview_id: str = book(self.company, self.person, self.company.staff())["id"]
        path = f"/api/admin/interviews/{interview_id}/cancel"
        answer = self.company.admin.post(path, {"reason": f"{OF_HER['reason']} of Quillwort"})
        assert answer.status_code == 200
        return interview_id


class Search:
    """Looks for traces in every document, every key of Redis and every file."""

    def __init__(self, database: Database[Document], redis: Redis, folder: Path) -> None:
        self._database = database
        self._redis = redis
        self._folder = folder

    def found(self) -> dict[str, set[str]]:
        """Return which traces there are, and where."""
        found: dict[str, set[str]] = {}
        for place, content in self._everything():
            lower = content.lower()
            for name, trace in TRACES.items():
                # In lower case, since indexes keep words so.
                if trace.lower().encode() in lower or any(
                    form in content for form in _in_base64(trace)
                ):
                    found.setdefault(name, set()).add(place)
        return found

    def _everything(self) -> Iterator[tuple[str, bytes]]:
        for name in self._database.list_collection_names():
            for document in self._database[name].find():
                yield name, bson.encode(document)
                yield from ((name, content) for content in _unpacked(document))
        for key in self._redis.scan_iter():
            # So often has somebody tried from an address: that nobody's name stands beside.
            if not key.startswith(b"throttle:login:a:"):
                place = f"redis {key.decode()}"
                yield place, key
                yield from ((place, content) for content in self._values(key))
        for file in self._folder.rglob("*"):
            if file.is_file():
                yield str(file), file.read_bytes()

    def _values(self, key: bytes) -> Iterator[bytes]:
        redis: Any = self._redis
        parts_of: dict[bytes, Callable[[bytes], Any]] = {
            b"string": lambda key: [redis.get(key) or b""],
            b"hash": lambda key: chain(*redis.hgetall(key).items()),
            b"list": lambda key: redis.lrange(key, 0, -1),
            b"set": redis.smembers,
            b"zset": lambda key: redis.zrange(key, 0, -1),
            b"stream": lambda key: chain(*(chain(*each.items()) for _, each in redis.xrange(key))),
            # It has just expired.
            b"none": lambda _: (),
        }
        for part in parts_of[redis.type(key)](key):
            yield part
            yield from _inflated(part)


def _unpacked(value: Any) -> Iterator[bytes]:
    """Yield what the compressed parts of a document hold."""
    if isinstance(value, bytes):
        yield from _inflated(value)
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _unpacked(part)


def _inflated(content: bytes) -> Iterator[bytes]:
    with suppress(zlib.error):
        yield zlib.decompress(content)


def _in_base64(text: str) -> Iterator[bytes]:
    """Yield what of `text` is the same wherever it stands in something that base64 spells."""
    for shift in range(3):
        # The first and last letters depend on what is beside them.
        spelled = b64encode(b"\0" * shift + text.encode())
        yield spelled[4 if shift else 0 : -4]


@pytest.fixture
def life(company: Company) -> Life:
    return Life(company)


@pytest.fixture
def search(database: Database[Document], redis_client: Redis, tmp_path: Path) -> Search:
    return Search(database, redis_client, tmp_path)


def test_26_a_person_is_told_all_and_erased_without_a_trace(
    company: Company,
    database: Database[Document],
    settings: Settings,
    start_web: StartWeb,
    connect: Connect,
    search: Search,
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
) -> None:
    with worker(settings, tmp_path / "worker.log"):
        life = Life(company)
        web = start_web(LOG_LEVEL="debug", DATA_DIR=str(tmp_path / "data"))
        her = life.meet(lambda person: connect(person, web.url))
        assert search.found().keys() == TRACES.keys()

        told = life.person.get("/api/candidates/me/export")
        assert told.status_code == 200
        assert told.headers["Content-Disposition"] == 'attachment; filename="my-data.json"'
        assert [name for name, trace in OF_HER.items() if trace not in told.text] == []
        assert ABOUT_HER["answer"] not in told.text

        record = export_of(life.meeting)
        assert life.erase() == 204
        assert search.found() == {}
        wait_until(lambda: not her.connected, "the end of her socket")

    assert life.person.get("/api/candidates/me").status_code == 401
    assert life.erase() == 404
    again = export_of(life.meeting)
    elsewhere = tmp_path_factory.mktemp("records")
    for lines in (record, again):
        status, printed = check(lines, elsewhere)
        assert status == 0, printed
    # The same log, by the same signature, and no word of it.
    assert again[-1] == record[-1]
    assert len(again) == len(record)
    assert not any(trace.encode() in line for trace in TRACES.values() for line in again)

    # What is the company's own stays.
    interview = life.meeting.interviewer.get(f"/api/interviews/{life.meeting.id}").json["interview"]
    assert interview["candidate"] == {"id": life.person.id}
    assert interview["status"] == "completed"
    assert interview["endedAt"]
    assert (interview["feedback"], interview["scorecard"]) == (None, None)
    assert interview["attentivenessScore"] is None
    assert company.admin.get(life.lot).json["lot"]["candidateCount"] == 1
    assert company.admin.get(f"{life.lot}/draws").json["draws"][0]["poolSize"] == 1
    deeds = list(database["auditentries"].find({"subject": ObjectId(life.person.id)}))
    assert [deed["action"] for deed in deeds][-1] == "candidate.erased"
    assert str(deeds[-1]["actor"]) == company.admin.id
    assert deeds[-1]["details"] == {}

    # The address is anybody's again.
    assert company.candidate(email=EMAIL).id != life.person.id


def test_26_what_is_told_is_in_order_and_one_s_own(
    company: Company, start_web: StartWeb, connect: Connect, life: Life
) -> None:
    web = start_web()
    life.meet(lambda person: connect(person, web.url))
    other = company.candidate(notes="somebody else's")
    told = life.person.get("/api/candidates/me/export").json
    assert told["account"]["email"] == EMAIL
    assert told["profile"]["notes"] == OF_HER["notes"]
    assert [change["status"] for change in told["profile"]["lotStatusHistory"]] == [
        "unassigned",
        "shortlisted",
        "pending",
        "shortlisted",
        "pending",
        "interviewed",
    ]
    assert [lot["name"] for lot in told["lots"]] == ["Backend, spring"]
    (draw,) = told["draws"]
    assert draw.keys() == {"id", "lot", "method", "score", "createdAt"}
    assert (draw["method"], draw["score"]) == ("random", None)
    assert draw["lot"] == told["lots"][0]["id"]
    assert [each["network"] for each in told["knownNetworks"]] == ["127.0.0.1", OF_HER["address"]]
    assert len(told["sessions"]) == 2
    assert told["sessions"][0].keys() == {"createdAt", "expiresAt"}
    sent = [each["template"] for each in told["notifications"]]
    assert sent[:1] == ["interview_scheduled"]
    assert sorted(sent) == [
        "interview_cancelled",
        "interview_scheduled",
        "interview_scheduled",
        "password_reset",
    ]

    cancelled, held = sorted(told["interviews"], key=lambda each: str(each["status"]))
    assert cancelled["cancelReason"] == f"{OF_HER['reason']} of Quillwort"
    assert held["interviewer"] == {
        "id": life.meeting.interviewer.id,
        "name": life.meeting.interviewer.name,
    }
    assert held["consent"]["gaze"] is True
    assert held["scorecard"]["criteria"][0]["comment"] == OF_HER["comment"]
    assert held["attentivenessScore"] == 81.5
    assert held["code"]["text"] == f"print({OF_HER['code']})"
    assert [sample["x"] for sample in held["gaze"][0]["samples"]] == [0.123454321] * 3
    numbers = [entry["seq"] for entry in held["log"]]
    assert numbers == sorted(numbers)
    talk = [entry["data"]["message"] for entry in held["log"] if entry["type"] == "chat"]
    assert talk == [OF_HER["chat"]]
    assert OF_HER["bookmark"] in [entry["data"].get("label") for entry in held["log"]]

    own = [(deed["action"], deed["address"]) for deed in told["audit"] if deed["byYou"]]
    assert ("login", OF_HER["address"]) in own
    others = [deed for deed in told["audit"] if not deed["byYou"]]
    assert {deed["action"] for deed in others} >= {"user.created"}
    assert {deed["address"] for deed in others} == {None}

    # Another's holds nothing of this.
    assert "trace" not in other.get("/api/candidates/me/export").text


def test_9_who_waits_reads_nothing_of_the_room_in_the_export(
    company: Company, start_web: StartWeb, connect: Connect
) -> None:
    task = make_task(company, starterCode="starter = 'secret'")
    ahead = Meeting(company, codingTaskId=task["id"], live=False)
    web = start_web()
    ida = connect(ahead.interviewer, web.url)
    assert "secret" in ida.join(ahead.id)["codeSnapshot"]
    here = {"interviewId": ahead.id}
    assert ida.call("bookmark", {**here, "label": "staff's own"})["ok"]
    cleo = connect(ahead.candidate, web.url)
    assert cleo.join(ahead.id)["waiting"]

    def told() -> tuple[Any, list[str]]:
        answer = ahead.candidate.get("/api/candidates/me/export")
        (interview,) = answer.json["interviews"]
        return interview["code"], [each["data"].get("event") for each in interview["log"]]

    assert told() == (None, [])
    ahead.start()
    cleo.next("admitted")
    # What they do themselves is theirs to read at once.
    assert told() == (None, ["participant.joined"])
    ahead.end()
    code, steps = told()
    assert "secret" in code["text"]
    assert "bookmark" in steps


def test_26_of_an_interview_that_was_called_off_one_s_own_part_is_told(company: Company) -> None:
    ahead = Meeting(company, live=False)
    path = f"/api/admin/interviews/{ahead.id}/cancel"
    assert company.admin.post(path, {"reason": "illness"}).status_code == 200
    (interview,) = ahead.candidate.get("/api/candidates/me/export").json["interviews"]
    assert (interview["code"], interview["log"]) == (None, [])


def test_26_each_question_of_an_export_is_answered_by_an_index(
    life: Life, database: Database[Document]
) -> None:
    with recorded(database) as commands:
        assert life.person.get("/api/candidates/me/export").status_code == 200
    finds = [command for command in commands if "find" in command]
    assert len(finds) < 40
    for command in finds:
        assert "COLLSCAN" not in stages(database, command), command


def test_26_nobody_is_erased_by_mistake_or_before_their_interview(
    company: Company, life: Life
) -> None:
    for confirm in ("somebody.else@example.com", company.admin.email):
        answer = company.admin.post(life.erase_path, {"confirm": confirm})
        assert answer.status_code == 422
        assert answer.json["errors"]["json"].keys() == {"confirm"}
    assert life.erase() == 409
    life.meeting.start()
    assert life.erase() == 409
    for colleague in (life.meeting.interviewer, company.admin):
        erase = f"/api/admin/candidates/{colleague.id}/erase"
        assert company.admin.post(erase, {"confirm": colleague.email}).status_code == 404
    assert life.person.get("/api/candidates/me").json["profile"]["user"]["email"] == EMAIL


def test_26_a_candidate_without_any_past_is_erased_by_profile_and_in_capitals(
    company: Company, database: Database[Document]
) -> None:
    person = company.candidate()
    erase = f"/api/admin/candidates/{person.profile_id}/erase"
    assert company.admin.post(erase, {"confirm": person.email.upper()}).status_code == 204
    assert company.admin.get(f"/api/admin/candidates/{person.id}").status_code == 404
    for name in ("users", "candidateprofiles", "sessions", "onetimetokens"):
        query = {"$or": [{"_id": ObjectId(person.id)}, {"user": ObjectId(person.id)}]}
        assert database[name].count_documents(query) == 0, name


def test_26_an_erasure_that_was_killed_is_ended_by_the_worker(
    company: Company,
    database: Database[Document],
    services: Services,
    settings: Settings,
    start_web: StartWeb,
    connect: Connect,
    search: Search,
    tmp_path: Path,
) -> None:
    web = start_web()
    life = Life(company)
    her = life.meet(lambda person: connect(person, web.url))
    _be_killed_while_erasing(web, life, database)
    her.leave()

    # Nobody gets in meanwhile, nor is anything made new.
    body = {"email": EMAIL, "password": PASSWORD}
    assert company.anyone.post("/api/auth/login", body).status_code == 401
    candidate = f"/api/admin/candidates/{life.person.id}"
    assert company.admin.patch(candidate, {"status": "active"}).status_code == 409
    assert search.found().keys() >= OF_HER.keys() - {"reason"}

    # Whoever began it may be at it still, for a while.
    assert services.erasure.sweep() == 0
    long_ago = utcnow() - timedelta(minutes=2)
    database["users"].update_one(
        {"_id": ObjectId(life.person.id)}, {"$set": {"erasure.dueAt": long_ago}}
    )
    with worker(settings, tmp_path / "worker.log"):
        wait_until(
            lambda: not database["users"].find_one({"_id": ObjectId(life.person.id)}),
            "the end of the erasure",
            40,
        )
    assert search.found() == {}
    deeds = database["auditentries"].find({"action": "candidate.erased"})
    assert [str(deed["actor"]) for deed in deeds] == [company.admin.id]


def _be_killed_while_erasing(web: WebProcess, life: Life, database: Database[Document]) -> None:
    """Ask `web` for the erasure and kill it as it waits for the seal of the log."""
    user = ObjectId(life.person.id)

    def ask() -> None:
        headers = {"Authorization": f"Bearer {life.company.admin.token}"}
        with suppress(requests.RequestException):
            requests.post(
                f"{web.url}{life.erase_path}", json={"confirm": EMAIL}, headers=headers, timeout=20
            )

    asking = Thread(target=ask)
    asking.start()
    query = {"_id": user, "erasure.by": ObjectId(life.company.admin.id)}
    wait_until(lambda: database["users"].find_one(query), "the erasure's beginning")
    web.kill()
    asking.join()
    assert database["users"].find_one(query), "it had ended before"
