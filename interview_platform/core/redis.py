"""Redis: clients that give up soon instead of holding a request when Redis is away."""

from __future__ import annotations

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry


def connect(url: str, *, timeout: float | None = 1.0) -> Redis:
    """Return a client for the Redis at `url`, without connecting yet.

    `timeout` bounds a command in seconds; None leaves blocking commands unbounded, as
    a queue's worker needs. Commands raise redis.exceptions.ConnectionError or
    TimeoutError; nothing is tried twice, since callers know what may be repeated.
    """
    return Redis.from_url(
        url,
        socket_connect_timeout=1.0,
        socket_timeout=timeout,
        socket_keepalive=True,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 0),
    )
