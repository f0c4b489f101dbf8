"""The application in this process, on a database of its own, for each test.

A plugin of pytest, named in `conftest.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from pymongo.database import Database

from interview_platform.app import create_app
from interview_platform.auth.accounts import AccountLinks
from interview_platform.core.mongo import Document, sync_schema
from interview_platform.core.settings import Settings
from interview_platform.wiring import Services
from tests.service import Company, make_settings

# Databases that this process has prepared: they are emptied for the next test, not dropped.
_prepared: set[tuple[str, str]] = set()


@pytest.fixture
def settings(mongo_uri: str, database: Database[Document], redis_db_url: str) -> Settings:
    return make_settings(mongo_uri, database.name, redis_db_url)


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    """Services of the test's own, beside those of the application; the store is prepared."""
    with Services(settings) as services:
        if (place := (settings.mongo_uri, settings.mongo_db_name)) not in _prepared:
            sync_schema(services.repositories)
            _prepared.add(place)
        yield services


@pytest.fixture
def links(services: Services) -> AccountLinks:
    """What makes the links of one use that are otherwise mailed alone."""
    return AccountLinks(services.one_time_tokens, timedelta(days=1), timedelta(hours=1))


@pytest.fixture
def app(settings: Settings, services: Services) -> Iterator[Flask]:
    app = create_app(settings)
    with app.extensions["services"]:
        yield app


@pytest.fixture
def company(app: Flask) -> Company:
    return Company(app)
