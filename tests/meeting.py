"""Live web processes, and an interview to meet in.

A plugin of pytest, named in `conftest.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from interview_platform.core.settings import Settings
from tests.forked import ForkServer
from tests.live import Launch, SocketPerson, WebProcess
from tests.service import Company, Person

StartWeb = Callable[..., WebProcess]
Connect = Callable[..., SocketPerson]


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    with ForkServer() as server:
        yield server


@pytest.fixture
def launch(fork_server: ForkServer) -> Launch:
    """How web processes start: quickly. Where starting matters, `deploy` stands in its place."""
    return fork_server.launch


@pytest.fixture
def start_web(launch: Launch, settings: Settings, tmp_path: Path) -> Iterator[StartWeb]:
    """Starts web processes that share this test's stores; ends them after it."""
    started: list[WebProcess] = []

    def start(**env: str) -> WebProcess:
        started.append(WebProcess(launch, settings, tmp_path / f"web{len(started)}.log", **env))
        return started[-1]

    yield start
    for web in started:
        web.kill()


@pytest.fixture
def web(company: Company, start_web: StartWeb) -> WebProcess:
    """One live web process, on the database that `company` was founded in."""
    return start_web()


@pytest.fixture
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Connects people to `web`, or to another process by its `url`."""
    connected: list[SocketPerson] = []

    def connect(person: Person, url: str | None = None, **options: Any) -> SocketPerson:
        url = url or request.getfixturevalue("web").url
        connected.append(SocketPerson(url, person.token, **options))
        return connected[-1]

    yield connect
    for socket in connected:
        socket.leave()


@pytest.fixture
def meeting(company: Company) -> Meeting:
    return Meeting(company)


class Meeting:
    """A live interview and its two participants."""

    def __init__(self, company: Company, *, live: bool = True, **fields: Any) -> None:
        self.company = company
        self.interviewer = company.staff()
        self.candidate = company.candidate()
        start = datetime.now(UTC) + timedelta(minutes=5)
        body = {
            "candidateId": self.candidate.id,
            "interviewerId": self.interviewer.id,
            "schedule": {
                "start": start.isoformat(),
                "end": (start + timedelta(hours=1)).isoformat(),
            },
            **fields,
        }
        answer = company.admin.post("/api/admin/interviews", body)
        assert answer.status_code == 201, answer.text
        self.id: str = answer.json["interview"]["id"]
        if live:
            self.start()

    def start(self) -> None:
        assert self.interviewer.post(f"/api/interviews/{self.id}/start").status_code == 200

    def end(self, **body: Any) -> None:
        answer = self.interviewer.post(f"/api/interviews/{self.id}/end", body)
        assert answer.status_code == 200, answer.text

    def log(self, **query: Any) -> list[dict[str, Any]]:
        """Return the session log, oldest entry first."""
        path = f"/api/interviews/{self.id}/logs"
        answer = self.company.admin.get(path, order="asc", limit=200, **query)
        assert answer.status_code == 200, answer.text
        entries: list[dict[str, Any]] = answer.json["logs"]
        return entries
