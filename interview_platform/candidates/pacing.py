"""Long work in a greenlet: taking turns with everybody else."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

# Seconds of work, and of rest. A rest of no length would let waiting greenlets run, but
# not the hub look for requests that have come in.
WORK = 0.001
REST = 0.001

T = TypeVar("T")


def paced(items: Iterable[T]) -> Iterator[T]:
    """Yield `items`, resting whenever making and using them has taken its turn.

    On a thread of its own the same work would slow others down more: the interpreter
    passes from one thread to the next in steps of 5 ms.
    """
    began = time.monotonic()
    for item in items:
        yield item
        if time.monotonic() - began > WORK:
            time.sleep(REST)
            began = time.monotonic()
