"""The hash chain over a log; `docs/record.md` spells it out for who verifies it elsewhere.

What is personal in an entry, its content, is hashed apart and with a salt, and the chain
holds that hash alone: the content can be erased later, and the chain still holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from ..core.clock import milliseconds
from ..core.hashchain import HASH, link
from ..core.hashchain import salted_hash as content_hash

__all__ = [
    "HASH",
    "content_hash",
    "content_of",
    "extend",
    "hash_of",
    "hashes_of",
    "head_of",
    "link",
    "pseudonym_of",
    "start",
]

_START = b"smart-interview log 1\n"


def start(interview_id: object) -> bytes:
    """Return the hash that the first entry's is linked to."""
    return sha256(_START + str(interview_id).encode()).digest()


def content_of(entry: dict[str, Any]) -> dict[str, Any] | None:
    """Return what is personal in a stored entry, None where it was erased."""
    if entry.get("erased"):
        return None
    return {"name": (entry.get("actor") or {}).get("name"), "data": entry.get("data")}


def head_of(entry: dict[str, Any]) -> dict[str, Any]:
    """Return what the chain holds of a stored entry."""
    actor = pseudonym_of(entry)
    return {
        "seq": entry["seq"],
        "id": str(entry["_id"]),
        "interview": str(entry["interview"]),
        "type": entry["type"],
        "at": milliseconds(entry["timestamp"]),
        "actor": actor and {name: value and str(value) for name, value in actor.items()},
        "contentHash": hash_of(entry),
    }


def hash_of(entry: dict[str, Any]) -> str:
    """Return the hash of a stored entry's content, also where that was erased."""
    if entry.get("erased"):
        kept: str = entry["contentHash"]
        return kept
    # Entries of older services have no salt.
    return content_hash(entry.get("salt") or b"", content_of(entry))


def hashes_of(entries: Iterable[dict[str, Any]]) -> list[str]:
    """Return the hashes of the contents of `entries`."""
    return [hash_of(entry) for entry in entries]


def pseudonym_of(entry: dict[str, Any]) -> dict[str, Any] | None:
    """Return who did it without their name."""
    actor = entry.get("actor")
    return actor and {"userId": actor.get("userId"), "role": actor.get("role")}


def extend(previous: bytes, entries: Iterable[dict[str, Any]]) -> bytes:
    """Return the hash of the last of `entries`, which follow one whose hash is `previous`."""
    for entry in entries:
        previous = link(previous, head_of(entry))
    return previous
