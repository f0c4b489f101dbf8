"""A condition variable that tells others without letting them run."""

from __future__ import annotations

from threading import Condition, RLock


def condition() -> Condition:
    """Return a condition with a lock of its own, whose `notify` never waits.

    With a plain lock it would, under gevent: it tries the lock, to see that it is held, and
    gevent has whoever tries a lock in vain give others their turn, in the middle of a step that
    nobody is to come in between.
    """
    return Condition(RLock())
