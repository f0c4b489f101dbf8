"""Providers and desks for the worker's tests."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from interview_platform.local.stores import EmbeddedRedis
from tests import providers
from tests.jobs.desk import Desk
from tests.providers import Provider


@pytest.fixture(scope="module")
def sendgrid() -> Iterator[Provider]:
    with providers.sendgrid() as provider:
        yield provider


@pytest.fixture(scope="module")
def twilio() -> Iterator[Provider]:
    with providers.twilio() as provider:
        yield provider


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """A Redis that may be taken away and brought back."""
    with EmbeddedRedis(tmp_path_factory.mktemp("redis")) as server:
        yield server


OpenDesk = Callable[..., Desk]


@pytest.fixture(scope="module")
def open_desk(
    mongo_uri: str, redis_server: EmbeddedRedis, sendgrid: Provider, twilio: Provider
) -> Iterator[OpenDesk]:
    """Open desks of a database and a Redis database each, with settings of one's choice."""
    with ExitStack() as closing:
        opened: list[Desk] = []

        def open_one(**settings: str) -> Desk:
            desk = Desk(
                {
                    "APP_ENV": "test",
                    "LOG_LEVEL": "info",
                    "MONGO_URI": mongo_uri,
                    "MONGO_DB_NAME": f"jobs-{uuid.uuid4().hex}",
                    "REDIS_URL": f"{redis_server.url}/{len(opened)}",
                    "JWT_SECRET": "a secret of the tests, long enough to be taken",
                    "SIGNING_KEY": "c2lnbnMgcmVjb3JkcyBvZiB0aGUgdGVzdHMgYWxvbmU=",
                    "CLIENT_LINK_URL": "https://app.example.com/welcome",
                    "PROVIDER_TIMEOUT": "1s",
                    **providers.environment(sendgrid, twilio),
                    **settings,
                }
            )
            opened.append(desk)
            closing.enter_context(desk.services)
            closing.callback(desk.clear)
            return desk

        yield open_one
