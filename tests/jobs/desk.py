"""A worker process, the stores and providers it works with, and what tests ask of it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from bson import ObjectId
from redis import Redis

from interview_platform.core.clock import utcnow
from interview_platform.core.mongo import Document, Session, sync_schema, transaction
from interview_platform.core.queueing import workers_alive
from interview_platform.core.settings import Settings
from interview_platform.wiring import Services
from tests.live import ROOT, environment, procfile_command, wait_until

START = datetime(2026, 3, 3, 13, 30, tzinfo=UTC)
LENGTH = timedelta(minutes=45)

# Seconds. Longer than any lease and the sweep after it.
DEADLINE = 40.0

_numbers = count(1)


class Desk:
    """Makes people, asks for notifications to them as other modules do, and reads the rows."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = dict(environ)
        self.settings = Settings.from_env(environ)
        self.services = Services(self.settings)
        sync_schema(self.services.repositories)
        self._rows = self.services.store["notifications"]

    def person(self, **fields: Any) -> Document:
        number = next(_numbers)
        return self.services.users.add(
            {
                "name": f"Person {number}",
                "email": f"person{number}@example.com",
                "role": "candidate",
                "status": "active",
                **fields,
            }
        )

    def keep(self, person: Document, template: str = "interview_scheduled", **options: Any) -> Any:
        """Write a notification to `person` in a transaction, and return its id."""
        request = {
            "template": template,
            "dedupe_key": str(ObjectId()),
            "user_id": person["_id"],
            "interview_id": ObjectId(),
            **options,
        }
        request["context"] = {
            "audience": "candidate",
            "counterpart": "Grace Hopper",
            "start": START,
            "end": START + LENGTH,
            **request.get("context", {}),
        }

        def write(session: Session) -> ObjectId:
            return self.services.notifications.request(session, **request)

        return transaction(self.services.store, write)

    def send(self, person: Document, template: str = "interview_scheduled", **options: Any) -> Any:
        """Write a notification to `person`, have it delivered, and return its id."""
        notification_id = self.keep(person, template, **options)
        self.services.notifications.dispatch([notification_id])
        return notification_id

    def insert(self, row: Document) -> Any:
        """Write `row` as it is, as another service did, and return its id."""
        return self._rows.insert_one({**row, "createdAt": utcnow()}).inserted_id

    def row(self, notification_id: ObjectId) -> Document:
        row = self._rows.find_one({"_id": notification_id})
        assert row is not None
        return row

    def closed(self, notification_id: ObjectId) -> Document:
        """Return the row once it is sent or failed."""
        wait_until(
            lambda: self.row(notification_id)["status"] in ("sent", "failed"),
            "the notification's end",
            DEADLINE,
        )
        return self.row(notification_id)

    def clear(self) -> None:
        self.services.store.client.drop_database(self.services.store.name)


@dataclass
class WorkerProcess:
    """The Procfile's worker at work on a desk; what it logs goes to `log_file`."""

    process: subprocess.Popen[bytes]
    log_file: Path

    def is_ready(self, redis: Redis) -> bool:
        assert self.process.poll() is None, f"it ended:\n{self.log_file.read_text()}"
        return workers_alive(redis)

    def terminate(self) -> int:
        """Ask the worker to stop and return its exit status."""
        self.process.terminate()
        return self.process.wait(20)


@contextmanager
def working(desk: Desk, log_file: Path, *, ready: bool = True) -> Iterator[WorkerProcess]:
    """Run a worker for the time of a `with`, which begins once it is ready if `ready`."""
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            procfile_command("worker"),
            cwd=ROOT,
            env=environment(desk.settings, **desk.environ),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    worker = WorkerProcess(process, log_file)
    try:
        if ready:
            wait_until(lambda: worker.is_ready(desk.services.redis), "the worker")
        yield worker
        if process.poll() is None:
            status = worker.terminate()
            assert status == 0, f"it ended with {status}:\n{log_file.read_text()}"
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
