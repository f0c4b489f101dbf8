"""What a caller is told of any exception, on requests and on sockets alike."""

from __future__ import annotations

import logging

from pymongo.errors import ConnectionFailure, ExecutionTimeout, PyMongoError, WTimeoutError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from .errors import ServiceError, Unavailable

log = logging.getLogger(__name__)

_STORE_AWAY = (ConnectionFailure, ExecutionTimeout, WTimeoutError)
_REDIS_AWAY = (RedisConnectionError, RedisTimeoutError)


def translate(error: Exception) -> ServiceError:
    """Return what a caller may know of `error`; what nobody foresaw is logged and kept back."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, _STORE_AWAY) or (isinstance(error, PyMongoError) and error.timeout):
        log.warning("store unavailable: %s", error)
        return Unavailable("The store is unavailable, try again")
    if isinstance(error, _REDIS_AWAY):
        log.warning("redis unavailable: %s", error)
        return Unavailable("A part of the service is unavailable, try again")
    log.error("unexpected error", exc_info=error)
    return ServiceError("Internal server error")
