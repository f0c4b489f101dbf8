"""Samples of gaze, as a candidate's client would send them."""

from __future__ import annotations

from typing import Any

from interview_platform.core.clock import milliseconds, utcnow

STEADY = {"x": 0.5, "y": 0.5, "onScreen": True, "faces": 1, "focus": True}


class Gaze:
    """A run of samples that begins `ago` ms before now, every `step` ms."""

    def __init__(self, ago: int = 60_000, step: int = 20) -> None:
        self.t = milliseconds(utcnow()) - ago
        self.step = step

    def look(self, count: int, **seen: Any) -> list[dict[str, Any]]:
        """Return the next samples; what is not said of them is as it should be."""
        times = range(self.t, self.t + count * self.step, self.step)
        self.t += count * self.step
        return [{"t": t, **STEADY, **seen} for t in times]
