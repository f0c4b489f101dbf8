"""Refresh tokens in succession: each is derived from the one that it replaces.

Whoever presents one token twice, because an answer was lost or two tabs refreshed at once, is
given the same successor both times. The store keeps fingerprints alone, so that neither it nor
the bearer of a token can tell which one comes next.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from datetime import timedelta

from ..core.security import fingerprint

GRACE = timedelta(seconds=20)
"""How long a refresh token stays usable after it was replaced."""

MAX_RETIRED = 16
"""How many replaced tokens of a session are remembered, the newest ones."""

_PURPOSE = b"successor of a refresh token"


class RefreshChain:
    """`secret` must be the same in all processes, and known to nobody else."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), _PURPOSE, "sha256")

    def successor(self, refresh_id: str) -> str:
        """Return the id of the token that replaces the one of `refresh_id`: 256 bits, as text."""
        derived = hmac.digest(self._key, refresh_id.encode(), "sha256")
        return urlsafe_b64encode(derived).rstrip(b"=").decode()

    def find(self, refresh_id: str, wanted: str) -> str | None:
        """Return the id of the token with the fingerprint `wanted` that came of `refresh_id`.

        None where it is none of the next `MAX_RETIRED`.
        """
        for _ in range(MAX_RETIRED):
            refresh_id = self.successor(refresh_id)
            if hmac.compare_digest(fingerprint(refresh_id), wanted):
                return refresh_id
        return None
