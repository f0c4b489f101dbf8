"""Password hashes and random tokens."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
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

    `rounds` is bcrypt's cost as a power of two. Methods that hash raise `Unavailable` when
    too many calls wait already.
    """

    def __init__(self, rounds: int, pepper: str, pool: Workpool) -> None:
        self._rounds = rounds
        self._pepper = pepper.encode()
        self._pool = pool
        # Verifying against it costs what verifying against a real one does.
        self._decoy = PasswordHash(SCHEME, self._hash(secrets.token_urlsafe()))

    def hash(self, password: str) -> PasswordHash:
        """Hash `password`, in Unicode's form NFC, by the current scheme."""
        return PasswordHash(SCHEME, self._pool.run(self._hash, normalize(password)))

    def verify(self, password: str, against: PasswordHash | None) -> bool:
        """Tell whether `password` is the one that was hashed, in one of the forms of `match`."""
        return self.match(password, against) is not None

    def match(self, password: str, against: PasswordHash | None) -> str | None:
        """Return the form of `password` that was hashed: as received, else NFC. None for neither.

        `against` is None for an account without a password, or none at all: that takes as
        long and is never right. How often is hashed depends on `password` alone.
        """
        form = self._pool.run(self._match, password, against or self._decoy)
        return form if against is not None else None

    def outdated(self, kept: PasswordHash) -> bool:
        """Tell whether `kept` was made by an older scheme or with another cost."""
        return kept.scheme != SCHEME or not kept.value.startswith(f"$2b${self._rounds:02d}$")

    def _hash(self, password: str) -> str:
        return bcrypt.hashpw(self._prepare(password), bcrypt.gensalt(self._rounds)).decode()

    def _match(self, password: str, against: PasswordHash) -> str | None:
        forms = dict.fromkeys((password, normalize(password)))
        return next((form for form in forms if self._verify(form, against)), None)

    def _verify(self, password: str, against: PasswordHash) -> bool:
        if against.scheme == SCHEME:
            prepared, possible = self._prepare(password), True
        else:
            # bcrypt repeats its input behind a NUL, so that "ab" would open what "ab\0ab" does.
            prepared, possible = password.encode()[:_BCRYPT_BYTES], "\0" not in password
        try:
            matches = bcrypt.checkpw(prepared, against.value.encode()) and possible
        except ValueError:
            # Not a bcrypt hash.
            matches = False
        # A cheaper hash takes as long as one of today's: costs are powers of two, and
        # c + c + (c + 1) + ... + (rounds - 1) add up to `rounds`.
        for cost in range(_cost_of(against.value, self._rounds), self._rounds):
            bcrypt.hashpw(prepared, bcrypt.gensalt(cost))
        return matches

    def _prepare(self, password: str) -> bytes:
        return b64encode(hmac.digest(self._pepper, password.encode(), "sha384"))


def normalize(password: str) -> str:
    """Return `password` in NFC (UAX #15): keyboards and systems differ in how they compose."""
    return unicodedata.normalize("NFC", password)


def _cost_of(value: str, otherwise: int) -> int:
    found = _COST.match(value)
    return max(int(found[1]), _LEAST_COST) if found else otherwise


def random_token() -> str:
    """Return 256 random bits, as text that is safe in an address."""
    return secrets.token_urlsafe(32)


def fingerprint(token: str) -> str:
    """Return what is kept of a token of at least 128 random bits: its SHA-256 in hex."""
    return hashlib.sha256(token.encode()).hexdigest()
