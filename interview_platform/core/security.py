"""Password hashes and random tokens."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b64encode
from dataclasses import dataclass

import bcrypt

from .workpool import Workpool

# bcrypt over base64(HMAC-SHA-384(pepper, password)): bcrypt reads 72 bytes and this is always 64.
SCHEME = "bcrypt-hmac-sha384"
# What the replaced service kept: bcrypt over the password's own first 72 bytes.
PLAIN_SCHEME = "bcrypt"

_BCRYPT_BYTES = 72
_COST = re.compile(r"\$2[aby]\$(\d\d)\$")
_LEAST_COST = 4


@dataclass(frozen=True)
class PasswordHash:
    """A bcrypt hash and the id of the scheme that made it."""

    scheme: str
    value: str


class PasswordHasher:
    """Hashes and verifies passwords on threads of its own.

    `rounds` is bcrypt's cost as a power of two. Both methods raise `Unavailable` when
    too many calls wait already.
    """

    def __init__(self, rounds: int, pepper: str, pool: Workpool) -> None:
        self._rounds = rounds
        self._pepper = pepper.encode()
        self._pool = pool
        # Verifying against it costs what verifying against a real one does.
        self._decoy = PasswordHash(SCHEME, self._hash(secrets.token_urlsafe()))

    def hash(self, password: str) -> PasswordHash:
        """Hash `password` by the current scheme."""
        return PasswordHash(SCHEME, self._pool.run(self._hash, password))

    def verify(self, password: str, against: PasswordHash | None) -> bool:
        """Tell whether `password` is the one that was hashed.

        None stands for an account without a password, or none at all: it takes as long
        and is never right.
        """
        matches = self._pool.run(self._verify, password, against or self._decoy)
        return matches and against is not None

    def outdated(self, kept: PasswordHash) -> bool:
        """Tell whether `kept` was made by an older scheme or with another cost."""
        return kept.scheme != SCHEME or not kept.value.startswith(f"$2b${self._rounds:02d}$")

    def _hash(self, password: str) -> str:
        return bcrypt.hashpw(self._prepare(password), bcrypt.gensalt(self._rounds)).decode()

    def _verify(self, password: str, against: PasswordHash) -> bool:
        if against.scheme == SCHEME:
            prepared = self._prepare(password)
        else:
            prepared = password.encode()[:_BCRYPT_BYTES]
        try:
            matches = bcrypt.checkpw(prepared, against.value.encode())
        except ValueError:
            # Not a bcrypt hash, or a NUL byte that its maker could not have hashed.
            matches = False
        # A cheaper hash takes as long as one of today's: costs are powers of two, and
        # c + c + (c + 1) + ... + (rounds - 1) add up to `rounds`.
        for cost in range(_cost_of(against.value, self._rounds), self._rounds):
            bcrypt.hashpw(prepared, bcrypt.gensalt(cost))
        return matches

    def _prepare(self, password: str) -> bytes:
        return b64encode(hmac.digest(self._pepper, password.encode(), "sha384"))


def _cost_of(value: str, otherwise: int) -> int:
    found = _COST.match(value)
    return max(int(found[1]), _LEAST_COST) if found else otherwise


def random_token() -> str:
    """Return 256 random bits, as text that is safe in an address."""
    return secrets.token_urlsafe(32)


def fingerprint(token: str) -> str:
    """Return what is kept of a token of at least 128 random bits: its SHA-256 in hex."""
    return hashlib.sha256(token.encode()).hexdigest()
