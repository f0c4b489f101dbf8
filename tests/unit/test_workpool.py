"""Threads that many share."""

from __future__ import annotations

import time
from collections.abc import Callable

import gevent
import pytest

from interview_platform.core.errors import Unavailable
from interview_platform.core.ratelimit import Shares
from interview_platform.core.workpool import FairWorkpool, Stopwatch


def test_one_holder_keeps_one_thread_busy_and_the_others_go_on() -> None:
    pool = FairWorkpool(threads=2, waiting=8, waiting_each=3)
    running, most, order = [0], [0], list[str]()

    def work(name: str, seconds: float) -> str:
        running[0] += name == "greedy"
        most[0] = max(most[0], running[0])
        time.sleep(seconds)
        running[0] -= name == "greedy"
        order.append(name)
        return name

    greedy = [gevent.spawn(pool.run, "greedy", work, "greedy", 0.2) for _ in range(4)]
    gevent.sleep(0.05)
    with pytest.raises(Unavailable):
        pool.run("greedy", work, "greedy", 0.2)
    assert pool.run("modest", work, "modest", 0.0) == "modest"
    gevent.joinall(greedy)
    assert [each.value for each in greedy] == ["greedy"] * 4
    assert most == [1]
    assert order[0] == "modest"
    # Nobody is remembered who waits for nothing.
    assert not pool._turns


def test_a_call_that_fails_gives_its_turn_on() -> None:
    pool = FairWorkpool(threads=1, waiting=8, waiting_each=3)

    def fail() -> None:
        raise ValueError("no")

    failing = gevent.spawn(pool.run, "one", fail)
    assert pool.run("one", lambda: 1) == 1
    with pytest.raises(ValueError, match="no"):
        failing.get()


def test_the_time_of_what_fails_is_measured_too() -> None:
    watch = Stopwatch()

    def burn(then: Callable[[], None]) -> None:
        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass
        then()

    def fail() -> None:
        raise ValueError("no")

    watch.run(burn, lambda: None)
    with pytest.raises(ValueError, match="no"):
        watch.run(burn, fail)
    assert watch.seconds >= 0.04


def test_who_used_more_than_a_share_waits_for_it_and_nobody_else_does() -> None:
    shares = Shares(rate=0.2, burst=2.0)
    shares.charge("greedy", 1.5)
    assert not shares.delay("greedy")
    shares.charge("greedy", 1.5)
    assert 4.0 < shares.delay("greedy") <= 5.0
    assert not shares.delay("modest")
    for number in range(100):
        shares.charge(number, 1e-9)
    time.sleep(0.01)
    shares.charge("modest", 0.1)
    assert len(shares._buckets) == 102, "the greedy one is not forgotten"
