"""Collection `erasures`: who was erased, by ids alone, so that they stay erased."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from bson import ObjectId
from pymongo import ASCENDING, IndexModel

from ..core.clock import utcnow
from ..core.mongo import Document, Repository, Session


class ErasureRepository(Repository):
    """One document an account, under its id: its profile's id, who asked for it, and when.

    `rewriteDue` says that Redis's files may still hold what Redis itself does not.
    """

    COLLECTION = "erasures"
    INDEXES = (IndexModel([("rewriteDue", ASCENDING)], name="rewrite_due", sparse=True),)
    VALIDATOR = {
        "bsonType": "object",
        "required": ["at"],
        "properties": {"at": {"bsonType": "date"}, "rewriteDue": {"bsonType": "date"}},
    }

    def add(
        self,
        user_id: ObjectId,
        profile_id: ObjectId | None,
        by: ObjectId | None,
        rewrite_due: datetime,
        session: Session,
    ) -> None:
        """Note an erasure; again, notes the latest one."""
        fields: Document = {"by": by, "at": utcnow(), "rewriteDue": rewrite_due}
        if profile_id is not None:
            fields["profile"] = profile_id
        change = {"$set": fields}
        self._collection.update_one({"_id": user_id}, change, upsert=True, session=session)

    def all(self) -> Iterator[Document]:
        """Yield every erasure, by account."""
        return self._walk({})

    def is_rewrite_due(self, now: datetime) -> bool:
        """Tell whether Redis's files are to be rewritten by now."""
        due = {"rewriteDue": {"$lte": now}}
        return self._collection.find_one(due, {"_id": True}) is not None

    def note_rewritten(self, since: datetime) -> None:
        """Note that a rewrite has begun, at `since` or later."""
        self._collection.update_many(
            {"rewriteDue": {"$exists": True}, "at": {"$lt": since}}, {"$unset": {"rewriteDue": ""}}
        )
