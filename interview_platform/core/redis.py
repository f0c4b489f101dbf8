"""Redis: clients that give up soon instead of holding a request when Redis is away."""

from __future__ import annotations

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
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


def rewrite_files(client: Redis) -> bool:
    """Have Redis write its append-only file, and its snapshot if it makes any, as it is now.

    Both happen in the background. Returns False where Redis is at it already and must be
    asked again. Raises redis.exceptions.ResponseError where Redis refuses.
    """
    try:
        # Its answer is that of one node: this service uses one.
        if client.info("persistence").get("aof_enabled"):
            client.bgrewriteaof()
        if client.config_get("save").get("save"):
            client.bgsave(schedule=True)
    except ResponseError as error:
        if "in progress" in str(error):
            return False
        raise
    return True
