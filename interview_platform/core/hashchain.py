"""Hash chains: each link covers the one before it, so that no entry can change unnoticed."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from .canonical import canonical

HASH = "SHA-256"


def link(previous: bytes, head: dict[str, Any]) -> bytes:
    """Return the hash of an entry of this `head`, linked to the one before it."""
    return sha256(previous + canonical(head)).digest()


def salted_hash(salt: bytes, content: Any) -> str:
    """Return the hash of `content` in hex. Without the `salt` nobody can guess the content."""
    return sha256(salt + canonical(content)).hexdigest()
