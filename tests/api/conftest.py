"""An application in this process, on a database of its own, for each test."""

from __future__ import annotations

import pytest
from flask import Flask
from pymongo.database import Database

from interview_platform.app import create_app
from interview_platform.core.mongo import Document, sync_schema
from interview_platform.core.settings import Settings
from interview_platform.wiring import Services
from tests.service import Company, make_settings


@pytest.fixture
def settings(mongo_uri: str, database: Database[Document], redis_db_url: str) -> Settings:
    return make_settings(mongo_uri, database.name, redis_db_url)


@pytest.fixture
def app(settings: Settings) -> Flask:
    sync_schema(Services(settings).repositories)
    return create_app(settings)


@pytest.fixture
def company(app: Flask) -> Company:
    return Company(app)
