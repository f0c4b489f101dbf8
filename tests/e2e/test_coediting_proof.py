"""A programming session is typed again while others type, and all that can fail fails."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from threading import Event

import pytest

from interview_platform.core.settings import Settings
from interview_platform.local.stores import EmbeddedMongo
from tests import typing_trace
from tests.live import SocketPerson, WebProcess, wait_until
from tests.meeting import Meeting, StartWeb
from tests.realtime.node import run_script
from tests.record import check, export_of
from tests.service import Person, make_settings
from tests.typists import (
    FIRST_LETTERS,
    PlainTypist,
    Scribbler,
    YjsTypist,
    agreed,
    check_kept,
    retype,
    without_scribbles,
)

# How many edits an editor gathers before it sends them as one update.
GATHERED = 3

# In seconds: between two edits of those who scribble, and what all of it may take.
PACE = 0.02
MOST = 300.0

Dial = Callable[[], SocketPerson]


@pytest.fixture
def settings(store: EmbeddedMongo, redis_db_url: str) -> Settings:
    return make_settings(store.url, "proof", redis_db_url)


class Processes:
    """Two web processes; one that crashes is followed by another."""

    def __init__(self, start_web: StartWeb) -> None:
        self._start = start_web
        self._webs: list[WebProcess] = [self._new(), self._new()]
        self._turns = cycle([0, 1])

    @property
    def url(self) -> str:
        return self._webs[0].url

    def dial(self, person: Person) -> Dial:
        """Return what connects `person` to one of them, in turns."""
        return lambda: SocketPerson(self._webs[next(self._turns)].url, person.token)

    def crash(self, number: int) -> None:
        self._webs[number].kill()
        self._webs[number] = self._new()

    def _new(self) -> WebProcess:
        # Each person types as fast as many do.
        return self._start(EVENTS_PER_SECOND="100000")


class Colleague:
    """Somebody who types at random places, most of the time in an editor that speaks Yjs."""

    def __init__(self, dial: Dial, interview_id: str, number: int) -> None:
        self.typist = YjsTypist(dial, interview_id)
        self.scribbler = Scribbler(FIRST_LETTERS[number], seed=number)
        self._dial = dial
        self._simply = Event()
        self._back = Event()
        self._over = Event()

    def work(self) -> None:
        """Type until the end."""
        while not self._over.wait(PACE):
            self.scribbler.scribble(self.typist)
            if self._simply.is_set():
                try:
                    self._work_simply()
                finally:
                    self._back.set()
        self.typist.settle()

    def go_simple(self) -> None:
        """Type in an editor that knows nothing of Yjs from now on."""
        self._simply.set()

    def come_back(self) -> None:
        """Leave that editor, and return once it has come to rest.

        It has nothing to send again what is cut off on its way.
        """
        self._simply.clear()
        assert self._back.wait(MOST)

    def end(self) -> None:
        self._over.set()

    def _work_simply(self) -> None:
        """Go on in an editor that knows nothing of Yjs, where nothing is lost either."""
        self.typist.settle()
        editor = PlainTypist(self._dial, self.typist.interview_id)
        editor.connect()
        while self._simply.is_set() and not self._over.wait(PACE):
            self.scribbler.scribble(editor)
        editor.settle()
        wait_until(
            lambda: self.scribbler.left(editor.hear()) == sorted(self.scribbler.there),
            "all that was typed, and nothing else",
        )
        assert not editor.refused
        editor.leave()


def test_a_session_survives_whatever_is_cut_and_killed(
    start_web: StartWeb, meeting: Meeting, tmp_path: Path
) -> None:
    processes = Processes(start_web)
    typist = YjsTypist(processes.dial(meeting.candidate), meeting.id, GATHERED)
    ida = Colleague(processes.dial(meeting.interviewer), meeting.id, 0)
    grace = Colleague(processes.dial(meeting.company.admin), meeting.id, 1)
    colleagues = [ida, grace]
    editors = [typist, ida.typist, grace.typist]
    for editor in editors:
        editor.connect()
    progress = _Progress(typist)
    # What happens once so much is typed.
    troubles: list[tuple[float, Callable[[], object]]] = [
        (0.08, typist.cut),
        (0.14, ida.typist.cut),
        (0.20, lambda: processes.crash(0)),
        (0.40, grace.go_simple),
        (0.50, typist.cut),
        (0.60, grace.come_back),
        (0.65, lambda: processes.crash(1)),
        *((0.85, editor.cut) for editor in editors),
    ]
    with ThreadPoolExecutor(3) as pool:
        typed = pool.submit(progress.type_all)
        working = [pool.submit(colleague.work) for colleague in colleagues]
        try:
            for share, trouble in troubles:
                wait_until(lambda: progress.share >= share or typed.done(), "so much", MOST)  # noqa: B023
                trouble()
            typed.result(MOST)
        finally:
            for colleague in colleagues:
                colleague.end()
        for each in working:
            each.result(MOST)

    text = agreed(editors)
    assert without_scribbles(text) == typing_trace.end()
    for colleague in colleagues:
        assert colleague.scribbler.typed > 100
        assert colleague.scribbler.left(text) == sorted(colleague.scribbler.there)
    assert [editor.refused for editor in editors] == [[], [], []]
    assert all(len(editor.lines) > 2 for editor in editors)

    for number in range(2):
        processes.crash(number)
    assert meeting.interviewer.get(f"/api/interviews/{meeting.id}/code").json["text"] == text
    stranger = run_script("document.mjs", processes.url, meeting.interviewer.token, meeting.id)
    assert stranger == {"text": text, "whole": True, "agrees": True}
    for editor in editors:
        editor.close()
    meeting.end()
    record = export_of(meeting)
    assert check_kept(record, editors) > 1_000
    assert check(record, tmp_path)[0] == 0


class _Progress:
    """The session, and how much of it is typed."""

    def __init__(self, typist: YjsTypist) -> None:
        self.share = 0.0
        self._typist = typist

    def type_all(self) -> None:
        patches = list(typing_trace.patches())
        for number, patch in enumerate(patches):
            retype(self._typist, *patch)
            self.share = number / len(patches)
        self._typist.settle()
