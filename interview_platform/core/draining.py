"""Draining: what is done between the order to stop and the end of the process."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import RLock

log = logging.getLogger(__name__)


class Draining:
    """The callbacks that let go of what the process holds, run once, in the order added."""

    def __init__(self) -> None:
        self.started = False
        self._callbacks: list[Callable[[], object]] = []
        self._running = RLock()

    def on_drain(self, callback: Callable[[], object]) -> None:
        """Have `callback` called when draining begins."""
        self._callbacks.append(callback)

    def begin(self) -> None:
        """Run the callbacks, and return when all have run, whoever began.

        One that fails is logged and keeps none of the others from running.
        """
        with self._running:
            if self.started:
                return
            self.started = True
            for callback in self._callbacks:
                try:
                    callback()
                except Exception:
                    log.exception("Draining went on without %r", callback)
