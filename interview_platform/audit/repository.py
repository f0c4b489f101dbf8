"""Collection `auditentries`: entries are added, never changed."""

from __future__ import annotations

from pymongo import ASCENDING, DESCENDING, IndexModel

from ..core.mongo import Document, Repository, Session


class AuditRepository(Repository):
    COLLECTION = "auditentries"
    INDEXES = (
        IndexModel([("subject", ASCENDING), ("at", DESCENDING)]),
        IndexModel([("actor", ASCENDING), ("at", DESCENDING)]),
    )
    VALIDATOR = {
        "bsonType": "object",
        "required": ["action", "at"],
        "properties": {"action": {"bsonType": "string"}, "at": {"bsonType": "date"}},
    }

    def add(self, entry: Document, session: Session | None = None) -> None:
        self._collection.insert_one(entry, session=session)
