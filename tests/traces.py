"""A candidate who leaves traces everywhere, and a search for these.

A plugin of pytest, named in `conftest.py`.
"""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import bson
import pytest
from pymongo.database import Database
from redis import Redis

from interview_platform.core.mongo import Document
from tests.editors import YjsEditor
from tests.gaze import Gaze
from tests.interviews import book, make_lot
from tests.live import SocketPerson
from tests.meeting import Connect, Meeting
from tests.service import PASSWORD, Company

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
