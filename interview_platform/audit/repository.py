"""Collection `auditentries`: entries are added, and stand.

Only whence somebody acted is taken out of them, when that person is erased.
"""

from __future__ import annotations

from collections.abc import Iterator

from bson import ObjectId
from pymongo import ASCENDING, IndexModel

from ..core.mongo import Document, Repository, Session


class AuditRepository(Repository):
    COLLECTION = "auditentries"
    INDEXES = (
        IndexModel([("subject", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("actor", ASCENDING), ("_id", ASCENDING)]),
    )
    VALIDATOR = {
        "bsonType": "object",
        "required": ["action", "at"],
        "properties": {"action": {"bsonType": "string"}, "at": {"bsonType": "date"}},
    }

    def add(self, entry: Document, session: Session | None = None) -> None:
        self._collection.insert_one(entry, session=session)

    def by(self, user_id: ObjectId) -> Iterator[Document]:
        """Yield what somebody did."""
        return self._walk({"actor": user_id})

    def about(self, user_id: ObjectId) -> Iterator[Document]:
        """Yield what was done to somebody."""
        return self._walk({"subject": user_id})

    def forget_addresses(self, user_id: ObjectId, session: Session | None = None) -> None:
        """Take out whence somebody acted."""
        self._collection.update_many(
            {"actor": user_id}, {"$set": {"address": None}}, session=session
        )
