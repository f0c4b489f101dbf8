"""Collection `candidateprofiles`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, Protocol

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel, UpdateOne

from ..auth.model import Role, UserStatus
from ..core.clock import utcnow
from ..core.mongo import Document, Repository, Session, Store
from ..core.paging import Page, PageRequest
from .model import (
    ELIGIBLE,
    INDEX_VERSION,
    MAX_HISTORY,
    CandidateRef,
    Criteria,
    LotStatus,
    fold,
    index_terms,
)
from .search import query_keys

_SEARCH_INDEX = "search"
_STATUS_INDEX = "lot_status"

# Small enough that reading one holds up no other greenlet for long.
_POOL_BATCH = 500
_UPGRADE_BATCH = 200

_NOT_IN_LISTS = {"index": False, "lotStatusHistory": False}


class Users(Protocol):
    """The accounts behind the profiles; `auth` implements it."""

    def by_ids(self, user_ids: Iterable[ObjectId]) -> Mapping[ObjectId, Document]:
        """Return the accounts of some ids."""

    def of_role(self, role: Role) -> Iterable[Document]:
        """Return every account of a role."""


class CandidateProfileRepository(Repository):
    """One profile a candidate.

    `index` is derived from the profile and its account: the folded words that the lists
    and the draw look for. Whoever changes either writes it anew in the same transaction.
    """

    COLLECTION = "candidateprofiles"
    INDEXES = (
        IndexModel([("user", ASCENDING)], unique=True),
        IndexModel([("index.search", ASCENDING), ("_id", DESCENDING)], name=_SEARCH_INDEX),
        IndexModel([("index.skills", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("index.tags", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("index.status", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("lotStatus", ASCENDING), ("_id", DESCENDING)], name=_STATUS_INDEX),
    )
    VALIDATOR = {
        "bsonType": "object",
        "required": ["user"],
        "properties": {
            "user": {"bsonType": "objectId"},
            "skills": {"bsonType": ["array", "null"]},
            "tags": {"bsonType": ["array", "null"]},
            "lotStatus": {"enum": [str(status) for status in LotStatus]},
            "lotStatusHistory": {"bsonType": "array", "maxItems": MAX_HISTORY},
        },
    }

    def __init__(self, store: Store, users: Users) -> None:
        super().__init__(store)
        self._users = users

    def upgrade(self) -> None:
        """Give candidates without a profile one, and profiles their lot status and index."""
        candidates = iter(self._users.of_role(Role.CANDIDATE))
        while users := list(islice(candidates, _UPGRADE_BATCH)):
            self._add_missing(users)
        self._collection.update_many(
            {"lotStatus": None}, {"$set": {"lotStatus": LotStatus.UNASSIGNED}}
        )
        profiles = self._walk({"index.version": {"$ne": INDEX_VERSION}})
        while batch := list(islice(profiles, _UPGRADE_BATCH)):
            self._index(batch)

    def _index(self, profiles: Sequence[Document]) -> None:
        """Make the index of `profiles` again, but for those that others change meanwhile."""
        owners = self._users.by_ids(profile["user"] for profile in profiles)
        self._collection.bulk_write(
            [
                UpdateOne(
                    {"_id": profile["_id"], "updatedAt": profile.get("updatedAt")},
                    {"$set": {"index": index_terms(owners.get(profile["user"]), profile)}},
                )
                for profile in profiles
            ],
            ordered=False,
        )

    def _add_missing(self, users: Sequence[Document]) -> None:
        """Make a profile for each of `users` that has none."""
        ids = [user["_id"] for user in users]
        found = self._collection.find({"user": {"$in": ids}}, {"user": True})
        known = {profile["user"] for profile in found}
        now = utcnow()
        empty = {"lotStatus": LotStatus.UNASSIGNED, "createdAt": now, "updatedAt": now}
        missing = [
            # Under the account's id, so that two that do this at once make one profile.
            UpdateOne(
                {"_id": user["_id"]},
                {"$setOnInsert": {"user": user["_id"], **empty, "index": index_terms(user, {})}},
                upsert=True,
            )
            for user in users
            if user["_id"] not in known
        ]
        if missing:
            self._collection.bulk_write(missing, ordered=False)

    def add_many(self, profiles: Sequence[Document], session: Session) -> None:
        """Insert profiles that are complete but for their ids, which they are given."""
        self._collection.insert_many(profiles, session=session)

    def find(self, candidate_id: ObjectId, session: Session | None = None) -> Document | None:
        """Return the profile of the account or of the profile that `candidate_id` names."""
        for key in ("user", "_id"):
            found = self._collection.find_one({key: candidate_id}, session=session)
            if found:
                return _complete(found)
        return None

    def refs(
        self, ids: Sequence[ObjectId], session: Session | None = None
    ) -> dict[ObjectId, CandidateRef]:
        """Return the candidates whose accounts or profiles `ids` name, in two queries at most."""
        refs: dict[ObjectId, CandidateRef] = {}
        for key in ("user", "_id"):
            rest = [some_id for some_id in ids if some_id not in refs]
            if rest:
                found = self._collection.find(
                    {key: {"$in": rest}}, {"user": True, "index.status": True}, session=session
                )
                refs |= {each[key]: _ref(each) for each in found}
        return refs

    def page(self, page: PageRequest, filters: Mapping[str, Any]) -> Page[Document]:
        """Return profiles, newest first, without their histories.

        `filters` may hold `q`, `skill`, `tag`, `lotStatus` and `status`.
        """
        query = _query(filters)
        hint = _SEARCH_INDEX if "index.search" in query else None if query else "_id_"
        if page.after:
            query["_id"] = {"$lt": page.after[0]}
        found = (
            self._collection.find(query, _NOT_IN_LISTS, hint=hint)
            .sort("_id", DESCENDING)
            .limit(page.limit + 1)
        )
        profiles = [_complete(profile) for profile in found]
        return Page.cut(profiles, page.limit, lambda profile: (profile["_id"],))

    def replace_fields(
        self,
        profile_id: ObjectId,
        fields: Mapping[str, Any],
        session: Session,
        *,
        entry: Document | None = None,
    ) -> Document:
        """Set `fields`, add `entry` to the history if there is one, and return the profile."""
        update: Document = {"$set": {**fields, "updatedAt": utcnow()}}
        if entry:
            update["$push"] = _remember(entry)
        # Update and read, since a find-and-modify looks its document up more slowly.
        self._collection.update_one({"_id": profile_id}, update, session=session)
        updated = self._collection.find_one({"_id": profile_id}, session=session)
        if updated is None:
            raise LookupError(f"no profile {profile_id}")
        return _complete(updated)

    def count_by_lot_status(self) -> dict[LotStatus, int]:
        """Return how many candidates have come how far."""
        found = self._collection.aggregate(
            [
                # All of them: named so that the index answers, and no profile is read.
                {"$match": {"lotStatus": {"$in": list(LotStatus)}}},
                {"$group": {"_id": "$lotStatus", "count": {"$sum": 1}}},
            ]
        )
        counts = {group["_id"]: group["count"] for group in found}
        return {status: counts.get(status, 0) for status in LotStatus}

    def remove(self, user_id: ObjectId, session: Session) -> None:
        """Remove the profile of an account."""
        self._collection.delete_one({"user": user_id}, session=session)

    def note_activation(self, user_id: ObjectId, session: Session) -> None:
        """Have the index of the account's profile, if it has one, say that it is active."""
        self._collection.update_one(
            {"user": user_id, "index.status": {"$exists": True}},
            {"$set": {"index.status": UserStatus.ACTIVE}},
            session=session,
        )

    def hold(self, profile_ids: Sequence[ObjectId], session: Session) -> None:
        """Lock profiles against other transactions that hold them, until this one ends."""
        self._collection.update_many(
            {"_id": {"$in": list(profile_ids)}}, {"$inc": {"holds": 1}}, session=session
        )

    def move(
        self,
        ids: Sequence[ObjectId],
        to: LotStatus,
        from_states: Iterable[LotStatus],
        by: ObjectId,
        session: Session,
        *,
        lot: ObjectId | None = None,
        eligible: bool = False,
        key: Literal["_id", "user"] = "_id",
    ) -> int:
        """Bring those of `ids` that are in one of `from_states` to `to`; return how many.

        The ids are of profiles, or with `key` of accounts. `eligible` passes over candidates
        whose accounts may not be drawn.
        """
        query: Document = {key: {"$in": list(ids)}, "lotStatus": {"$in": list(from_states)}}
        if eligible:
            query["index.status"] = {"$in": list(ELIGIBLE)}
        moved = self._collection.update_many(
            query,
            {
                "$set": {"lotStatus": to, "updatedAt": utcnow()},
                "$push": _remember(history_entry(to, by, lot)),
            },
            session=session,
        )
        return moved.modified_count

    def pool(self, criteria: Criteria) -> Iterator[Document]:
        """Yield the profiles that may be drawn and match `criteria`, by ascending id.

        Each holds `_id`, `user`, `index.tags` and `experienceYears`. They come in small
        batches off one snapshot, and other greenlets run while the next one is fetched.
        """
        query: Document = {
            "lotStatus": LotStatus.UNASSIGNED,
            "index.status": {"$in": list(ELIGIBLE)},
        }
        if criteria.skills:
            query["index.skills"] = {"$all": list(criteria.skills)}
        if criteria.tags:
            query["index.tags"] = {"$in": list(criteria.tags)}
        bounds = {"$gte": criteria.experience_min, "$lte": criteria.experience_max}
        if given := {sign: bound for sign, bound in bounds.items() if bound is not None}:
            query["experienceYears"] = given
        wanted = {"user": True, "index.tags": True, "experienceYears": True}
        with self._store.client.start_session(snapshot=True) as session:
            yield from self._collection.find(
                query, wanted, session=session, hint=_STATUS_INDEX, batch_size=_POOL_BATCH
            ).sort("_id", ASCENDING)


