"""Promises: kept once, from any thread, and told to whoever asks, before or after."""

from __future__ import annotations

from threading import Thread

import pytest

from interview_platform.core.errors import Conflict, NotFound
from interview_platform.core.promise import Promise, all_done


def test_the_first_outcome_holds_and_everybody_hears_of_it() -> None:
    promise: Promise[int] = Promise()
    heard: list[int] = []
    promise.add_done_callback(lambda done: heard.append(done.result()))
    assert not promise.done()
    promise.set_result(1)
    promise.set_result(2)
    promise.set_exception(Conflict("late"))
    promise.add_done_callback(lambda done: heard.append(done.result()))
    assert heard == [1, 1]
    assert promise.exception() is None


def test_an_error_is_passed_on_and_raised() -> None:
    promise: Promise[int] = Promise()
    made = promise.then(lambda value: value + 1)
    promise.set_exception(NotFound())
    with pytest.raises(NotFound):
        made.result()
    assert isinstance(promise.exception(), NotFound)


def test_what_a_promise_s_callback_raises_reaches_neither_its_keeper_nor_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    promise: Promise[int] = Promise()
    heard: list[int] = []
    promise.add_done_callback(lambda _: 1 / 0)
    promise.add_done_callback(lambda done: heard.append(done.result()))
    promise.set_result(1)
    assert heard == [1]
    assert "callback failed" in caplog.text


def test_it_is_waited_for_as_long_as_one_wants() -> None:
    kept: Promise[str] = Promise()
    broken: Promise[str] = Promise()
    with pytest.raises(TimeoutError):
        kept.result(0.01)
    assert not all_done([kept, broken], 0.01)
    Thread(target=kept.set_result, args=("value",)).start()
    assert kept.result(10) == "value"
    broken.set_exception(Conflict("late"))
    assert all_done([kept, broken], 10)
