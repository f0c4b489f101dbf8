"""Collections `auditentries`, `auditchain` and `auditheads`.

Entries are added, and stand. Only whence somebody acted is taken out of them, when that
person is erased, and entries past their retention are removed from the chain's beginning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from ..core import mongo
from ..core.mongo import Document, Repository, Session

AT_ONCE = 500
"""Entries that are chained, read or removed in one go."""

_WRITE_CONFLICT = 112


class AuditRepository(Repository):
    """An entry that is chained has `seq`, its number from 1, `hash`, and `previous`, the hash of
    the one before it. The chain holds its address by `addressHash`, salted with `addressSalt`.
    """

    COLLECTION = "auditentries"
    INDEXES = (
        IndexModel([("subject", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("actor", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("seq", ASCENDING)], unique=True, partialFilterExpression={"seq": {"$gte": 1}}),
        # Only what is not chained yet: empty again within seconds.
        IndexModel(
            [("at", ASCENDING), ("_id", ASCENDING)],
            name="unchained",
            partialFilterExpression={"seq": {"$eq": None}},
        ),
    )
    VALIDATOR = {
        "bsonType": "object",
        "required": ["action", "at"],
        "properties": {
            "action": {"bsonType": "string"},
            "at": {"bsonType": "date"},
            "seq": {"bsonType": ["int", "long"], "minimum": 1},
            "hash": {"bsonType": "string"},
        },
    }

    def add(self, entry: Document, session: Session | None = None) -> None:
        self._collection.insert_one(entry, session=session)

    def by(self, user_id: ObjectId) -> Iterator[Document]:
        """Yield what somebody did."""
        return self._walk({"actor": user_id})

    def about(self, user_id: ObjectId) -> Iterator[Document]:
        """Yield what was done to somebody."""
        return self._walk({"subject": user_id})

    def has_addresses(self, user_id: ObjectId) -> bool:
        """Tell whether an entry says whence somebody acted."""
        known = {"actor": user_id, "address": {"$ne": None}}
        return self._collection.find_one(known, {"_id": True}) is not None

    def forget_addresses(self, user_id: ObjectId, session: Session | None = None) -> None:
        """Take out whence somebody acted; the chain holds without it."""
        self._collection.update_many(
            {"actor": user_id},
            {"$set": {"address": None}, "$unset": {"addressSalt": ""}},
            session=session,
        )

    def unchained(self, session: Session | None = None, *, limit: int = AT_ONCE) -> list[Document]:
        """Return entries that are not chained yet, by time."""
        found = self._collection.find({"seq": None}, session=session)
        return list(found.sort([("at", ASCENDING), ("_id", ASCENDING)]).limit(limit))

    def count_unchained(self) -> int:
        return self._collection.count_documents({"seq": None})

    def chain(self, links: Sequence[tuple[Document, Document]], session: Session) -> None:
        """Give entries, as they were read, the fields that chain them.

        Has the transaction run again where an entry has changed since.
        """
        updates = [
            UpdateOne(
                # An address that is erased at this moment must not be hashed any more.
                {"_id": entry["_id"], "seq": None, "address": entry.get("address")},
                {"$set": fields},
            )
            for entry, fields in links
        ]
        try:
            written = self._collection.bulk_write(updates, session=session)
        except BulkWriteError as error:
            failures = (error.details or {}).get("writeErrors", [])
            if any(failure["code"] == _WRITE_CONFLICT for failure in failures):
                raise mongo.try_again() from error
            raise
        if written.matched_count < len(updates):
            raise mongo.try_again()

    def chained(self, after: int) -> Iterator[Document]:
        """Yield every entry numbered after `after`, by number; a few at a time."""
        while True:
            # The lower bound of the partial index has MongoDB use it from the first entry on.
            query = {"seq": {"$gt": after, "$gte": 1}}
            found = self._collection.find(query).sort("seq", ASCENDING)
            some = list(found.limit(AT_ONCE))
            yield from some
            if len(some) < AT_ONCE:
                return
            after = some[-1]["seq"]

    def outside(self) -> Iterator[Document]:
        """Yield entries whose number is none of a chain's. Looks at every entry."""
        yield from self._collection.find(
            {"$nor": [{"seq": {"$gte": 1}}, {"seq": None}]}, {"seq": True, "at": True}
        )

    def last_before(self, after: int, moment: datetime) -> Document | None:
        """Return the last of the entries after number `after` that are all older than `moment`."""
        last = None
        for entry in self.chained(after):
            if entry["at"] >= moment:
                break
            last = entry
        return last

    def remove_upto(self, seq: int) -> int:
        """Remove some of the entries numbered up to `seq`; returns how many, 0 at the end."""
        found = self._collection.find({"seq": {"$gte": 1, "$lte": seq}}, {"_id": True})
        ids = [entry["_id"] for entry in found.sort("seq", ASCENDING).limit(AT_ONCE)]
        return self._collection.delete_many({"_id": {"$in": ids}}).deleted_count if ids else 0


