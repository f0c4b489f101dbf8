"""Collections `codedocuments`, those that are born, and `codekeyframes`."""

from __future__ import annotations

from contextlib import suppress

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from ..core.clock import utcnow
from ..core.mongo import Document, Repository, Session
from .playback import KEYFRAME_EVERY


class CodeDocumentRepository(Repository):
    """One document an interview, with the interview's id."""

    COLLECTION = "codedocuments"
    VALIDATOR = {
        "bsonType": "object",
        "required": ["_id", "language", "createdAt"],
        "properties": {
            "_id": {"bsonType": "objectId"},
            "language": {"bsonType": "string"},
            "createdAt": {"bsonType": "date"},
        },
    }

    def add(self, interview_id: ObjectId, language: str, session: Session) -> None:
        """Note the birth of a document; raises `DuplicateKeyError` where it is born already."""
        born = {"_id": interview_id, "language": language, "createdAt": utcnow()}
        self._collection.insert_one(born, session=session)

    def exists(self, interview_id: ObjectId) -> bool:
        return self._collection.find_one({"_id": interview_id}, {"_id": True}) is not None

    def remove(self, interview_id: ObjectId) -> None:
        self._collection.delete_one({"_id": interview_id})


class KeyframeRepository(Repository):
    """The document of an interview after every so many numbers of its log."""

    COLLECTION = "codekeyframes"
    INDEXES = (IndexModel([("interview", ASCENDING), ("seq", ASCENDING)], unique=True),)
    VALIDATOR = {
        "bsonType": "object",
        "required": ["interview", "seq", "state", "language", "cursors", "statistics"],
        "properties": {
            "interview": {"bsonType": "objectId"},
            "seq": {"bsonType": ["int", "long"], "minimum": 1},
            "state": {"bsonType": "binData"},
            "language": {"bsonType": "string"},
        },
    }

    def add(self, interview_id: ObjectId, keyframe: Document) -> None:
        """Keep a keyframe, unless somebody was faster: theirs is the same."""
        document = {**keyframe, "interview": interview_id, "createdAt": utcnow()}
        with suppress(DuplicateKeyError):
            self._collection.insert_one(document)

    def nearest(self, interview_id: ObjectId, seq: int) -> Document | None:
        """Return the last keyframe at number `seq` or before."""
        # Only where some are missing is more than the first range looked at.
        last, width = seq - seq % KEYFRAME_EVERY, KEYFRAME_EVERY
        while last > 0:
            query = {"interview": interview_id, "seq": {"$gt": max(last - width, 0), "$lte": last}}
            found = self._collection.find_one(query, sort=[("seq", DESCENDING)])
            if found:
                return found
            last, width = last - width, width * 2
        return None

    def exists(self, interview_id: ObjectId, seq: int) -> bool:
        query = {"interview": interview_id, "seq": seq}
        return self._collection.find_one(query, {"_id": True}) is not None

    def has_any(self, interview_id: ObjectId) -> bool:
        """Tell whether an interview has a keyframe."""
        return self._collection.find_one({"interview": interview_id}, {"_id": True}) is not None

    def remove(self, interview_id: ObjectId) -> None:
        """Remove every keyframe of an interview."""
        self._collection.delete_many({"interview": interview_id})
