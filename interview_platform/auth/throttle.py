"""Slows the guessing of passwords, an account and an address, without locking anybody out.

Attempts are counted in Redis before a password is looked at, so that guesses sent side by
side are all counted; a success takes its own count back. One address is refused after
`PAIR_LIMIT` failures at one account or `ADDRESS_LIMIT` over all accounts in a window. An
account under attack from many addresses is never refused: attempts from addresses that it
has not logged in from are held back a little longer each time, up to `MAX_DELAY` seconds.

When Redis is away its error passes through and nobody logs in: failing open would let
guesses run free.
"""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime
from typing import cast

from redis import Redis

from ..core.errors import TooManyRequests
from ..core.network import network_of

WINDOW = 15 * 60
PAIR_LIMIT = 10
ADDRESS_LIMIT = 100
FREE_ATTEMPTS = 20
MAX_DELAY = 4.0
MAIL_LIMIT = 5
KNOWN_FOR = 90 * 24 * 3600
MAX_KNOWN = 100


class Throttle:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def attempt(self, email: str, address: str) -> None:
        """Count an attempt to log in, and hold it back if it must be.

        Raises `TooManyRequests` where this address has failed too often.
        """
        account, network = _short(email), network_of(address)
        (pair, pair_ttl), (by_address, address_ttl), (total, _) = self._count(
            *_keys(account, network)
        )
        if pair > PAIR_LIMIT:
            raise TooManyRequests(max(pair_ttl, 1))
        if by_address > ADDRESS_LIMIT:
            raise TooManyRequests(max(address_ttl, 1))
        if total > FREE_ATTEMPTS and not self._knows(account, network):
            time.sleep(min((total - FREE_ATTEMPTS) * 0.1, MAX_DELAY))

    def succeeded(self, email: str, address: str) -> None:
        """Take the counts of a successful attempt back, and remember the address."""
        account, network = _short(email), network_of(address)
        pair, by_address, total = _keys(account, network)
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.delete(pair)
            pipe.decr(by_address)
            pipe.decr(total)
            # The oldest go where there are too many.
            pipe.zadd(_known(account), {network: time.time()})
            pipe.zremrangebyrank(_known(account), 0, -MAX_KNOWN - 1)
            pipe.expire(_known(account), KNOWN_FOR)
            pipe.execute()

    def call(self, name: str, address: str) -> None:
        """Count a call that costs much and asks for no token.

        Raises `TooManyRequests` for an address that makes too many of it.
        """
        ((count, ttl),) = self._count(f"throttle:{name}:a:{network_of(address)}")
        if count > ADDRESS_LIMIT:
            raise TooManyRequests(max(ttl, 1))

    def mail(self, email: str, address: str) -> bool:
        """Count a mail that `address` asks to be sent to `email`; False where it had enough.

        Raises `TooManyRequests` for an address that asks for too many.
        """
        (asked, ttl), (mailed, _) = self._count(
            f"throttle:mail:a:{network_of(address)}", _mailed(_short(email))
        )
        if asked > ADDRESS_LIMIT:
            raise TooManyRequests(max(ttl, 1))
        return mailed <= MAIL_LIMIT

    def known_networks(self, email: str) -> dict[str, datetime]:
        """Return from which networks an account was logged in to, and when last."""
        found = self._redis.zrange(_known(_short(email)), 0, -1, withscores=True)
        since = time.time() - KNOWN_FOR
        return {
            network.decode(): datetime.fromtimestamp(last, UTC)
            for network, last in cast(list[tuple[bytes, float]], found)
            if last > since
        }

    def forget(self, email: str) -> None:
        """Remove all that is counted and known under an e-mail address; looks at every key."""
        account = _short(email)
        pair, _, total = _keys(account, "*")
        pairs = self._redis.scan_iter(match=pair, count=1000)
        self._redis.delete(total, _known(account), _mailed(account), *pairs)

    def _knows(self, account: str, network: str) -> bool:
        last = self._redis.zscore(_known(account), network)
        return last is not None and last > time.time() - KNOWN_FOR

    def _count(self, *keys: str) -> list[tuple[int, int]]:
        """Count once more under each key; returns the counts and the seconds they last."""
        with self._redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.incr(key)
                pipe.expire(key, WINDOW, nx=True)
                pipe.ttl(key)
            answers = pipe.execute()
        return list(zip(answers[::3], answers[2::3], strict=True))


def _keys(account: str, address: str) -> tuple[str, str, str]:
    return (
        f"throttle:login:p:{account}:{address}",
        f"throttle:login:a:{address}",
        f"throttle:login:e:{account}",
    )


def _known(account: str) -> str:
    return f"throttle:login:known:{account}"


def _mailed(account: str) -> str:
    return f"throttle:mail:e:{account}"


def _short(email: str) -> str:
    # Redis keys end up in slow logs: an address does not belong there.
    return hashlib.sha256(email.encode()).hexdigest()[:32]
