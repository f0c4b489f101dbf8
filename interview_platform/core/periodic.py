"""Collection `periodictasks`: what is done once in a while, by one process at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

from pymongo.errors import DuplicateKeyError

from .clock import EPOCH, utcnow
from .mongo import Repository

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
"""For how long a process that shows no progress is taken to be at work still."""


class PeriodicTaskRepository(Repository):
    """One document a task, under its name: when it is due, and who is at it."""

    COLLECTION = "periodictasks"

    def is_due(self, name: str, now: datetime) -> bool:
        found = self._collection.find_one({"_id": name})
        if found is None:
            return True
        leased = found.get("lease")
        return found["dueAt"] <= now and not (leased and leased["until"] > now)

    def claim(self, name: str, token: str, now: datetime) -> bool:
        """Lease a task that is due; False where it is not, or somebody is at it."""
        due = {"_id": name, "dueAt": {"$lte": now}, "lease.until": {"$not": {"$gt": now}}}
        lease = {"token": token, "until": now + LEASE}
        if self._collection.update_one(due, {"$set": {"lease": lease}}).matched_count:
            return True
        try:
            self._collection.insert_one({"_id": name, "dueAt": EPOCH, "lease": lease})
        except DuplicateKeyError:
            return False
        return True

    def renew(self, name: str, token: str, now: datetime) -> bool:
        """Begin the lease's time again; False where somebody else has the task."""
        held = {"_id": name, "lease.token": token}
        change = {"$set": {"lease.until": now + LEASE}}
        return self._collection.update_one(held, change).matched_count == 1

    def finish(self, name: str, token: str, due_at: datetime) -> None:
        """Give the task back until `due_at`, unless somebody else has it."""
        self._collection.update_one(
            {"_id": name, "lease.token": token},
            {"$set": {"dueAt": due_at}, "$unset": {"lease": ""}},
        )


class Overtaken(Exception):
    """Somebody else has taken over a task whose process showed no progress."""


class PeriodicTask:
    """Work that is due once in every `interval`, counted from midnight UTC.

    `work` is given a function to call after each of its steps, and must be safe to repeat:
    it begins again where a process was killed.
    """

    def __init__(
        self,
        tasks: PeriodicTaskRepository,
        name: str,
        interval: timedelta,
        work: Callable[[Callable[[], None]], object],
    ) -> None:
        self.name = name
        self._tasks = tasks
        self._interval = interval
        self._work = work

    def is_due(self) -> bool:
        """Tell whether the task is due and nobody is at it."""
        return self._tasks.is_due(self.name, utcnow())

    def run(self) -> bool:
        """Do the work if it is due; False where it is not, or somebody else is at it."""
        token = uuid4().hex
        now = utcnow()
        if not self._tasks.claim(self.name, token, now):
            return False

        def on_progress() -> None:
            if not self._tasks.renew(self.name, token, utcnow()):
                raise Overtaken(self.name)

        try:
            self._work(on_progress)
        except Overtaken:
            log.warning("%s goes on elsewhere", self.name)
            return False
        next_due = now - (now - EPOCH) % self._interval + self._interval
        self._tasks.finish(self.name, token, next_due)
        return True
