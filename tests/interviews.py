"""Interviews for tests, and the times that they are held at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.service import Company, Person

NOBODY = "65f0c0ffee65f0c0ffee65f0"

# Far enough from now that no test reaches it while it runs.
_TOMORROW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=1)


def at(hours: float) -> str:
    """Return a moment, in hours from some full hour of tomorrow, as the wire has it."""
    moment = _TOMORROW + timedelta(hours=hours)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def slot(start: float = 0, end: float | None = None) -> dict[str, str]:
    """Return a schedule, of an hour unless `end` says otherwise."""
    return {"start": at(start), "end": at(start + 1 if end is None else end)}


def book(
    company: Company, candidate: Person, interviewer: Person, start: float = 0, **fields: Any
) -> dict[str, Any]:
    """Schedule an interview and return it."""
    body = {
        "candidateId": candidate.id,
        "interviewerId": interviewer.id,
        "schedule": slot(start),
        **fields,
    }
    answer = company.admin.post("/api/admin/interviews", body)
    assert answer.status_code == 201, answer.text
    interview: dict[str, Any] = answer.json["interview"]
    return interview


def make_task(company: Company, **fields: Any) -> dict[str, Any]:
    """Create a coding task with a visible and a hidden test, and return it."""
    body = {
        "title": "Two sum",
        "description": "Find the two numbers.",
        "starterCode": "def two_sum():\n    ...\n",
        "language": "python",
        "difficulty": "easy",
        "tags": ["arrays"],
        "tests": [
            {"name": "shown", "stdin": "1 2\n", "expected": "3\n", "hidden": False},
            {"name": "secret", "stdin": "5 6\n", "expected": "11\n", "hidden": True},
        ],
        **fields,
    }
    answer = company.admin.post("/api/admin/coding-tasks", body)
    assert answer.status_code == 201, answer.text
    task: dict[str, Any] = answer.json["codingTask"]
    return task


def make_lot(company: Company, name: str = "Backend, spring") -> dict[str, Any]:
    """Create a lot and return it."""
    answer = company.admin.post("/api/admin/lots", {"name": name})
    assert answer.status_code == 201, answer.text
    lot: dict[str, Any] = answer.json["lot"]
    return lot
