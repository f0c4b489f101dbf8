"""Collections `mediarooms` and `webhookevents`."""

from __future__ import annotations

from datetime import datetime

from bson import ObjectId
from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from ..core.errors import Conflict
from ..core.mongo import Repository, Session


class MediaRoomRepository(Repository):
    """Which interview a room of the video server belongs to, under the room's name."""

    COLLECTION = "mediarooms"
    INDEXES = (IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0),)
    VALIDATOR = {
        "bsonType": "object",
        "required": ["_id", "interview", "expiresAt"],
        "properties": {
            "_id": {"bsonType": "string"},
            "interview": {"bsonType": "objectId"},
            "expiresAt": {"bsonType": "date"},
        },
    }

    def put(self, room: str, interview_id: ObjectId, expires_at: datetime) -> None:
        """Have `room` be the interview's; it is forgotten some time after `expires_at`."""
        self._collection.update_one(
            {"_id": room},
            {"$set": {"interview": interview_id, "expiresAt": expires_at}},
            upsert=True,
        )

    def forget(self, room: str) -> None:
        """Have `room` be nobody's."""
        self._collection.delete_one({"_id": {"$eq": room}})

    def interview_of(self, room: str) -> ObjectId | None:
        found = self._collection.find_one({"_id": {"$eq": room}})
        return found["interview"] if found else None


class WebhookEventRepository(Repository):
    """The events that other services have reported, under their senders' ids."""

    COLLECTION = "webhookevents"
    INDEXES = (IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0),)
    VALIDATOR = {
        "bsonType": "object",
        "required": ["_id", "expiresAt"],
        "properties": {"_id": {"bsonType": "string"}, "expiresAt": {"bsonType": "date"}},
    }

    def add(self, event_id: str, expires_at: datetime, session: Session) -> None:
        """Note an event, for good; raises `Conflict` for one that was noted before."""
        try:
            self._collection.insert_one({"_id": event_id, "expiresAt": expires_at}, session=session)
        except DuplicateKeyError as error:
            raise Conflict("The event is known") from error