def history_entry(status: LotStatus, by: ObjectId, lot: ObjectId | None = None) -> Document:
    """Return what `lotStatusHistory` keeps of a change."""
    entry: Document = {"status": status, "at": utcnow(), "by": by}
    if lot is not None:
        entry["lot"] = lot
    return entry


def _remember(entry: Document) -> Document:
    return {"lotStatusHistory": {"$each": [entry], "$slice": -MAX_HISTORY}}


def _ref(profile: Document) -> CandidateRef:
    status = (profile.get("index") or {}).get("status", UserStatus.ACTIVE)
    return CandidateRef(profile["user"], profile["_id"], UserStatus(status))


def _query(filters: Mapping[str, Any]) -> Document:
    query: Document = {}
    if keys := query_keys(filters.get("q", "")):
        query["index.search"] = {"$all": [re.compile("^" + re.escape(key)) for key in keys]}
    for name, field in (("skill", "index.skills"), ("tag", "index.tags")):
        if name in filters:
            query[field] = {"$eq": fold(filters[name])}
    for name, field in (("lotStatus", "lotStatus"), ("status", "index.status")):
        if name in filters:
            query[field] = {"$eq": filters[name]}
    return query


def _complete(profile: Document) -> Document:
    """Fill in what profiles of an older shape lack."""
    profile["skills"] = profile.get("skills") or []
    profile["tags"] = profile.get("tags") or []
    profile["lotStatus"] = profile.get("lotStatus") or LotStatus.UNASSIGNED
    return profile
