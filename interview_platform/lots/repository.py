"""Collections `lots` and `lotdraws`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel

from ..core.clock import utcnow
from ..core.mongo import Document, Repository, Session
from ..core.paging import Page, PageRequest
from .model import LotState, Method

_IN_USE = {"status": {"$ne": LotState.ARCHIVED}}
_COUNT = {"$size": {"$ifNull": ["$candidates", []]}}
_LISTED = {
    "name": True,
    "description": True,
    "criteria": True,
    "status": True,
    "createdBy": True,
    "createdAt": True,
    "updatedAt": True,
    "candidateCount": _COUNT,
}


class LotRepository(Repository):
    """`candidates` holds ids of candidate profiles, each once."""

    COLLECTION = "lots"
    INDEXES = (
        IndexModel([("candidates", ASCENDING)]),
        IndexModel([("status", ASCENDING), ("_id", DESCENDING)]),
    )
    VALIDATOR = {
        "bsonType": "object",
        "required": ["name"],
        "properties": {
            "name": {"bsonType": "string"},
            "status": {"enum": [str(state) for state in LotState]},
            "candidates": {"bsonType": "array"},
        },
    }

    def upgrade(self) -> None:
        """Give lots that lack one a state."""
        self._collection.update_many({"status": None}, {"$set": {"status": LotState.ACTIVE}})

    def add(self, lot: Document) -> Document:
        now = utcnow()
        document = {**lot, "candidates": [], "createdAt": now, "updatedAt": now}
        self._collection.insert_one(document)
        return _complete(document)

    def by_id(self, lot_id: ObjectId, session: Session | None = None) -> Document | None:
        found = self._collection.find_one({"_id": lot_id}, session=session)
        return _complete(found) if found else None

    def criteria(self, lot_id: ObjectId) -> Document | None:
        """Return the lot without its candidates."""
        return self._collection.find_one({"_id": lot_id}, {"status": True, "criteria": True})

    def by_ids(self, lot_ids: Iterable[ObjectId]) -> dict[ObjectId, Document]:
        """Return the ids and names of those lots that exist."""
        found = self._collection.find({"_id": {"$in": list(lot_ids)}}, {"name": True})
        return {lot["_id"]: lot for lot in found}

    def page(self, page: PageRequest, filters: Mapping[str, Any]) -> Page[Document]:
        """Return lots, newest first, with the number of their candidates instead of their ids.

        `filters` may hold `status`.
        """
        query: Document = {name: {"$eq": value} for name, value in filters.items()}
        hint = None if query else "_id_"
        if page.after:
            query["_id"] = {"$lt": page.after[0]}
        found = (
            self._collection.find(query, _LISTED, hint=hint)
            .sort("_id", DESCENDING)
            .limit(page.limit + 1)
        )
        return Page.cut(list(found), page.limit, lambda lot: (lot["_id"],))

    def update(
        self, lot_id: ObjectId, changes: Mapping[str, Any], session: Session
    ) -> Document | None:
        """Set `changes` and return the lot as it is then; None where there is none.

        Of a lot that is archived nothing but the state can be changed.
        """
        match = {} if changes.keys() <= {"status"} else _IN_USE
        return self._update({"_id": lot_id, **match}, {"$set": changes}, session)

    def put_in(
        self, lot_id: ObjectId, profile_ids: Sequence[ObjectId], session: Session, **match: Any
    ) -> Document | None:
        """Add candidates to a lot that is not archived and matches; return it as it is then."""
        return self._update(
            {"_id": lot_id, **_IN_USE, **match},
            {"$addToSet": {"candidates": {"$each": list(profile_ids)}}},
            session,
        )

    def take_out(self, lot_id: ObjectId, profile_id: ObjectId, session: Session) -> bool:
        """Take a candidate out of a lot that is not archived; False where they are not in it."""
        result = self._collection.update_one(
            {"_id": lot_id, **_IN_USE, "candidates": profile_id},
            {"$pull": {"candidates": profile_id}, "$set": {"updatedAt": utcnow()}},
            session=session,
        )
        return result.matched_count == 1

    def any_with(self, profile_id: ObjectId, session: Session) -> bool:
        """Tell whether a candidate is in any lot."""
        found = self._collection.find_one(
            {"candidates": profile_id}, {"_id": True}, session=session
        )
        return found is not None

    def names_with(self, profile_id: ObjectId) -> list[Document]:
        """Return the ids and names of the lots that a candidate is in."""
        return list(self._collection.find({"candidates": profile_id}, {"name": True}))

    def take_out_of_all(self, profile_id: ObjectId, session: Session) -> None:
        """Take a candidate out of every lot, also of those that are archived."""
        self._collection.update_many(
            {"candidates": profile_id},
            {"$pull": {"candidates": profile_id}, "$set": {"updatedAt": utcnow()}},
            session=session,
        )

    def _update(self, match: Document, change: Document, session: Session) -> Document | None:
        # Update and read, since a find-and-modify looks its document up more slowly.
        change = {**change, "$set": {**change.get("$set", {}), "updatedAt": utcnow()}}
        updated = self._collection.update_one(match, change, session=session)
        return self.by_id(match["_id"], session) if updated.matched_count else None


class DrawRepository(Repository):
    """One document a draw, never changed: what it was made of and whom it picked."""

    COLLECTION = "lotdraws"
    INDEXES = (
        IndexModel([("lot", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("selected.profile", ASCENDING)]),
    )
    VALIDATOR = {
        "bsonType": "object",
        "required": ["lot", "method", "seed", "poolSize", "poolDigest", "selected"],
        "properties": {
            "lot": {"bsonType": "objectId"},
            "method": {"enum": [str(method) for method in Method]},
            "seed": {"bsonType": "string"},
            "poolDigest": {"bsonType": "string"},
            "selected": {"bsonType": "array"},
        },
    }

    def add(self, draw: Document, session: Session) -> None:
        self._collection.insert_one(draw, session=session)

    def page(self, page: PageRequest, lot_id: ObjectId) -> Page[Document]:
        """Return a lot's draws, newest first."""
        query: Document = {"lot": lot_id}
        if page.after:
            query["_id"] = {"$lt": page.after[0]}
        found = self._collection.find(query).sort("_id", DESCENDING).limit(page.limit + 1)
        return Page.cut(list(found), page.limit, lambda draw: (draw["_id"],))

    def picking(self, profile_id: ObjectId) -> list[Document]:
        """Return the draws that picked a candidate, with nobody else whom they did."""
        picked = {"$elemMatch": {"profile": profile_id}}
        found = self._collection.find(
            {"selected.profile": profile_id},
            {"lot": True, "method": True, "createdAt": True, "selected": picked},
        )
        return list(found)


def _complete(lot: Document) -> Document:
    """Fill in what lots of an older shape lack."""
    lot["candidates"] = lot.get("candidates") or []
    lot["criteria"] = lot.get("criteria") or {}
    lot["status"] = lot.get("status") or LotState.ACTIVE
    return {**lot, "candidateCount": len(lot["candidates"])}
