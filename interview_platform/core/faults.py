"""What a caller is told of any exception, on requests and on sockets alike."""

from __future__ import annotations

import logging

from pymongo.errors import ConnectionFailure, ExecutionTimeout, PyMongoError, WTimeoutError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError
from redis.exceptions import TimeoutError as RedisTimeoutError

from .errors import ServiceError, Unavailable
from .mongo import describe

log = logging.getLogger(__name__)

_STORE_AWAY = (ConnectionFailure, ExecutionTimeout, WTimeoutError)
# A Redis that has just become a replica only reads, until clients find the new primary.
_REDIS_AWAY = (RedisConnectionError, RedisTimeoutError, ReadOnlyError)


def translate(error: Exception) -> ServiceError:
    """Return what a caller may know of `error`; what nobody foresaw is logged and kept back."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, _STORE_AWAY) or (isinstance(error, PyMongoError) and error.timeout):
        log.warning("store unavailable: %s", describe(error))
        return Unavailable("The store is unavailable, try again")
    if isinstance(error, _REDIS_AWAY):
        log.warning("redis unavailable: %s", error)
        return Unavailable("A part of the service is unavailable, try again")
    log.error("unexpected error", exc_info=_loggable(error))
    return ServiceError("Internal server error")


class _StoreError(Exception):
    """Stands in the log for an error that the store caused, without its words."""


def _loggable(error: Exception) -> Exception:
    """Return `error`, or where PyMongo's is behind it one that quotes no document."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, PyMongoError):
            return _StoreError(describe(cause)).with_traceback(error.__traceback__)
        cause = cause.__cause__ or cause.__context__
    return error
