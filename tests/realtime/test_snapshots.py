"""Editors that send whole texts: what each means is known by what its socket has received."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from tests.editors import PlainEditor, YjsEditor
from tests.live import WebProcess
from tests.meeting import Connect, Meeting
from tests.realtime.network import SlowNetwork
from tests.realtime.node import run_script


class Case(NamedTuple):
    """A text, and texts that two editors send one after the other; the last one stands."""

    start: str
    sent: list[tuple[str, str]]


CASES = {
    "a letter that another typed is deleted": Case(
        "", [("A", "h"), ("A", "he"), ("A", "hel"), ("A", "hell"), ("A", "hello"), ("B", "hell")]
    ),
    "a line that another deleted is put back": Case(
        "keep\nme\n", [("A", "me\n"), ("B", "keep\nme\n")]
    ),
    "a value is flipped back": Case("x = 1\n", [("A", "x = 2\n"), ("B", "x = 1\n")]),
    "a value is flipped to and fro": Case(
        "x = 1\n", [("A", "x = 2\n"), ("B", "x = 1\n"), ("A", "x = 2\n"), ("B", "x = 1\n")]
    ),
    "what another appended is replaced": Case("ab", [("A", "ab12"), ("B", "ab34")]),
    "what another wrote is indented": Case(
        "def f():\n  a()\n",
        [("A", "def f():\n  a()\n  b()\n"), ("B", "def f():\n    a()\n    b()\n")],
    ),
    "the starter code comes back": Case(
        "def f():\n",
        [
            ("A", "def f():\n    return 1\n"),
            ("B", "def f():\n    return 2\n"),
            ("A", "def f():\n"),
        ],
    ),
    "all is deleted and typed again": Case(
        "one\n", [("A", "one\ntwo\n"), ("B", ""), ("A", "one\ntwo\n"), ("B", "one\n")]
    ),
    "one deletes what it typed itself": Case("a", [("A", "ab"), ("B", "abc"), ("A", "a")]),
}

TRANSPORTS: dict[str, dict[str, Any]] = {
    "websocket": {"transports": ["websocket"]},
    "polling": {"transports": ["polling"]},
    "upgraded": {"transports": ["polling", "websocket"]},
}


class Pair:
    """Two whole-text editors, A and B, of one document, and what the document says."""

    def __init__(self, connect: Connect, meeting: Meeting, options: dict[str, Any]) -> None:
        self.meeting = meeting
        self.editors = {
            "A": PlainEditor(connect(meeting.interviewer, **options), meeting.id),
            "B": PlainEditor(connect(meeting.candidate, **options), meeting.id),
        }
        self.witness = YjsEditor()
        self.witness.join(connect(meeting.company.admin), meeting.id)

    def play(self, case: Case, pause: float) -> None:
        """Have each text sent once its editor has the one before, after a `pause` in seconds."""
        before, last = case.start, "A"
        assert self.editors["A"].write(before)["ok"]
        for name, text in case.sent:
            self.editors[name].await_text(before)
            if name != last:
                time.sleep(pause)
            last = name
            assert self.editors[name].write(text)["ok"]
            before = text
        self.witness.shows(before)
        for editor in self.editors.values():
            editor.shows(before)
        # No more is shown than that.
        assert self.witness.hear() == before


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_text_sent_at_once_is_what_the_document_says(
    connect: Connect, meeting: Meeting, transport: str
) -> None:
    pair = Pair(connect, meeting, TRANSPORTS[transport])
    for case in CASES.values():
        pair.play(case, 0.0)


def test_a_text_sent_after_a_while_is_what_the_document_says(
    connect: Connect, meeting: Meeting
) -> None:
    pair = Pair(connect, meeting, TRANSPORTS["websocket"])
    for case in CASES.values():
        pair.play(case, 0.3)


def test_a_text_that_the_javascript_client_sends_is_what_the_document_says(
    web: WebProcess, meeting: Meeting
) -> None:
    cases = [[case.start, case.sent] for case in CASES.values()]
    tokens = meeting.interviewer.token, meeting.candidate.token
    script = "snapshots.mjs", web.url, *tokens, meeting.id, json.dumps(cases)
    report = run_script(*script)
    expected = [case.sent[-1][1] for case in CASES.values()]
    assert report == {"A": expected, "B": expected, "transport": "websocket"}


def test_editors_that_type_at_once_over_slow_networks_agree_and_lose_nothing(
    web: WebProcess, meeting: Meeting
) -> None:
    people = (
        (meeting.interviewer, 0.5, "websocket", False),
        (meeting.candidate, 0.1, "upgraded", False),
        (meeting.candidate, 0.3, "polling", False),
        (meeting.company.admin, 0.2, "websocket", True),
    )
    with ExitStack() as networks:
        editors = [
            {
                "url": f"http://127.0.0.1:"
                f"{networks.enter_context(SlowNetwork(web.port, latency)).port}",
                "token": person.token,
                "yjs": yjs,
                **TRANSPORTS[transport],
            }
            for person, latency, transport, yjs in people
        ]
        told = {"interviewId": meeting.id, "seconds": 5, "editors": editors}
        report = run_script("typing.mjs", json.dumps(told))
    assert report == {"agree": True, "lost": [], "doubled": 0, "back": []}
