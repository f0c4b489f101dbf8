"""What was acknowledged is in the log, whatever is killed."""

from __future__ import annotations

import time
from threading import Event, Thread
from typing import Any

import pytest
from socketio.exceptions import SocketIOError

from interview_platform.core.settings import Settings
from interview_platform.local.stores import EmbeddedMongo
from tests.live import SocketPerson, kill, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.service import make_settings


@pytest.fixture
def settings(store: EmbeddedMongo, redis_db_url: str) -> Settings:
    return make_settings(store.url, "killed", redis_db_url)


class Talk:
    """Somebody who chats on and on, and what they were told to be kept: numbers and texts."""

    def __init__(self, person: SocketPerson, interview_id: str) -> None:
        self.kept: dict[int, str] = {}
        self._person = person
        self._interview_id = interview_id
        self._over = Event()
        self._thread = Thread(target=self._talk)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _talk(self) -> None:
        number = 0
        while not self._over.wait(0.02):
            number += 1
            self._say(f"message {number}")

    def _say(self, text: str) -> None:
        def keep(answer: dict[str, Any]) -> None:
            if answer["ok"]:
                self.kept[answer["seq"]] = text

        payload = {"interviewId": self._interview_id, "message": text}
        try:
            self._person.client.emit("chatMessage", payload, "/interview", callback=keep)
        except SocketIOError:
            self._over.set()


def check_kept(meeting: Meeting, talks: list[Talk]) -> None:
    """Fail the test unless all that was acknowledged stands in the log under its number."""
    # Answers go on to come in while the log is read.
    kept = [dict(talk.kept) for talk in talks]
    log: dict[int, Any] = {}
    path = f"/api/interviews/{meeting.id}/logs"
    after: dict[str, str] = {}
    while True:
        page = meeting.company.admin.get(path, order="asc", limit=200, **after).json
        log |= {entry["seq"]: entry["data"].get("message") for entry in page["logs"]}
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert list(log) == list(range(1, len(log) + 1))
    for told in kept:
        assert len(told) > 50
        assert told.items() <= log.items()


def test_22_what_was_acknowledged_survives_the_web_process(
    start_web: StartWeb, connect: Connect, meeting: Meeting
) -> None:
    doomed, other = start_web(), start_web()
    ida, cleo = connect(meeting.interviewer, doomed.url), connect(meeting.candidate, other.url)
    talks = []
    for person in (ida, cleo):
        assert person.join(meeting.id)["ok"]
        talks.append(Talk(person, meeting.id))
    wait_until(lambda: all(len(talk.kept) > 50 for talk in talks), "acknowledgements")
    doomed.kill()
    so_far = len(talks[1].kept)
    wait_until(lambda: len(talks[1].kept) > so_far + 50, "acknowledgements to go on")
    for talk in talks:
        talk.end()
    check_kept(meeting, talks)


def test_22_what_was_acknowledged_survives_the_store(
    start_web: StartWeb, connect: Connect, meeting: Meeting, store: EmbeddedMongo
) -> None:
    cleo = connect(meeting.candidate, start_web().url)
    assert cleo.join(meeting.id)["ok"]
    talk = Talk(cleo, meeting.id)
    wait_until(lambda: len(talk.kept) > 50, "acknowledgements")
    kill(store)
    so_far = len(talk.kept)
    time.sleep(0.5)  # messages go on to come in, and wait
    store.start()
    wait_until(lambda: len(talk.kept) > so_far + 50, "acknowledgements to go on")
    talk.end()
    check_kept(meeting, [talk])
