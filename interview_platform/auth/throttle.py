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

from redis import Redis

from ..core.errors import TooManyRequests

WINDOW = 15 * 60
PAIR_LIMIT = 10
ADDRESS_LIMIT = 100
FREE_ATTEMPTS = 20
MAX_DELAY = 4.0
MAIL_LIMIT = 5
KNOWN_FOR = 90 * 24 * 3600


class LoginThrottle:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def attempt(self, email: str, address: str) -> None:
        """Count an attempt to log in, and hold it back if it must be.

        Raises `TooManyRequests` where this address has failed too often.
        """
        account = _short(email)
        with self._redis.pipeline(transaction=False) as pipe:
            for key in _keys(account, address):
                pipe.incr(key)
                pipe.expire(key, WINDOW, nx=True)
                pipe.ttl(key)
            pipe.exists(_known(account, address))
            answers = pipe.execute()
        pair, _, pair_ttl, by_address, _, address_ttl, total, _, _, known = answers
        if pair > PAIR_LIMIT:
            raise TooManyRequests(max(pair_ttl, 1))
        if by_address > ADDRESS_LIMIT:
            raise TooManyRequests(max(address_ttl, 1))
        if total > FREE_ATTEMPTS and not known:
            time.sleep(min((total - FREE_ATTEMPTS) * 0.1, MAX_DELAY))

    def succeeded(self, email: str, address: str) -> None:
        """Take the counts of a successful attempt back, and remember the address."""
        account = _short(email)
        pair, by_address, total = _keys(account, address)
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.delete(pair)
            pipe.decr(by_address)
            pipe.decr(total)
            pipe.set(_known(account, address), 1, ex=KNOWN_FOR)
            pipe.execute()

    def mail(self, email: str, address: str) -> bool:
        """Count a mail that `address` asks to be sent to `email`; False where it had enough.

        Raises `TooManyRequests` for an address that asks for too many.
        """
        by_address, by_email = f"throttle:mail:a:{address}", f"throttle:mail:e:{_short(email)}"
        with self._redis.pipeline(transaction=False) as pipe:
            for key in (by_address, by_email):
                pipe.incr(key)
                pipe.expire(key, WINDOW, nx=True)
                pipe.ttl(key)
            asked, _, ttl, mailed, _, _ = pipe.execute()
        if asked > ADDRESS_LIMIT:
            raise TooManyRequests(max(ttl, 1))
        return bool(mailed <= MAIL_LIMIT)


def _keys(account: str, address: str) -> tuple[str, str, str]:
    return (
        f"throttle:login:p:{account}:{address}",
        f"throttle:login:a:{address}",
        f"throttle:login:e:{account}",
    )


def _known(account: str, address: str) -> str:
    return f"throttle:login:known:{account}:{address}"


def _short(email: str) -> str:
    # Redis keys end up in slow logs: an address does not belong there.
    return hashlib.sha256(email.encode()).hexdigest()[:32]
