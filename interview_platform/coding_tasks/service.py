"""Coding tasks: kept by admins, read by staff, shown to candidates without hidden tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from bson import ObjectId

from ..audit.service import Audit
from ..auth.model import Actor
from ..core.errors import Conflict, NotFound
from ..core.locks import LockRepository
from ..core.mongo import Document, Session, Store, transaction
from ..core.paging import Page, PageRequest
from .model import TASKS_IN_USE
from .repository import CodingTaskRepository

CANDIDATE_FIELDS = ("_id", "title", "description", "starterCode", "language", "difficulty")


class TaskUses(Protocol):
    """Who may refer to a task; `interviews` implements it."""

    def uses_coding_task(self, task_id: ObjectId, session: Session) -> bool:
        """Tell whether anything refers to the task."""


class CodingTaskService:
    def __init__(
        self,
        store: Store,
        tasks: CodingTaskRepository,
        locks: LockRepository,
        uses: TaskUses,
        audit: Audit,
    ) -> None:
        self._store = store
        self._tasks = tasks
        self._locks = locks
        self._uses = uses
        self._audit = audit

    def create(self, actor: Actor, fields: Document) -> Document:
        def add(session: Session) -> Document:
            task = self._tasks.add(fields, session)
            self._record("created", actor, task["_id"], session)
            return task

        return transaction(self._store, add)

    def page(self, page: PageRequest) -> Page[Document]:
        """Return tasks without description, code and tests, newest first."""
        return self._tasks.page(page)

    def get(self, task_id: ObjectId) -> Document:
        """Return the whole task. Raises `NotFound`."""
        task = self._tasks.by_id(task_id)
        if task is None:
            raise NotFound
        return task

    def update(self, actor: Actor, task_id: ObjectId, changes: Document) -> Document:
        """Set `changes` on the task and return it. Raises `NotFound`."""

        def change(session: Session) -> Document:
            task = self._tasks.update(task_id, changes, session)
            if task is None:
                raise NotFound
            self._record("updated", actor, task_id, session)
            return task

        return transaction(self._store, change)

    def delete(self, actor: Actor, task_id: ObjectId) -> None:
        """Delete the task. Raises `NotFound`, and `Conflict` while an interview refers to it."""

        def remove(session: Session) -> None:
            self._locks.take(TASKS_IN_USE, session)
            if not self._tasks.remove(task_id, session):
                raise NotFound
            if self._uses.uses_coding_task(task_id, session):
                raise Conflict("An interview refers to this coding task")
            self._record("deleted", actor, task_id, session)

        transaction(self._store, remove)

    def hold(self, task_id: ObjectId, session: Session) -> Document | None:
        """Return the task as lists have it, kept from deletion until the transaction ends."""
        self._locks.share(TASKS_IN_USE, session)
        return self._tasks.by_ids([task_id], session).get(task_id)

    def find(self, task_id: ObjectId) -> Document | None:
        return self._tasks.by_id(task_id)

    def by_ids(self, task_ids: Iterable[ObjectId]) -> dict[ObjectId, Document]:
        """Return the tasks of `task_ids` without their code and tests, in one query."""
        return self._tasks.by_ids(task_ids)

    def _record(self, what: str, actor: Actor, task_id: ObjectId, session: Session) -> None:
        self._audit.record(
            f"coding-task.{what}", actor=actor.user_id, subject=task_id, session=session
        )


def for_candidate(task: Document) -> Document:
    """Return what a candidate may see of `task`: no hidden test, and nothing of the staff's."""
    tests = task.get("tests") or []
    shown = {field: task[field] for field in CANDIDATE_FIELDS if field in task}
    # A test that does not say that it may be shown is not.
    return {**shown, "tests": [test for test in tests if test.get("hidden") is False]}
