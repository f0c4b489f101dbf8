"""What was sent, what of it arrived, and how long that took."""

from __future__ import annotations

import gc
import time
from array import array
from collections.abc import Sequence
from math import ceil, inf
from typing import Any

from .target import Target


class Meter:
    """Counts units of work. Those due before `open` are warm-up, which is not measured."""

    def __init__(self) -> None:
        self.moments: list[float] = []
        self.done = 0
        self.missing = 0
        self.failures: list[str] = []
        self._since = inf
        self._first = 0
        self._latencies = array("d")

    def open(self, since: float) -> None:
        """Measure what is due from `since` on, and forget what was begun before this moment."""
        self._since = since
        self._first = len(self.moments)
        self._latencies = array("d")
        self.done = self.missing = 0
        self.failures.clear()

    def begin(self, moment: float, answers: int) -> int:
        """Count a unit due at `moment` that is to arrive so many times; returns its number."""
        self.missing += answers
        if moment >= self._since:
            self.done += 1
        self.moments.append(moment)
        return len(self.moments) - 1

    def arrive(self, number: int) -> None:
        if number < self._first:
            return
        self.missing -= 1
        moment = self.moments[number]
        if moment >= self._since:
            self._latencies.append(time.monotonic() - moment)

    def result(self) -> dict[str, Any]:
        """Return how many units were measured, and the percentiles of their latency in ms."""
        ordered = sorted(self._latencies)
        return {
            "done": self.done,
            "missing": self.missing,
            "failures": self.failures[:3],
            "failed": len(self.failures),
            **{f"p{share}": 1000 * percentile(ordered, share) for share in (50, 99)},
        }


class Costs:
    """The CPU that server and driver take from now on."""

    def __init__(self, target: Target) -> None:
        # A pause for garbage of the driver's own would look like the server's.
        gc.collect()
        gc.disable()
        self._target = target
        self._began = time.monotonic(), target.cpu(), time.process_time()

    def result(self) -> dict[str, float]:
        began, server, driver = self._began
        seconds = time.monotonic() - began
        return {
            "cpu": self._target.cpu() - server,
            "driver": (time.process_time() - driver) / seconds,
            "seconds": seconds,
        }


def percentile(ordered: Sequence[float], share: int) -> float:
    """Return the nearest-rank percentile of an ordered sample, not a number where it is empty."""
    if not ordered:
        return float("nan")
    return ordered[max(0, ceil(len(ordered) * share / 100) - 1)]
