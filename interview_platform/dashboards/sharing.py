"""The dashboard for those who watch it: made once for all of them, on every web process."""

from __future__ import annotations

import logging
import time

import orjson
from redis import Redis
from redis.exceptions import RedisError

from ..core import json
from ..core.clock import utcnow
from ..core.mongo import Document
from .service import DashboardService

log = logging.getLogger(__name__)

# All in seconds. Figures are not made again before they are so old, nor before so many times
# the time that making them took: a store that is slow to answer is asked less often.
FRESH = 1.9
REST = 4
# How long the making may take before another process tries.
PATIENCE = 15.0

# In Redis: that somebody makes figures or has just made some, and what was made last.
_TURN = "dashboard:turn"
_FIGURES = "dashboard:figures"


class SharedDashboard:
    """One process makes the figures, and all take them from Redis; without it, each its own.

    For the use of one thread.
    """

    def __init__(self, dashboard: DashboardService, redis: Redis) -> None:
        self._dashboard = dashboard
        self._redis = redis
        self._figures: Document | None = None
        self._fresh_until = 0.0

    def current(self) -> Document | None:
        """Return the figures as JSON has them, with `at`, the time that they were made at.

        None while another process makes the first, or has just failed to. Raises PyMongo's
        errors.
        """
        if time.monotonic() < self._fresh_until:
            return self._figures
        try:
            if not self._redis.set(_TURN, 1, nx=True, px=_milliseconds(PATIENCE)):
                kept = self._redis.get(_FIGURES)
                return self._keep(orjson.loads(kept), FRESH) if kept else None
        except RedisError as error:
            log.debug("the dashboard is not shared: %s", error)
        return self._make()

    def _make(self) -> Document:
        began = time.monotonic()
        try:
            made = json.dumps({**self._dashboard.figures(), "at": utcnow()})
        except Exception:
            self._share(None, FRESH)
            raise
        rest = max(FRESH, REST * (time.monotonic() - began))
        self._share(made, rest)
        return self._keep(orjson.loads(made), rest)

    def _share(self, made: bytes | None, rest: float) -> None:
        """Give the others what was made, if it could be; in `rest` seconds somebody is next."""
        try:
            with self._redis.pipeline(transaction=True) as pipe:
                if made is None:
                    pipe.delete(_FIGURES)
                else:
                    pipe.set(_FIGURES, made, px=_milliseconds(rest + PATIENCE))
                pipe.pexpire(_TURN, _milliseconds(rest))
                pipe.execute()
        except RedisError as error:
            log.debug("the dashboard is not shared: %s", error)

    def _keep(self, figures: Document, fresh: float) -> Document:
        self._figures = figures
        self._fresh_until = time.monotonic() + fresh
        return figures


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
