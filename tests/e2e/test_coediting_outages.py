"""Editors that go on while a store is away: nothing is lost, and all agree in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice

import pytest

from interview_platform.core import redis
from interview_platform.core.settings import Settings
from interview_platform.local.stores import EmbeddedMongo, EmbeddedRedis
from tests import typing_trace
from tests.live import SocketPerson, WebProcess, kill
from tests.meeting import Meeting, StartWeb
from tests.record import export_of
from tests.service import Person, make_settings
from tests.typists import (
    FIRST_LETTERS,
    PlainTypist,
    Scribbler,
    Typist,
    YjsTypist,
    agreed,
    check_kept,
    retype,
)


@pytest.fixture
def settings(store: EmbeddedMongo, own_redis: EmbeddedRedis) -> Settings:
    return make_settings(store.url, "outages", f"{own_redis.url}/0")


class Room:
    """Two processes, with somebody on each who types, and on one of them a simple editor."""

    def __init__(self, start_web: StartWeb, meeting: Meeting) -> None:
        one, other = start_web(), start_web()
        self.meeting = meeting
        self.typist = YjsTypist(_dial(one, meeting.candidate), meeting.id)
        self.colleague = YjsTypist(_dial(other, meeting.interviewer), meeting.id)
        self.watcher = PlainTypist(_dial(other, meeting.company.admin), meeting.id)
        self.editors: list[Typist] = [self.typist, self.colleague, self.watcher]
        for editor in self.editors:
            editor.connect()
        self._scribbler = Scribbler(FIRST_LETTERS[1], seed=1)
        self._patches = typing_trace.patches()

    def type(self, count: int) -> None:
        """Have the two type so much, one of them the session, from where it was left."""
        for patch in islice(self._patches, count):
            retype(self.typist, *patch)
            self._scribbler.scribble(self.colleague)

    def settle(self) -> str:
        """Have all be acknowledged and alike, and return the text."""
        for editor in self.editors:
            editor.settle()
            assert not editor.refused
        return agreed(self.editors)

    def check(self, text: str) -> None:
        """Check that the store holds `text`, and all that was acknowledged."""
        for editor in (self.typist, self.colleague):
            editor.close()
        self.watcher.leave()
        code = self.meeting.interviewer.get(f"/api/interviews/{self.meeting.id}/code")
        assert code.json["text"] == text
        self.meeting.end()
        assert check_kept(export_of(self.meeting), self.editors) > 300


def test_22_typing_goes_on_while_the_store_is_killed(
    start_web: StartWeb, meeting: Meeting, store: EmbeddedMongo
) -> None:
    room = Room(start_web, meeting)
    room.type(100)
    kill(store)
    room.type(60)
    # Nobody waits for the store to hear of it.
    text = agreed(room.editors)
    assert room.typist.line.unanswered >= 60
    store.start()
    room.type(150)
    assert len(room.settle()) > len(text)
    room.check(room.typist.text)


def test_21_editors_agree_though_processes_do_not_hear_each_other(
    start_web: StartWeb, meeting: Meeting, own_redis: EmbeddedRedis
) -> None:
    room = Room(start_web, meeting)
    room.type(100)
    room.settle()
    with _silence(own_redis):
        room.type(150)
        # By the log alone, and without anybody typing again.
        room.settle()
    room.type(100)
    room.check(room.settle())


@contextmanager
def _silence(own_redis: EmbeddedRedis) -> Iterator[None]:
    """Have nobody publish or hear anything meanwhile; all else goes on."""
    with closing(redis.connect(own_redis.url)) as client:
        client.execute_command("ACL", "SETUSER", "default", "resetchannels")  # type: ignore[no-untyped-call]
        yield
        client.execute_command("ACL", "SETUSER", "default", "allchannels")  # type: ignore[no-untyped-call]


def _dial(web: WebProcess, person: Person) -> Callable[[], SocketPerson]:
    return lambda: SocketPerson(web.url, person.token)
