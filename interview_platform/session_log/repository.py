"""Collection `sessionlogs`: one document an event, numbered from 1 in each interview.

A log has neither gaps nor doubles, whoever writes at once, because each writer obeys two
rules: number n is written only where n-1 is known to be stored by a majority or comes
just before it in the same ordered insert; and the unique index lets one writer have n.
A log is kept or removed whole, so its end can be found by halving.

The seal obeys the same rules, and whoever would write the number after it has met it: so
nothing comes after a seal.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from heapq import merge
from itertools import groupby
from typing import NamedTuple

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel, UpdateOne, WriteConcern
from pymongo.errors import BulkWriteError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from ..core import mongo
from ..core.mongo import Document, Repository, Session, Store
from ..core.paging import Page, PageRequest, invalid_cursor
from .chain import pseudonym_of
from .entry import TYPES

# How many events one read returns, how many numbers one of some types alone looks through,
# and how many old documents one transaction numbers.
WINDOW = 64
_TYPED_WINDOW = 512
_UPGRADED_AT_ONCE = 500
# Seconds for that transaction: several processes that upgrade at once get in each other's way.
_UPGRADE_TIMEOUT = 60.0

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


class End(NamedTuple):
    """The number of a log's last event, 0 for an empty log, and whether that is its seal."""

    seq: int
    sealed: bool


class Stored(NamedTuple):
    """That a log has an event."""

    seq: int
    id: ObjectId
    sealed: bool