class Head(NamedTuple):
    """The end of the chain: the last entry's number and hash, and when that was chained."""

    seq: int
    hash: str
    at: datetime | None = None


class AuditChainRepository(Repository):
    """Two documents: `head` is the chain's end, and `start` the signed place it begins after.

    `start` exists once entries were removed by their age.
    """

    COLLECTION = "auditchain"

    def head(self, session: Session | None = None) -> Head | None:
        """Return the chain's end; None for one without entries."""
        found = self._collection.find_one({"_id": "head"}, session=session)
        return Head(found["seq"], found["hash"], found["at"]) if found else None

    def advance(self, before: Head | None, after: Head, session: Session) -> None:
        """Move the chain's end from `before`; has the transaction run again if it is elsewhere."""
        fields = after._asdict()
        if before is None:
            try:
                self._collection.insert_one({"_id": "head", **fields}, session=session)
            except DuplicateKeyError as error:
                raise mongo.try_again() from error
            return
        match = {"_id": "head", "seq": before.seq, "hash": before.hash}
        if not self._collection.update_one(match, {"$set": fields}, session=session).matched_count:
            raise mongo.try_again()

    def start(self) -> Document | None:
        """Return the signed statement of where the chain begins, None for its very beginning."""
        return self._collection.find_one({"_id": "start"}, {"_id": False})

    def advance_start(self, statement: Document) -> None:
        """Have the chain begin where `statement` says, unless it begins there or later already."""
        earlier = {"_id": "start", "seq": {"$lt": statement["seq"]}}
        with suppress(DuplicateKeyError):
            self._collection.replace_one(earlier, statement, upsert=True)


class AuditHeadRepository(Repository):
    """One signed statement a day of where the chain ended, under the day as `2026-03-02`."""

    COLLECTION = "auditheads"
    INDEXES = (IndexModel([("seq", ASCENDING)]),)
    VALIDATOR = {
        "bsonType": "object",
        "required": ["seq", "hash", "signature"],
        "properties": {"seq": {"bsonType": ["int", "long"], "minimum": 1}},
    }

    def exists(self, day: str) -> bool:
        return self._collection.find_one({"_id": day}, {"_id": True}) is not None

    def add(self, day: str, statement: Document) -> bool:
        """Keep the statement of a day; False where there is one."""
        try:
            self._collection.insert_one({"_id": day, **statement})
        except DuplicateKeyError:
            return False
        return True

    def all(self) -> list[Document]:
        """Return every statement, by day."""
        return list(self._collection.find().sort("_id", ASCENDING))

    def newest(self) -> Document | None:
        return self._collection.find_one(sort=[("_id", DESCENDING)])

    def remove_before(self, seq: int) -> None:
        """Remove statements about entries before number `seq`."""
        self._collection.delete_many({"seq": {"$lt": seq}})
