"""Collections `consents` and `eyetrackingevents`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from datetime import datetime

from bson import ObjectId
from pymongo import ASCENDING, IndexModel
from pymongo.errors import OperationFailure

from ..core.mongo import Document, Repository, Session

# How many buckets are read at once.
_READ_AT_ONCE = 50
_REMOVED_AT_ONCE = 200


class ConsentRepository(Repository):
    """One document an interview, under the interview's id: what holds now."""

    COLLECTION = "consents"
    VALIDATOR = {
        "bsonType": "object",
        "required": ["candidate", "gaze", "recording", "version", "at", "seq"],
        "properties": {
            "candidate": {"bsonType": "objectId"},
            "gaze": {"bsonType": "bool"},
            "recording": {"bsonType": "bool"},
            "version": {"bsonType": "string"},
            "at": {"bsonType": "date"},
            "seq": {"bsonType": ["int", "long"], "minimum": 1},
        },
    }

    def put(self, interview_id: ObjectId, consent: Document, session: Session) -> None:
        """Have `consent` be the one that holds."""
        self._collection.replace_one({"_id": interview_id}, consent, upsert=True, session=session)

    def by_id(self, interview_id: ObjectId, session: Session | None = None) -> Document | None:
        return self._collection.find_one({"_id": interview_id}, session=session)

    def by_ids(self, interview_ids: Collection[ObjectId]) -> list[Document]:
        return list(self._collection.find({"_id": {"$in": list(interview_ids)}}))

    def remove(self, interview_id: ObjectId) -> None:
        self._collection.delete_one({"_id": interview_id})


class GazeRepository(Repository):
    """One document a bucket of samples; those of an older service hold `metrics` alone.

    `from` and `to` are the times of the first and last sample, `clockOffset` the ms that were
    added to the times of all, `samples` and `digest` what
    `samples.pack` made of them, `summary` what they come down to.
    """

    COLLECTION = "eyetrackingevents"
    INDEXES = (
        IndexModel([("interview", ASCENDING), ("from", ASCENDING)]),
        # What has come in lately, in whichever interview.
        IndexModel([("to", ASCENDING)]),
    )
    VALIDATOR = {
        "bsonType": "object",
        "required": ["interview"],
        "properties": {
            "interview": {"bsonType": "objectId"},
            "candidate": {"bsonType": "objectId"},
            "from": {"bsonType": "date"},
            "to": {"bsonType": "date"},
            "count": {"bsonType": ["int", "long"], "minimum": 1},
            "clockOffset": {"bsonType": ["int", "long"]},
            "samples": {"bsonType": "binData"},
            "digest": {"bsonType": "string"},
            "summary": {"bsonType": "object"},
        },
    }

    def upgrade(self) -> None:
        """Leave the removal of old buckets to the worker, which counts and logs it."""
        for name, index in self._collection.index_information().items():
            if index["key"] == [("expireAt", ASCENDING)]:
                with suppress(OperationFailure):  # another release phase was faster
                    self._collection.drop_index(name)

    def add(self, buckets: Sequence[Document]) -> None:
        self._collection.insert_many(buckets, ordered=False)

    def by_ids(self, bucket_ids: Collection[ObjectId]) -> list[Document]:
        """Return the samples of each of the buckets that are kept."""
        found = self._collection.find({"_id": {"$in": list(bucket_ids)}}, {"samples": True})
        return list(found)

    def of_interview(self, interview_id: ObjectId) -> Iterator[Document]:
        """Yield an interview's buckets by time, a few at a time: whoever asks may take theirs."""
        query = {"interview": interview_id}
        ids = [
            found["_id"]
            for found in self._collection.find(query, {"_id": True}).sort("from", ASCENDING)
        ]
        for start in range(0, len(ids), _READ_AT_ONCE):
            some = ids[start : start + _READ_AT_ONCE]
            found = {each["_id"]: each for each in self._collection.find({"_id": {"$in": some}})}
            yield from (found[bucket_id] for bucket_id in some if bucket_id in found)

    def remove(self, interview_id: ObjectId) -> None:
        """Remove an interview's buckets."""
        self._collection.delete_many({"interview": interview_id})

    def remove_some_before(self, moment: datetime) -> int:
        """Remove some of the buckets stored before `moment`; returns how many, 0 without any."""
        # Older services have no other time in common.
        old = {"_id": {"$lt": ObjectId.from_datetime(moment)}}
        found = self._collection.find(old, {"_id": True}).sort("_id", ASCENDING)
        ids = [bucket["_id"] for bucket in found.limit(_REMOVED_AT_ONCE)]
        return self._collection.delete_many({"_id": {"$in": ids}}).deleted_count if ids else 0

    def summaries(self, interview_id: ObjectId) -> list[Document]:
        """Return the summaries of an interview's buckets, in no order."""
        found = self._collection.find({"interview": interview_id}, {"summary": True})
        return [bucket["summary"] for bucket in found if "summary" in bucket]

    def recent(self, since: datetime, until: datetime) -> list[Document]:
        """Return interview and summary of each bucket that ends from `since` to `until`."""
        found = self._collection.find(
            {"to": {"$gte": since, "$lte": until}}, {"interview": True, "summary": True}
        )
        return list(found)
