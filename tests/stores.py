"""The stores that tests run against: one of each a session, and empty databases for each test.

Some tests want one that is theirs alone, to do it harm.

A plugin of pytest, named in `conftest.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pymongo
import pytest
from pymongo import MongoClient
from pymongo.database import Database
from redis import Redis

from interview_platform.core import mongo, redis
from interview_platform.core.locks import LockRepository
from interview_platform.core.mongo import Document
from interview_platform.local.stores import EmbeddedMongo, EmbeddedRedis

DATABASES = 4
REDIS_DATABASES = 16

_numbers = count(1)


@pytest.fixture(scope="session")
def stores_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stores")


@pytest.fixture(scope="session")
def mongo_uri(stores_dir: Path) -> Iterator[str]:
    """The address of the session's document store."""
    with EmbeddedMongo(stores_dir) as store:
        yield store.url


@pytest.fixture(scope="session")
def redis_url(stores_dir: Path) -> Iterator[str]:
    """The address of the session's Redis; `redis_db_url` is what a test wants."""
    with EmbeddedRedis(stores_dir) as store:
        yield store.url


@pytest.fixture(scope="session")
def mongo_client(mongo_uri: str) -> Iterator[MongoClient[Document]]:
    client = mongo.connect(mongo_uri, "unused").client
    with client:
        yield client


@pytest.fixture
def database(mongo_client: MongoClient[Document]) -> Database[Document]:
    """An empty database, which the tests just before have not used.

    What the release phase has made for earlier tests stays in it, the names of locks
    included: making that costs more than most tests do.
    """
    database = mongo_client[f"test_{next(_numbers) % DATABASES}"]
    # The embedded store takes its time over what a test has filled.
    with pymongo.timeout(60):
        for name in {*database.list_collection_names()} - {LockRepository.COLLECTION}:
            database[name].delete_many({})
    return database


@pytest.fixture
def new_database(mongo_client: MongoClient[Document]) -> Iterator[Database[Document]]:
    """A database that nothing has prepared, gone after the test."""
    name = f"new_{next(_numbers)}"
    yield mongo_client[name]
    with pymongo.timeout(60):
        mongo_client.drop_database(name)


@pytest.fixture
def redis_db_url(redis_url: str) -> str:
    """The address of an empty Redis database, which the tests just before have not used."""
    url = f"{redis_url}/{next(_numbers) % REDIS_DATABASES}"
    with redis.connect(url) as client:
        client.flushdb()
    return url


@pytest.fixture
def redis_client(redis_db_url: str) -> Iterator[Redis]:
    """A client of the test's own Redis database."""
    with redis.connect(redis_db_url) as client:
        yield client


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedMongo]:
    """A document store of the test's own, which it may stop, kill or fill."""
    with EmbeddedMongo(tmp_path) as store:
        yield store


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A Redis of the test's own, which it may stop or cut off."""
    with EmbeddedRedis(tmp_path) as store:
        yield store
