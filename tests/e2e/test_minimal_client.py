"""The client of the documentation, under Node against a live service."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from interview_platform.core.settings import Settings
from tests.live import ROOT, WebProcess, wait_until
from tests.meeting import Meeting
from tests.realtime.node import BROWSER, install, run_script
from tests.realtime.test_renewal import end_of, ending_in

CLIENT = ROOT / "docs" / "examples" / "minimal-client.mjs"


def test_two_minimal_clients_end_with_one_text(
    web: WebProcess, meeting: Meeting, settings: Settings, tmp_path: Path
) -> None:
    ending = ending_in(settings, meeting.interviewer, 8)
    more = ending, str(end_of(ending))
    report = run_clients("two_clients.mjs", web, meeting, tmp_path, *more)
    assert report["disconnects"] == 0
    for messages in report["messages"]:
        assert sorted(messages) == ["from 0", "from 1"]
    path = f"/api/interviews/{meeting.id}/code"

    def stored() -> bool:
        return bool(meeting.interviewer.get(path).json["text"] == report["text"])

    wait_until(stored, "the text in the store")


def test_a_client_goes_on_after_edits_that_are_too_large(
    web: WebProcess, meeting: Meeting, tmp_path: Path
) -> None:
    report = run_clients("too_large.mjs", web, meeting, tmp_path)
    assert report["accepted"] == [0, 0]
    assert report["refused"] == [2, 1]
    assert report["length"] == len("<1>start\n") + 600_000
    marks = report["marks"]
    assert sorted(re.findall("<.>", marks)) == [f"<{number}>" for number in range(2, 10)]
    assert len(marks) == len("<2>") * 8 + 1
    path = f"/api/interviews/{meeting.id}/code"
    assert meeting.interviewer.get(path).json["text"] == report["text"]


def run_clients(
    script: str, web: WebProcess, meeting: Meeting, folder: Path, *more: str
) -> dict[str, Any]:
    """Run a script with the client beside it, as the meeting's two participants."""
    install()
    (folder / "node_modules").symlink_to(BROWSER / "node_modules")
    for file in (CLIENT, BROWSER / script):
        shutil.copy(file, folder)
    tokens = meeting.interviewer.token, meeting.candidate.token
    return run_script(script, web.url, *tokens, meeting.id, *more, folder=folder)


def test_the_protocol_s_page_shows_this_client() -> None:
    page = (ROOT / "docs" / "realtime-protocol.md").read_text()
    assert f"```js\n{CLIENT.read_text()}```" in page
