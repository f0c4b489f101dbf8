"""A store that a test kills is really killed, and has what it acknowledged when it is back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from interview_platform.core import mongo, redis
from interview_platform.local.stores import EmbeddedMongo, EmbeddedRedis
from tests.live import kill


def test_a_killed_redis_is_gone_and_comes_back_with_its_keys(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server, redis.connect(server.url) as client:
        process: int = client.info("server")["process_id"]
        client.set("acknowledged", "yes")
        kill(server)
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
        with pytest.raises(RedisError):
            client.ping()
        server.start()
        assert client.get("acknowledged") == b"yes"
        assert client.info("server")["process_id"] != process


def test_a_killed_document_store_is_gone_and_comes_back_with_its_documents(tmp_path: Path) -> None:
    with EmbeddedMongo(tmp_path) as server, mongo.connect(server.url, "kept").client as client:
        kept = client["kept"]["kept"]
        kept.insert_one({"_id": "acknowledged"})
        kill(server)
        server.start()
        assert kept.find_one() == {"_id": "acknowledged"}
