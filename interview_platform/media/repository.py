"""Collections `mediarooms`, `mediaparticipants` and `webhookevents`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from bson import ObjectId
from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from ..core.clock import EPOCH
from ..core.errors import Conflict
from ..core.mongo import Document, Repository, Session


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


class MediaParticipantRepository(Repository):
    """Who was given a token for a room of the video server, under the token's identity.

    One who is to be removed has `removeAt`, when that is tried next, and once it was tried
    `removeUntil`, until when they might come in by a token.
    """

    COLLECTION = "mediaparticipants"
    INDEXES = (
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0),
        IndexModel([("removeAt", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("interview", ASCENDING), ("user", ASCENDING)]),
        IndexModel([("user", ASCENDING)]),
        IndexModel([("room", ASCENDING)]),
    )
    VALIDATOR = {
        "bsonType": "object",
        "required": ["_id", "room", "interview", "user", "session", "role", "expiresAt"],
        "properties": {
            "_id": {"bsonType": "string"},
            "room": {"bsonType": "string"},
            "interview": {"bsonType": "objectId"},
            "user": {"bsonType": "objectId"},
            "session": {"bsonType": "objectId"},
            "removeAt": {"bsonType": "date"},
            "removeUntil": {"bsonType": "date"},
            "expiresAt": {"bsonType": "date"},
        },
    }

    def add(self, participant: Document) -> None:
        self._collection.insert_one(participant)

    def staying(self) -> Iterator[Document]:
        """Yield everyone who is not to be removed."""
        return self._walk({"removeAt": None})

    def to_remove(self, now: datetime, limit: int) -> list[Document]:
        """Return those whose removal is due, the one that waits longest first."""
        due = {"removeAt": {"$gt": EPOCH, "$lte": now}}
        return list(self._collection.find(due).sort("removeAt", ASCENDING).limit(limit))

    def in_room(self, room: str) -> list[Document]:
        return list(self._collection.find({"room": {"$eq": room}}))

    def of_user(self, user_id: ObjectId) -> list[Document]:
        return list(self._collection.find({"user": user_id}))

    def mark(self, identities: Collection[str], now: datetime) -> None:
        """Have participants be removed, from now on."""
        self._mark({"_id": {"$in": list(identities)}}, now)

    def mark_person(self, interview_id: ObjectId, user_id: ObjectId, now: datetime) -> None:
        """Have a person be removed from an interview's room, with every token made so far."""
        self._mark({"interview": interview_id, "user": user_id}, now)

    def claim(self, participant: Document, until: datetime) -> bool:
        """Put a removal that is due off `until` then; False where somebody else was faster."""
        seen = {"_id": participant["_id"], "removeAt": participant["removeAt"]}
        change = {"$set": {"removeAt": until}}
        return self._collection.update_one(seen, change).matched_count == 1

    def repeat(self, identity: str, at: datetime, until: datetime) -> None:
        """Have a removal be tried again `at` then, since the token may be good `until` then."""
        change = {"$set": {"removeAt": at, "removeUntil": until}}
        self._collection.update_one({"_id": {"$eq": identity}}, change)

    def forget(self, identity: str) -> None:
        self._collection.delete_one({"_id": {"$eq": identity}})

    def forget_room(self, room: str) -> None:
        self._collection.delete_many({"room": {"$eq": room}})

    def _mark(self, match: Document, now: datetime) -> None:
        self._collection.update_many({**match, "removeAt": None}, {"$set": {"removeAt": now}})


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
