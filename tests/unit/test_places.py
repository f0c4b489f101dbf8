"""Places a holder: counted over processes, given back by those that die, kept without Redis."""

from __future__ import annotations

import time

import pytest
from redis import Redis
from redis.exceptions import RedisError

from interview_platform.core import places, redis
from interview_platform.core.places import Places


@pytest.fixture
def pair(redis_client: Redis) -> tuple[Places, Places]:
    """What two processes know of."""
    return Places(redis_client, "seats", 2), Places(redis_client, "seats", 2)


def test_all_processes_together_give_so_many(pair: tuple[Places, Places]) -> None:
    here, there = pair
    assert here.take("ada", "1")
    assert there.take("ada", "2")
    assert not here.take("ada", "3")
    assert not there.take("ada", "4")
    assert there.take("bob", "5")
    there.leave("ada", "2")
    there.tend()
    assert here.take("ada", "6")


def test_a_process_that_dies_gives_its_places_back(
    pair: tuple[Places, Places], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "LEASE", 0.4)
    monkeypatch.setattr(places, "RENEW_EVERY", 0.0)
    dead, alive = pair
    assert dead.take("ada", "1")
    assert alive.take("ada", "2")
    assert not alive.take("ada", "3")
    end = time.monotonic() + 0.6
    while time.monotonic() < end:
        alive.tend()
        time.sleep(0.05)
    assert alive.take("ada", "4")
    assert not dead.take("ada", "5")


def test_what_redis_has_forgotten_is_said_again(
    pair: tuple[Places, Places], redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "RENEW_EVERY", 0.0)
    here, there = pair
    assert here.take("ada", "1")
    assert here.take("ada", "2")
    redis_client.flushdb()
    here.tend()
    assert not there.take("ada", "3")


def test_without_redis_each_process_counts_its_own() -> None:
    with redis.connect("redis://127.0.0.1:1") as away:
        alone = Places(away, "seats", 2)
        assert [alone.take("ada", place) for place in "123"] == [True, True, False]
        alone.leave("ada", "1")
        with pytest.raises(RedisError):
            alone.tend()
        assert alone.take("ada", "4")
