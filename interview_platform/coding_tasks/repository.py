"""Collection `codingtasks`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bson import ObjectId
from pymongo import DESCENDING

from ..core.clock import utcnow
from ..core.mongo import Document, Repository, Session
from ..core.newlines import normalize_newlines
from ..core.paging import Page, PageRequest
from .model import Difficulty

# Code and tests can be large: lists go without them.
_BRIEF = {"description": False, "starterCode": False, "tests": False}

_LINES = ("starterCode", "tests.stdin", "tests.expected")


class CodingTaskRepository(Repository):
    COLLECTION = "codingtasks"
    VALIDATOR = {
        "bsonType": "object",
        "required": ["title"],
        "properties": {
            "title": {"bsonType": "string"},
            "difficulty": {"enum": [str(difficulty) for difficulty in Difficulty]},
        },
    }

    def upgrade(self) -> None:
        """Have the lines of code and of tests end with LF."""
        has_cr = {"$or": [{field: {"$regex": "\r"}} for field in _LINES]}
        fields = {"starterCode": True, "tests": True, "updatedAt": True}
        for task in self._collection.find(has_cr, fields).batch_size(10):
            unchanged = {"_id": task.pop("_id"), "updatedAt": task.pop("updatedAt", None)}
            self._collection.update_one(unchanged, {"$set": _with_lf(task)})

    def add(self, task: Document, session: Session) -> Document:
        """Insert `task` with its times."""
        now = utcnow()
        document = {**task, "createdAt": now, "updatedAt": now}
        self._collection.insert_one(document, session=session)
        return document

    def by_id(self, task_id: ObjectId, session: Session | None = None) -> Document | None:
        return self._collection.find_one({"_id": task_id}, session=session)

    def by_ids(
        self, task_ids: Iterable[ObjectId], session: Session | None = None
    ) -> dict[ObjectId, Document]:
        """Return the tasks of `task_ids`, without their code and tests."""
        found = self._collection.find({"_id": {"$in": list(task_ids)}}, _BRIEF, session=session)
        return {task["_id"]: task for task in found}

    def page(self, page: PageRequest) -> Page[Document]:
        """Return tasks without their code and tests, newest first."""
        query: Document = {"_id": {"$lt": page.after[0]}} if page.after else {}
        found = self._collection.find(query, _BRIEF).sort("_id", DESCENDING).limit(page.limit + 1)
        return Page.cut(list(found), page.limit, lambda task: (task["_id"],))

    def update(self, task_id: ObjectId, changes: Document, session: Session) -> Document | None:
        """Set `changes` on the task and return it as it is then."""
        # Update and read, since a find-and-modify looks its document up more slowly.
        updated = self._collection.update_one(
            {"_id": task_id}, {"$set": {**changes, "updatedAt": utcnow()}}, session=session
        )
        return self.by_id(task_id, session) if updated.matched_count else None

    def remove(self, task_id: ObjectId, session: Session) -> bool:
        return self._collection.delete_one({"_id": task_id}, session=session).deleted_count == 1


def _with_lf(value: Any) -> Any:
    """Return `value` with LF at the ends of all lines in it."""
    match value:
        case str():
            return normalize_newlines(value)
        case list():
            return [_with_lf(each) for each in value]
        case dict():
            return {name: _with_lf(each) for name, each in value.items()}
    return value
