"""Collection `notifications`: the outbox, and what became of each message."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from bson import ObjectId
from pymongo import ASCENDING, IndexModel

from ..core.clock import utcnow
from ..core.mongo import Document, Repository, Session, Store

CHANNELS = ("email", "sms", "push")
OPEN = ("pending", "queued")
STATUSES = (*OPEN, "sent", "failed", "delivered")

_REMOVED_AT_ONCE = 500


class Accounts(Protocol):
    """The accounts behind addresses; `auth` implements it."""

    def kept_email(self, address: str) -> str:
        """Return the form of `address` that an account is kept under; else the canonical form."""


class NotificationRepository(Repository):
    """Rows are open (`pending`, `queued`) until they are `sent` or `failed`.

    An open row says in `sweepAt` when somebody must look after it if nothing has become
    of it by then. The one who delivers it holds it by `lease: {token, until}`. A closed row
    that belongs to no account is removed at `expiresAt`.
    """

    COLLECTION = "notifications"
    INDEXES = (
        IndexModel([("dedupeKey", ASCENDING)], unique=True, sparse=True),
        IndexModel([("sweepAt", ASCENDING)], sparse=True),
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0),
        IndexModel([("interview", ASCENDING), ("status", ASCENDING)]),
        IndexModel([("user", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("email", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("createdAt", ASCENDING), ("status", ASCENDING)]),
    )
    VALIDATOR = {
        "bsonType": "object",
        "required": ["channel", "status"],
        "properties": {
            "channel": {"enum": list(CHANNELS)},
            "status": {"enum": list(STATUSES)},
            "attempts": {"bsonType": ["int", "long"], "minimum": 0},
            "dedupeKey": {"bsonType": "string"},
            "sweepAt": {"bsonType": "date"},
            "expiresAt": {"bsonType": "date"},
        },
    }

    def __init__(self, store: Store, accounts: Accounts) -> None:
        super().__init__(store)
        self._accounts = accounts

    def upgrade(self) -> None:
        """Bring rows to an address alone under the form of it that its account has by now."""
        for row in self._collection.find({"email": {"$gt": ""}}, {"email": True}):
            kept = self._accounts.kept_email(row["email"])
            if kept != row["email"]:
                self._collection.update_one({"_id": row["_id"]}, {"$set": {"email": kept}})

    def add(self, row: Document, *, sweep_at: datetime, session: Session | None) -> ObjectId:
        """Insert `row` as pending and return its id.

        Raises DuplicateKeyError where its `dedupeKey` is taken.
        """
        document = _pending(row, sweep_at)
        self._collection.insert_one(document, session=session)
        notification_id: ObjectId = document["_id"]
        return notification_id

    def add_many(
        self, rows: Sequence[Document], *, sweep_at: datetime, session: Session
    ) -> list[ObjectId]:
        """Insert `rows` as pending, in one go, and return their ids.

        Raises BulkWriteError where a `dedupeKey` is taken.
        """
        documents = [_pending(row, sweep_at) for row in rows]
        self._collection.insert_many(documents, session=session)
        return [document["_id"] for document in documents]

    def mark_queued(self, ids: Sequence[ObjectId], *, sweep_at: datetime) -> None:
        """Note that the rows are on the queue, but for those that a worker has taken already."""
        now = utcnow()
        self._collection.update_many(
            {"_id": {"$in": list(ids)}, **_free(now)},
            {"$set": {"status": "queued", "sweepAt": sweep_at, "updatedAt": now}},
        )

    def overdue(self, *, limit: int) -> list[ObjectId]:
        """Return open rows that somebody must look after, those that wait longest first."""
        found = (
            self._collection.find({"sweepAt": {"$lte": utcnow()}}, {"_id": True})
            .sort("sweepAt", ASCENDING)
            .limit(limit)
        )
        return [row["_id"] for row in found]

    def claim(
        self, notification_id: ObjectId, *, token: str, duration: timedelta
    ) -> Document | None:
        """Lease the row for `duration`; None unless it is open, due and nobody holds it."""
        now = utcnow()
        # Two steps, because the embedded store scans the collection to answer with what it
        # updated. The token makes them as good as one.
        result = self._collection.update_one(
            {"_id": notification_id, "nextAttemptAt": {"$not": {"$gt": now}}, **_free(now)},
            {"$set": {"status": "queued", **_leased(token, now + duration), "updatedAt": now}},
        )
        if not result.matched_count:
            return None
        # By its id alone, which is the quickest look-up there is.
        row = self._collection.find_one({"_id": notification_id})
        held = row and row["status"] in OPEN and row.get("lease", {}).get("token") == token
        return row if held else None

    def renew(
        self, notification_id: ObjectId, *, token: str, duration: timedelta, channel: str
    ) -> bool:
        """Start the lease's time anew if `token` holds it still and the row is still open."""
        now = utcnow()
        result = self._collection.update_one(
            {"_id": notification_id, "lease.token": token, "status": {"$in": OPEN}},
            {"$set": {"channel": channel, **_leased(token, now + duration), "updatedAt": now}},
        )
        return result.matched_count == 1

    def record_sent(
        self,
        notification_id: ObjectId,
        *,
        token: str,
        provider_message_id: str,
        expires_at: datetime | None,
    ) -> bool:
        """Close the row as sent; False where `token` does not hold it any more.

        It is removed at `expires_at`, or kept.
        """
        now = utcnow()
        return self._close(
            {"_id": notification_id, "lease.token": token},
            {
                "status": "sent",
                "lastError": None,
                "providerMessageId": provider_message_id,
                "sentAt": now,
            },
            expires_at,
        )

    def record_failed(
        self, notification_id: ObjectId, *, token: str, error: str, expires_at: datetime | None
    ) -> bool:
        """Close the row as failed; False where `token` does not hold it any more.

        It is removed at `expires_at`, or kept.
        """
        return self._close(
            {"_id": notification_id, "lease.token": token, "status": {"$in": OPEN}},
            {"status": "failed", "lastError": error},
            expires_at,
        )

    def record_retry(
        self,
        notification_id: ObjectId,
        *,
        token: str,
        error: str,
        next_attempt_at: datetime,
        sweep_at: datetime,
    ) -> bool:
        """Give the row back for another try; False where `token` does not hold it any more."""
        result = self._collection.update_one(
            {"_id": notification_id, "lease.token": token, "status": {"$in": OPEN}},
            {
                "$set": {
                    "lastError": error,
                    "nextAttemptAt": next_attempt_at,
                    "sweepAt": sweep_at,
                    "updatedAt": utcnow(),
                },
                "$inc": {"attempts": 1},
                "$unset": {"lease": ""},
            },
        )
        return result.matched_count == 1

    def void(
        self,
        interview_id: ObjectId,
        user_ids: Collection[ObjectId],
        *,
        reason: str,
        session: Session | None,
    ) -> None:
        """Close as failed what has not gone out to some about an interview.

        A message that is being sent at this moment keeps its lease, and is recorded as
        sent if it was.
        """
        self._collection.update_many(
            {
                "interview": interview_id,
                "status": {"$in": OPEN},
                "user": {"$in": list(user_ids)},
            },
            {
                "$set": {"status": "failed", "lastError": reason, "updatedAt": utcnow()},
                "$unset": {"sweepAt": "", "nextAttemptAt": ""},
            },
            session=session,
        )

    def count_by_status(self, since: datetime, until: datetime) -> dict[str, int]:
        """Return how many of the rows written from `since` up to `until` are in each state."""
        found = self._collection.aggregate(
            [
                {"$match": {"createdAt": {"$gte": since, "$lt": until}}},
                {"$group": {"_id": "$status", "count": {"$sum": 1}}},
            ]
        )
        counts = {group["_id"]: group["count"] for group in found}
        return {status: counts.get(status, 0) for status in STATUSES}

    def sent_to(self, user_id: ObjectId, email: str) -> Iterator[Document]:
        """Yield what an account was to be sent, then what its address was, without a lease."""
        for match in ({"user": user_id}, {"email": {"$eq": email}}):
            yield from self._walk(match, {"lease": False})

    def remove(self, user_id: ObjectId, email: str, interview_ids: Sequence[ObjectId]) -> None:
        """Remove what an account or its address was to be sent, or was told of the interviews."""
        self._collection.delete_many({"user": user_id})
        self._collection.delete_many({"email": {"$eq": email}})
        self._collection.delete_many({"interview": {"$in": list(interview_ids)}})

    def has_any(self, user_id: ObjectId) -> bool:
        """Tell whether there is a row of an account."""
        return self._collection.find_one({"user": user_id}, {"_id": True}) is not None

    def remove_some_before(self, moment: datetime) -> int:
        """Remove some rows from before `moment` that nobody will deliver any more.

        Returns how many, 0 without any.
        """
        # Open rows have `sweepAt`, but for those of an older service, which stay as they are.
        old = {"createdAt": {"$lt": moment}, "sweepAt": {"$exists": False}}
        found = self._collection.find(old, {"_id": True}).limit(_REMOVED_AT_ONCE)
        ids = [row["_id"] for row in found]
        return self._collection.delete_many({"_id": {"$in": ids}}).deleted_count if ids else 0

    def _close(self, match: Document, outcome: dict[str, Any], expires_at: datetime | None) -> bool:
        if expires_at is not None:
            outcome["expiresAt"] = expires_at
        result = self._collection.update_one(
            match,
            {
                "$set": {**outcome, "updatedAt": utcnow()},
                "$inc": {"attempts": 1},
                "$unset": {"lease": "", "sweepAt": "", "nextAttemptAt": ""},
            },
        )
        return result.matched_count == 1


def _pending(row: Document, sweep_at: datetime) -> Document:
    now = utcnow()
    return {
        **row,
        "_id": ObjectId(),
        "channel": "email",
        "status": "pending",
        "attempts": 0,
        "lastError": None,
        "sweepAt": sweep_at,
        "createdAt": now,
        "updatedAt": now,
    }


def _free(now: datetime) -> Document:
    return {
        "status": {"$in": OPEN},
        "lease.until": {"$not": {"$gt": now}},
        # Rows without it were written by another service and are no longer anybody's to deliver.
        "sweepAt": {"$exists": True},
    }


def _leased(token: str, until: datetime) -> Document:
    # Nobody need look after a row before its lease has ended.
    return {"lease": {"token": token, "until": until}, "sweepAt": until}
