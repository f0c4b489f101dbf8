"""Collection `sessionlogs`: one document an event, numbered from 1 in each interview.

A log has neither gaps nor doubles, whoever writes at once, because each writer obeys two
rules: number n is written only where n-1 is known to be stored by a majority or comes
just before it in the same ordered insert; and the unique index lets one writer have n.
A log is kept or removed whole, so its end can be found by halving.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel, UpdateOne, WriteConcern
from pymongo.errors import BulkWriteError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from ..core import mongo
from ..core.mongo import Document, Repository, Session, Store
from ..core.paging import Page, PageRequest, invalid_cursor
from .entry import TYPES

# How many numbers one read covers, and how many old documents one transaction numbers.
_WINDOW = 64
_UPGRADED_AT_ONCE = 500

_DUPLICATE_KEY = 11000
_WRITE_CONFLICT = 112
# Why a document can never be stored: bad values, types or names, a rule broken, too large.
_REFUSALS = frozenset({2, 14, 22, 52, 121, 10334})


class Stopped(Exception):
    """An insert went no further than document `at`, for the reason that `code` gives.

    The first `stored` documents are stored, and none from `at` on.
    """

    def __init__(self, stored: int, at: int, code: int) -> None:
        super().__init__(f"stored {stored} documents, stopped at {at} with code {code}")
        self.stored = stored
        self.at = at
        self.refused = code in _REFUSALS


class SessionLogRepository(Repository):
    COLLECTION = "sessionlogs"
    INDEXES = (
        IndexModel(
            [("interview", ASCENDING), ("seq", ASCENDING)],
            unique=True,
            partialFilterExpression={"seq": {"$gte": 1}},
        ),
        # A page of one type must not read past every code snapshot: that is worth the write.
        IndexModel(
            [("interview", ASCENDING), ("type", ASCENDING), ("seq", ASCENDING)],
            partialFilterExpression={"seq": {"$gte": 1}},
        ),
        # Only what `upgrade` has not seen yet, in its order: empty from then on.
        IndexModel(
            [("interview", ASCENDING), ("timestamp", ASCENDING), ("_id", ASCENDING)],
            partialFilterExpression={"seq": {"$eq": None}},
        ),
    )
    VALIDATOR = {
        "bsonType": "object",
        "required": ["interview", "type", "timestamp"],
        "properties": {
            "interview": {"bsonType": "objectId"},
            "seq": {"bsonType": ["int", "long"], "minimum": 1},
            "type": {"enum": list(TYPES)},
            "timestamp": {"bsonType": "date"},
        },
    }

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._durable = self._collection.with_options(
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern("majority"),
            write_concern=WriteConcern("majority"),
        )

    def insert(self, documents: Sequence[Document]) -> None:
        """Store `documents` in their order, by a majority.

        Raises `Stopped` where one of them stands in the way of the rest. After PyMongo's
        errors it is unknown how many were stored: read back with `since`.
        """
        try:
            self._durable.insert_many(documents)
        except BulkWriteError as error:
            details = error.details or {}
            failures = details.get("writeErrors", [])
            if details.get("writeConcernErrors") or not failures:
                raise
            code, at = failures[0]["code"], failures[0]["index"]
            if code != _DUPLICATE_KEY and code not in _REFUSALS:
                raise
            # Without the cause: PyMongo's message spells out the documents.
            raise Stopped(details["nInserted"], at, code) from None

    def insert_in(self, session: Session, documents: Sequence[Document]) -> None:
        """Insert `documents` in the transaction of `session`.

        Has the transaction run again where another writer took one of the numbers.
        """
        try:
            self._collection.insert_many(documents, session=session)
        except BulkWriteError as error:
            if _overtaken(error):
                raise mongo.try_again() from error
            raise

    def last_seq(
        self, interview_id: ObjectId, known: int = 0, session: Session | None = None
    ) -> int:
        """Return the number of the log's last event, 0 for an empty log.

        `known` is a number known to be stored. Halving reads few documents on any store,
        the embedded one included, which reads all that an open range covers.
        """
        low = self._last_within(interview_id, known, _WINDOW, session) or known
        if low < known + _WINDOW:
            return low
        width = _WINDOW
        while self._last_within(interview_id, low + width - 1, 1, session):
            low, width = low + width, width * 4
        while width > _WINDOW:
            width //= 2
            if self._last_within(interview_id, low + width - 1, 1, session):
                low += width
        return self._last_within(interview_id, low, width, session) or low

    def has(self, entry_id: ObjectId) -> bool:
        """Tell whether the event of this id is stored."""
        return self._durable.find_one({"_id": entry_id}, {"_id": True}) is not None

    def since(self, interview_id: ObjectId, seq: int) -> Iterator[tuple[int, ObjectId]]:
        """Yield number and id of every event after number `seq`, in order."""
        found: list[Document] | None = None
        while found is None or len(found) == _WINDOW:
            query = {"interview": interview_id, "seq": {"$gte": seq + 1, "$lte": seq + _WINDOW}}
            found = list(self._durable.find(query, {"seq": True}).sort("seq", ASCENDING))
            for document in found:
                yield document["seq"], document["_id"]
            seq += len(found)

    def page(
        self, interview_id: ObjectId, page: PageRequest, kind: str | None, *, newest_first: bool
    ) -> Page[Document]:
        """Return events by number, those of one type where `kind` names it."""
        wanted = page.limit + 1
        key = _number(page)
        if newest_first:
            before = self.last_seq(interview_id) + 1 if key is None else key
            numbers = {"$gte": 1, "$lt": before}
            nearest = {"$gte": max(1, before - wanted), "$lt": before}
        else:
            first = 1 if key is None else max(1, key + 1)
            numbers = {"$gte": first}
            nearest = {"$gte": first, "$lt": first + wanted}
        query: Document = {"interview": interview_id, "seq": nearest}
        if kind is not None:
            query = {"interview": interview_id, "type": kind, "seq": numbers}
        order = DESCENDING if newest_first else ASCENDING
        found = self._durable.find(query).sort("seq", order).limit(wanted)
        return Page.cut(list(found), page.limit, lambda document: (document["seq"],))

    def upgrade(self) -> None:
        """Number documents that have no number, by time, after those of their log that have.

        Safe while others write. Builds the indexes first, since it relies on them.
        """
        self._collection.create_indexes(list(self.INDEXES))
        while mongo.transaction(self._store, self._number_some):
            pass

    def _number_some(self, session: Session) -> int:
        """Number the next documents that have no number; returns how many."""
        found = (
            self._collection.find({"seq": None}, {"interview": True}, session=session)
            .sort([("interview", ASCENDING), ("timestamp", ASCENDING), ("_id", ASCENDING)])
            .limit(_UPGRADED_AT_ONCE)
        )
        updates = []
        for interview_id, documents in groupby(found, lambda document: document.get("interview")):
            last = self.last_seq(interview_id, session=session)
            updates += [
                UpdateOne({"_id": document["_id"]}, {"$set": {"seq": seq}})
                for seq, document in enumerate(documents, last + 1)
            ]
        if updates:
            try:
                self._collection.bulk_write(updates, session=session)
            except BulkWriteError as error:
                if _overtaken(error):
                    raise mongo.try_again() from error
                raise
        return len(updates)

    def _last_within(
        self, interview_id: ObjectId, seq: int, width: int, session: Session | None
    ) -> int | None:
        """Return the last number of those that follow `seq`, at most `width` of them."""
        # Within a transaction its own read concern holds.
        collection = self._durable if session is None else self._collection
        found = collection.find_one(
            {"interview": interview_id, "seq": {"$gte": seq + 1, "$lte": seq + width}},
            {"_id": False, "seq": True},
            sort=[("seq", DESCENDING)],
            session=session,
        )
        return found["seq"] if found else None


def _number(page: PageRequest) -> int | None:
    if page.after is None:
        return None
    (seq,) = page.after
    if not isinstance(seq, int):
        raise invalid_cursor()
    return seq


def _overtaken(error: BulkWriteError) -> bool:
    failures = (error.details or {}).get("writeErrors", [])
    return any(failure["code"] in (_DUPLICATE_KEY, _WRITE_CONFLICT) for failure in failures)
