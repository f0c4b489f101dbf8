"""One spelling for each value, so that hashes of it can be compared.

JSON after RFC 8785 in spirit, and told apart from it in `docs/record.md`.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson

from .clock import isoformat


def canonical(value: Any) -> bytes:
    """Return `value` as JSON in UTF-8: names in the order of their bytes, no white space.

    Ids are spelled in hex, times as the wire has them, bytes in base64, and what else JSON
    lacks as its text. Parsed and spelled again, it is the same to the byte.
    """
    options = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME
    return orjson.dumps(value, default=_spell, option=options)


def digest(value: Any) -> str:
    """Return SHA-256 of the canonical form of `value`, in hex."""
    return sha256(canonical(value)).hexdigest()


def _spell(value: Any) -> str:
    if isinstance(value, datetime):
        return isoformat(value)
    if isinstance(value, bytes):
        return b64encode(value).decode()
    # Ids among them, whose text is their hex.
    return str(value)
