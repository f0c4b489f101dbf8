"""Redis's files, which hold what was removed from Redis until they are rewritten."""

from __future__ import annotations

import logging

from redis import Redis
from redis.exceptions import ResponseError

from ..core.clock import utcnow
from ..core.redis import rewrite_files
from .repository import ErasureRepository

log = logging.getLogger(__name__)


class RedisFiles:
    def __init__(self, erasures: ErasureRepository, redis: Redis) -> None:
        self._erasures = erasures
        self._redis = redis

    def sweep(self) -> int:
        """Have Redis rewrite its files if somebody was erased since; returns 1 if it does.

        One rewrite serves all who were erased before it. Raises redis-py's errors where Redis
        cannot be reached. A Redis that refuses, as hosted ones may, is not asked again.
        """
        now = utcnow()
        if not self._erasures.is_rewrite_due(now):
            return 0
        try:
            if not rewrite_files(self._redis):
                return 0
        except ResponseError as error:
            log.warning("Redis does not rewrite its files, which may hold the erased: %s", error)
            self._erasures.note_rewritten(now)
            return 0
        self._erasures.note_rewritten(now)
        log.info("Redis rewrites its files without those who were erased")
        return 1