class SessionLogRepository(Repository):
    COLLECTION = "sessionlogs"
    INDEXES = (
        IndexModel(
            [("interview", ASCENDING), ("seq", ASCENDING)],
            unique=True,
            partialFilterExpression={"seq": {"$gte": 1}},
        ),
        # What a client sends again is logged once, whichever processes it reaches.
        IndexModel(
            [("interview", ASCENDING), ("clientKey", ASCENDING)],
            unique=True,
            partialFilterExpression={"clientKey": {"$exists": True}},
        ),
        # A page of one type must not read past every code snapshot: that is worth the write.
        IndexModel(
            [("interview", ASCENDING), ("type", ASCENDING), ("seq", ASCENDING)],
            partialFilterExpression={"seq": {"$gte": 1}},
        ),
        # Who has just edited, wherever: all that is asked of it stands in it.
        IndexModel(
            [
                ("type", ASCENDING),
                ("timestamp", ASCENDING),
                ("interview", ASCENDING),
                ("actor.userId", ASCENDING),
            ],
            name="edits",
            partialFilterExpression={"type": "code"},
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

    def end(self, interview_id: ObjectId, known: int = 0, session: Session | None = None) -> End:
        """Return where the log ends. `known` is a number known to be stored.

        Halving reads few documents on any store, the embedded one included, which reads
        all that an open range covers.
        """
        # From the known number on: it may be the last, and the seal.
        before = max(known - 1, 0)
        end = self._last_within(interview_id, before, WINDOW, session) or End(known, False)
        if end.seq < before + WINDOW:
            return end
        low, width = end.seq, WINDOW
        while self._last_within(interview_id, low + width - 1, 1, session):
            low, width = low + width, width * 4
        while width > WINDOW:
            width //= 2
            if self._last_within(interview_id, low + width - 1, 1, session):
                low += width
        return self._last_within(interview_id, low - 1, width + 1, session) or end

    def last_seq(
        self, interview_id: ObjectId, known: int = 0, session: Session | None = None
    ) -> int:
        """Return the number of the log's last event; as `end`."""
        return self.end(interview_id, known, session).seq

    def last(self, interview_id: ObjectId, known: int = 0) -> Document | None:
        """Return the log's last event; as `end`."""
        query = {"interview": interview_id, "seq": self.last_seq(interview_id, known)}
        return self._durable.find_one(query)

    def sign(self, seal_id: ObjectId, statement: Document) -> Document:
        """Have the seal say `statement`, unless it says one already, and return it."""
        unsigned = {"_id": seal_id, "data.signature": {"$exists": False}}
        self._durable.update_one(unsigned, {"$set": {"data": statement}})
        signed: Document | None = self._durable.find_one({"_id": seal_id})
        if signed is None:
            raise LookupError("a seal is gone")
        return signed

    def number_of(self, entry_id: ObjectId) -> int | None:
        """Return the number of the event of this id, None where it is not stored."""
        found = self._durable.find_one({"_id": entry_id}, {"seq": True})
        return found["seq"] if found else None

    def of_client(self, interview_id: ObjectId, client_key: bytes) -> Stored | None:
        """Return the event to which a client gave an id, None where it is not stored."""
        query = {"interview": interview_id, "clientKey": client_key}
        found = self._durable.find_one(query, {"seq": True, "sealed": True})
        return _stored(found) if found else None

    def next_after(self, interview_id: ObjectId, seq: int) -> list[Stored]:
        """Return the events that follow number `seq`, in order, at most `WINDOW`."""
        query = {"interview": interview_id, "seq": {"$gte": seq + 1, "$lte": seq + WINDOW}}
        found = self._durable.find(query, {"seq": True, "sealed": True}).sort("seq", ASCENDING)
        return [_stored(each) for each in found]

    def since(self, interview_id: ObjectId, seq: int) -> Iterator[Stored]:
        """Yield every event after number `seq`, in order."""
        while True:
            found = self.next_after(interview_id, seq)
            yield from found
            if len(found) < WINDOW:
                return
            seq = found[-1].seq

    def entries(
        self, interview_id: ObjectId, after: int, upto: int, types: Collection[str] | None
    ) -> Iterator[Document]:
        """Yield the events numbered after `after` and up to `upto`, in order.

        Each type is walked apart: not every store merges them along the index.
        """
        query = {"interview": interview_id}
        if types is None:
            return self._along(query, after, upto, WINDOW)
        walks = [
            self._along({**query, "type": kind}, after, upto, _TYPED_WINDOW) for kind in set(types)
        ]
        return merge(*walks, key=lambda document: document["seq"])

    def by_ids(self, entry_ids: Collection[ObjectId]) -> list[Document]:
        """Return those of the events that are stored, by log and number."""
        found = self._durable.find({"_id": {"$in": list(entry_ids)}})
        return sorted(found, key=lambda document: (document["interview"], document["seq"]))

    def count_edits(self, since: datetime, until: datetime) -> dict[tuple[ObjectId, ObjectId], int]:
        """Return how many edits of whom came from `since` up to `until`.

        By interview and account; those that the service itself made are left out.
        """
        found = self._collection.aggregate(
            [
                {"$match": {"type": "code", "timestamp": {"$gte": since, "$lt": until}}},
                {
                    "$group": {
                        "_id": {"interview": "$interview", "user": "$actor.userId"},
                        "count": {"$sum": 1},
                    }
                },
            ]
        )
        return {
            (group["_id"]["interview"], group["_id"]["user"]): group["count"]
            for group in found
            if group["_id"].get("user")
        }

    def seq_at(self, interview_id: ObjectId, moment: datetime) -> int:
        """Return the number of the last event that happened at `moment` or before, or 0.

        Events stand by time but for those that came late or from a process whose clock is
        behind: such are found within `WINDOW` numbers of their place.
        """
        last = self.last_seq(interview_id)
        numbers = range(1, last + 1)
        seq = bisect_right(numbers, moment, key=lambda seq: self._time_of(interview_id, seq))
        end = min(seq + WINDOW, last)
        query = {"interview": interview_id, "seq": {"$gte": seq + 1, "$lte": end}}
        for document in self._durable.find(query, {"seq": True, "timestamp": True}):
            if document["timestamp"] <= moment:
                seq = max(seq, document["seq"])
        return seq

    def erase(self, entries: Sequence[Document], hashes: Sequence[str]) -> None:
        """Take the contents out of events and keep their `hashes`; again, changes nothing."""
        updates = [
            UpdateOne(
                {"_id": entry["_id"]},
                {
                    "$set": {
                        "erased": True,
                        "contentHash": content_hash,
                        "actor": pseudonym_of(entry),
                    },
                    "$unset": {"data": "", "salt": "", "clientKey": ""},
                },
            )
            for entry, content_hash in zip(entries, hashes, strict=True)
        ]
        self._durable.bulk_write(updates, ordered=False)

    def has_content(self, interview_id: ObjectId) -> bool:
        """Tell whether the log's first event was not erased, and is no seal."""
        first = next(self._along({"interview": interview_id}, 0, 1, 1), None)
        return first is not None and not (first.get("erased") or first.get("sealed"))

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
        while mongo.transaction(self._store, self._number_some, _UPGRADE_TIMEOUT):
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

    def _along(self, query: Document, after: int, upto: int, width: int) -> Iterator[Document]:
        """Yield what matches `query`, reading `width` numbers and `WINDOW` events at a time."""
        while after < upto:
            end = min(after + width, upto)
            numbers = {"$gte": after + 1, "$lte": end}
            found = list(
                self._durable.find({**query, "seq": numbers}).sort("seq", ASCENDING).limit(WINDOW)
            )
            yield from found
            after = found[-1]["seq"] if len(found) == WINDOW else end

    def _time_of(self, interview_id: ObjectId, seq: int) -> datetime:
        query = {"interview": interview_id, "seq": seq}
        found = self._durable.find_one(query, {"_id": False, "timestamp": True})
        if found is None:
            raise LookupError(f"the log of interview {interview_id} has no number {seq}")
        timestamp: datetime = found["timestamp"]
        return timestamp

    def _last_within(
        self, interview_id: ObjectId, seq: int, width: int, session: Session | None
    ) -> End | None:
        """Return the last of the events that follow number `seq`, at most `width` of them."""
        # Within a transaction its own read concern holds.
        collection = self._durable if session is None else self._collection
        found = collection.find_one(
            {"interview": interview_id, "seq": {"$gte": seq + 1, "$lte": seq + width}},
            {"_id": False, "seq": True, "sealed": True},
            sort=[("seq", DESCENDING)],
            session=session,
        )
        return End(found["seq"], "sealed" in found) if found else None


def _number(page: PageRequest) -> int | None:
    if page.after is None:
        return None
    (seq,) = page.after
    if not isinstance(seq, int):
        raise invalid_cursor()
    return seq


def _stored(document: Document) -> Stored:
    return Stored(document["seq"], document["_id"], "sealed" in document)


def _overtaken(error: BulkWriteError) -> bool:
    failures = (error.details or {}).get("writeErrors", [])
    return any(failure["code"] in (_DUPLICATE_KEY, _WRITE_CONFLICT) for failure in failures)
