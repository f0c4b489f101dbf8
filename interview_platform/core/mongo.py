"""MongoDB: the client, transactions, and the schema that the release phase applies."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, TypeVar

import pymongo
from pymongo import ASCENDING, IndexModel, MongoClient, WriteConcern
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import CollectionInvalid, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

log = logging.getLogger(__name__)

Document = dict[str, Any]
Store = Database[Document]
Session = ClientSession

OPERATION_TIMEOUT_MS = 10_000
ANSWER_TIMEOUT = 3.0
"""Seconds for what somebody on a socket waits for, before anything else can be done."""
PING_TIMEOUT = 2.0  # seconds
TRANSIENT = "TransientTransactionError"

_NAMESPACE_EXISTS = 48
# How many documents one step of a walk reads.
_WALKED_AT_ONCE = 200

T = TypeVar("T")


def connect(uri: str, database: str) -> Store:
    """Open the database `database` of the deployment at `uri`, without waiting for it.

    Reads go to the primary and writes are acknowledged by a majority, whatever `uri` says;
    each operation carries a time limit that the server enforces too (`maxTimeMS`). Not
    fork-safe: connect in the process that uses it.
    """
    client: MongoClient[Document] = MongoClient(
        uri,
        w="majority",
        retryWrites=True,
        retryReads=True,
        tz_aware=True,
        timeoutMS=OPERATION_TIMEOUT_MS,
        serverSelectionTimeoutMS=3_000,
        connectTimeoutMS=3_000,
        maxPoolSize=100,
        appname="smart-interview",
    )
    return client.get_database(database, read_preference=ReadPreference.PRIMARY)


def answers(store: Store) -> bool:
    """Tell that `store` answers. Raises PyMongo's error within `PING_TIMEOUT` if it does not."""
    with pymongo.timeout(PING_TIMEOUT):
        return bool(store.command("ping"))


def soon(seconds: float = ANSWER_TIMEOUT) -> AbstractContextManager[object]:
    """Give the operations of a block so many seconds together; PyMongo's errors follow."""
    return pymongo.timeout(seconds)


def describe(error: PyMongoError) -> str:
    """Return the type and code of `error`, for logs: its message may quote documents."""
    code = getattr(error, "code", None)
    return type(error).__name__ if code is None else f"{type(error).__name__} (code {code})"


class Repository:
    """One collection, its indexes and its validator; a subclass names its queries by intent."""

    COLLECTION: ClassVar[str]
    INDEXES: ClassVar[Sequence[IndexModel]] = ()
    VALIDATOR: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, store: Store) -> None:
        self._store = store
        self._collection: Collection[Document] = store[self.COLLECTION]

    def upgrade(self) -> None:
        """Give documents of an older shape the fields that `INDEXES` and the queries rely on."""

    def _walk(
        self, match: Mapping[str, Any], projection: Mapping[str, Any] | None = None
    ) -> Iterator[Document]:
        """Yield every document that matches, by id; an index must list those by `_id`.

        A few at a time, with no cursor open meanwhile: whoever asks may take their time.
        """
        query = dict(match)
        while True:
            found = self._collection.find(query, projection).sort("_id", ASCENDING)
            some = list(found.limit(_WALKED_AT_ONCE))
            yield from some
            if len(some) < _WALKED_AT_ONCE:
                return
            query["_id"] = {"$gt": some[-1]["_id"]}


def transaction(
    store: Store, body: Callable[[Session], T], seconds: float = OPERATION_TIMEOUT_MS / 1000
) -> T:
    """Run `body` in a transaction with snapshot reads and return what it returns.

    `body` is run again whenever the deployment reports a transient error (a write
    conflict, a step-down), so it must have no effect outside the session. What it
    raises of its own ends the transaction without a trace. All tries together have
    `seconds`, by default the time of one operation; PyMongo's own limit is two minutes.
    """
    with pymongo.timeout(seconds), store.client.start_session() as session:
        return session.with_transaction(
            body,
            read_concern=ReadConcern("snapshot"),
            write_concern=WriteConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
        )


def try_again() -> OperationFailure:
    """Make the error that has `transaction` run its body again on a fresh snapshot."""
    return OperationFailure(
        "the transaction's snapshot was overtaken", 112, {"errorLabels": [TRANSIENT]}
    )


def sync_schema(repositories: Sequence[Repository]) -> None:
    """Create collections, upgrade old documents, build indexes and set validators.

    Safe to run again and by several processes at once. Takes the time that it takes: an
    index over many documents is not built in that of one operation. Raises PyMongo's error
    for an index that cannot be built.
    """
    # No limit: None would leave the client's own in force.
    with pymongo.timeout(0):
        for repository in repositories:
            _sync(repository)
            log.info("schema of %s is in place", repository.COLLECTION)


def _sync(repository: Repository) -> None:
    store = repository._store
    try:
        store.create_collection(repository.COLLECTION)
    except CollectionInvalid:
        pass
    except OperationFailure as error:
        if error.code != _NAMESPACE_EXISTS:
            raise
    repository.upgrade()
    if repository.INDEXES:
        repository._collection.create_indexes(list(repository.INDEXES))
    # Moderate: documents that were written before the rule may still be updated.
    store.command(
        "collMod",
        repository.COLLECTION,
        validator={"$jsonSchema": repository.VALIDATOR} if repository.VALIDATOR else {},
        validationLevel="moderate",
    )
