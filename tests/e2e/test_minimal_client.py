"""The client of the documentation, under Node against a live service."""

from __future__ import annotations

import shutil
from pathlib import Path

from interview_platform.core.settings import Settings
from tests.live import ROOT, WebProcess, wait_until
from tests.meeting import Meeting
from tests.realtime.node import BROWSER, install, run_script
from tests.realtime.test_renewal import end_of, ending_in

CLIENT = ROOT / "docs" / "examples" / "minimal-client.mjs"


def test_two_minimal_clients_end_with_one_text(
    web: WebProcess, meeting: Meeting, settings: Settings, tmp_path: Path
) -> None:
    install()
    (tmp_path / "node_modules").symlink_to(BROWSER / "node_modules")
    for script in (CLIENT, BROWSER / "two_clients.mjs"):
        shutil.copy(script, tmp_path)
    report = run_script(
        "two_clients.mjs",
        web.url,
        meeting.interviewer.token,
        meeting.candidate.token,
        meeting.id,
        ending := ending_in(settings, meeting.interviewer, 8),
        str(end_of(ending)),
        folder=tmp_path,
    )
    assert report["disconnects"] == 0
    for messages in report["messages"]:
        assert sorted(messages) == ["from 0", "from 1"]
    path = f"/api/interviews/{meeting.id}/code"

    def stored() -> bool:
        return bool(meeting.interviewer.get(path).json["text"] == report["text"])

    wait_until(stored, "the text in the store")


def test_the_protocol_s_page_shows_this_client() -> None:
    page = (ROOT / "docs" / "realtime-protocol.md").read_text()
    assert f"```js\n{CLIENT.read_text()}```" in page
