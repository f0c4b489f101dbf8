"""What is asked of the store while a test listens, and how the store would find it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pymongo import monitoring
from pymongo.database import Database

from interview_platform.core.mongo import Document

# The command's name comes first.
_ASKED_OF_PLANNER = (
    *("find", "filter", "sort", "limit", "projection"),
    *("aggregate", "pipeline", "cursor", "hint"),
)


class _Listener(monitoring.CommandListener):
    def __init__(self) -> None:
        self.recording: list[tuple[str, Mapping[str, Any]]] | None = None

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if self.recording is not None:
            self.recording.append((event.database_name, event.command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


_listener = _Listener()
# PyMongo lets nobody unregister, so one listener serves every test.
monitoring.register(_listener)


@contextmanager
def recorded(database: Database[Document]) -> Iterator[list[Mapping[str, Any]]]:
    """Gather the commands that clients made after this module was imported send to `database`."""
    commands: list[Mapping[str, Any]] = []
    recording: list[tuple[str, Mapping[str, Any]]] = []
    _listener.recording = recording
    try:
        yield commands
    finally:
        _listener.recording = None
        commands += [command for name, command in recording if name == database.name]


def stages(database: Database[Document], command: Mapping[str, Any]) -> set[str]:
    """Return the stages by which the store would answer a `find` or `aggregate` command."""
    question = {key: command[key] for key in _ASKED_OF_PLANNER if key in command}
    answer = database.command("explain", question, verbosity="queryPlanner")
    # Where a pipeline is not answered by a query alone, the query is its first stage.
    query = answer if "queryPlanner" in answer else answer["stages"][0]["$cursor"]
    return set(_stages(query["queryPlanner"]["winningPlan"]))


def _stages(plan: object) -> Iterator[str]:
    if isinstance(plan, Mapping):
        if "stage" in plan:
            yield plan["stage"]
        for part in plan.values():
            yield from _stages(part)
    elif isinstance(plan, list):
        for part in plan:
            yield from _stages(part)
