"""Interviews with a record, the record itself, and those who verify it.

A plugin of pytest, named in `conftest.py`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from interview_platform.core.canonical import digest
from interview_platform.timeline.verify import verify
from interview_platform.wiring import Services
from tests.live import ROOT
from tests.meeting import Meeting

SAMPLES = [{"t": 1, "x": 0.5}, {"t": 2, "x": 0.25}]

Lines = list[bytes]


@pytest.fixture
def happened(meeting: Meeting, services: Services) -> Meeting:
    """A live interview with a log of 10 entries, of which the third to the last are Ada's."""
    actor = {"userId": ObjectId(meeting.candidate.id), "name": "Ada Lovelace", "role": "candidate"}
    events: list[tuple[str, dict[str, Any]]] = [
        ("code", {"update": b"\x00\xff\x01"}),
        *(("chat", {"message": f"message {n}"}) for n in range(6)),
        ("eye-tracking", {"event": "gaze", "count": 2, "digest": digest(SAMPLES)}),
    ]
    logged = [
        services.session_log.append(ObjectId(meeting.id), kind, actor, data)
        for kind, data in events
    ]
    for each in logged:
        each.stored.result(20)
    return meeting


@pytest.fixture
def over(happened: Meeting, services: Services) -> Meeting:
    """An interview that has ended, the time for what comes late included."""
    happened.end()
    out_of_grace(happened, services)
    return happened


def out_of_grace(meeting: Meeting, services: Services) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    services.store.interviews.update_one(
        {"_id": ObjectId(meeting.id)}, {"$set": {"sealDueAt": past}}
    )


def path(meeting: Meeting, what: str) -> str:
    return f"/api/interviews/{meeting.id}/{what}"


def receipt_of(meeting: Meeting) -> dict[str, Any]:
    answer = meeting.interviewer.get(path(meeting, "receipt"))
    assert answer.status_code == 200, answer.text
    receipt: dict[str, Any] = answer.json["receipt"]
    return receipt


def export_of(meeting: Meeting) -> Lines:
    answer = meeting.interviewer.get(path(meeting, "export"))
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    return answer.data.splitlines(keepends=True)


def check(lines: Iterable[bytes], tmp_path: Path, *options: str) -> tuple[int, str]:
    """Have the lines verified as anybody would; returns the exit status and what was printed."""
    file = tmp_path / "record.ndjson"
    file.write_bytes(b"".join(lines))
    command = [sys.executable, "-m", "interview_platform.timeline.verify", str(file), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def faults(lines: Lines, public_key: bytes | None = None) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for number, what in verify(lines, public_key).faults:
        found.setdefault(number, []).append(what)
    return found
