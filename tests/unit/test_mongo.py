"""The store: which server is asked, how long anything may take, and what goes wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from pymongo.database import Database
from pymongo.errors import OperationFailure
from pymongo.read_preferences import ReadPreference

from interview_platform.app import create_app
from interview_platform.core import mongo
from interview_platform.core.mongo import Document, sync_schema
from interview_platform.core.settings import Settings
from interview_platform.local.stores import EmbeddedMongo
from interview_platform.wiring import Services
from tests.queries import recorded
from tests.service import Company, make_settings

# Seconds. PyMongo alone goes on for 120, and a single operation for 10.
SOON = 30.0
READY_SOON = 7.0


@pytest.fixture
def own_store(tmp_path: Path) -> Iterator[EmbeddedMongo]:
    """A store that may be taken away."""
    with EmbeddedMongo(tmp_path) as store:
        yield store


@pytest.fixture
def own_app(own_store: EmbeddedMongo, redis_db_url: str) -> Iterator[Flask]:
    app = create_app(make_settings(own_store.url, "own", redis_db_url))
    with app.extensions["services"] as services:
        sync_schema(services.repositories)
        yield app


def test_22_a_transaction_gives_up_soon_where_the_store_is_away(
    own_store: EmbeddedMongo, own_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo, "OPERATION_TIMEOUT_MS", 3_000)
    company = Company(own_app)
    audit = own_app.extensions["services"].audit
    record = audit.record

    def cut_off(*args: Any, **kwargs: Any) -> None:
        own_store.stop()
        record(*args, **kwargs)

    body = {"name": "Ada", "email": "ada@example.com", "role": "admin"}
    with monkeypatch.context() as patched:
        patched.setattr(audit, "record", cut_off)
        began = time.monotonic()
        answer = company.admin.post("/api/admin/users", body)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert time.monotonic() - began < SOON

    began = time.monotonic()
    ready = company.anyone.get("/health/ready")
    assert (ready.status_code, ready.json["checks"]["mongo"]) == (503, "failing")
    assert time.monotonic() - began < READY_SOON

    own_store.start()
    assert company.admin.post("/api/admin/users", body).status_code == 201


def test_reads_go_to_the_primary_whatever_the_address_says(mongo_uri: str) -> None:
    mark = "&" if "?" in mongo_uri else "/?"
    store = mongo.connect(f"{mongo_uri}{mark}readPreference=secondaryPreferred", "x")
    with store.client:
        assert store["sessions"].read_preference == ReadPreference.PRIMARY


def test_building_indexes_has_no_time_limit(
    settings: Settings, database: Database[Document]
) -> None:
    with Services(settings) as services, recorded(database) as commands:
        sync_schema(services.repositories)
    built = [command for command in commands if "createIndexes" in command]
    assert len(built) > 5
    assert not [command for command in built if "maxTimeMS" in command]


@pytest.mark.parametrize("code", [None, 13])
def test_preparing_the_store_fails_loudly(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, code: int | None
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OperationFailure("kept out", code)

    with Services(settings) as services:
        monkeypatch.setattr(Database, "create_collection", refuse)
        with pytest.raises(OperationFailure, match="kept out"):
            sync_schema(services.repositories)
