"""Collection `locks`: what transactions write to when they must not run side by side."""

from __future__ import annotations

import secrets
from collections.abc import Collection

from pymongo import UpdateOne

from .mongo import Repository, Session, Store

# Of a lock that is shared, so many that few of those who share it meet.
_PARTS = 64


class LockRepository(Repository):
    """Locks by name. One that is taken has every other transaction that takes it run again.

    One that can be shared has parts: who shares it writes one of them, by chance, and who
    takes it writes all, so that only who takes it is in the way of many.
    """

    COLLECTION = "locks"

    def __init__(self, store: Store, names: Collection[str], shared: Collection[str]) -> None:
        """`names` can only be taken, `shared` also be shared."""
        super().__init__(store)
        self._ids = {name: [name] for name in names}
        self._ids |= {name: [f"{name}:{part}" for part in range(_PARTS)] for name in shared}

    def upgrade(self) -> None:
        """Make the locks beforehand, so that taking one only ever updates."""
        self._collection.bulk_write(
            [
                UpdateOne({"_id": each}, {"$setOnInsert": {"takes": 0}}, upsert=True)
                for ids in self._ids.values()
                for each in ids
            ]
        )

    def take(self, name: str, session: Session) -> None:
        """Have every other transaction that takes or shares `name` run again.

        Raises LookupError where the release phase has not made the lock.
        """
        self._write(name, self._ids[name], session)

    def share(self, name: str, session: Session) -> None:
        """Have every transaction that takes `name` run again, or this one; raises as `take`."""
        self._write(name, [secrets.choice(self._ids[name])], session)

    def _write(self, name: str, ids: list[str], session: Session) -> None:
        written = self._collection.update_many(
            {"_id": {"$in": ids}}, {"$inc": {"takes": 1}}, session=session
        )
        if written.matched_count < len(ids):
            raise LookupError(f"no lock {name}: has the release phase run?")
