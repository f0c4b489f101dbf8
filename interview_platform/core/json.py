"""JSON: read strictly, written fast."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson
from bson import ObjectId

from .canonical import canonical
from .clock import isoformat

# Of what `stream` yields, at least.
_PIECE_BYTES = 64 * 1024


def loads(text: str | bytes) -> Any:
    """Parse JSON as RFC 8259 has it, and refuse what readers disagree about.

    Raises ValueError for malformed text, names that appear twice in an object, NaN and
    infinities, names with lone surrogates, numbers of thousands of digits, and nesting too
    deep to walk.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def dumps(value: Any) -> bytes:
    """Write JSON, with ids and times as the wire contract has them, and bytes in base64."""
    return orjson.dumps(value, default=spell, option=orjson.OPT_PASSTHROUGH_DATETIME)


def spell(value: Any) -> Any:
    """Return what JSON has in the place of a value that it lacks; raises TypeError for others."""
    if isinstance(value, ObjectId):
        return str(value)
    if isinstance(value, datetime):
        return isoformat(value)
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(type(value).__name__)


def stream(value: Any) -> Iterator[bytes]:
    """Yield the JSON of `value` in large pieces; an iterator in it becomes a list.

    Each iterator is asked for the next item when the one before is written, so what they
    yield need not fit the memory. Values that JSON lacks are spelled as in `canonical`.
    """
    piece = bytearray()
    for token in _tokens(value):
        piece += token
        if len(piece) >= _PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    # Errors repeat names, and nobody can write a lone surrogate. Raises a ValueError.
    "".join(found).encode()
    if len(found) != len(pairs):
        raise ValueError("a name appears twice in an object")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _tokens(value: Any) -> Iterator[bytes]:
    if isinstance(value, Iterator):
        yield b"["
        for number, item in enumerate(value):
            yield b"," if number else b""
            yield from _tokens(item)
        yield b"]"
    elif isinstance(value, dict) and any(isinstance(part, Iterator) for part in value.values()):
        yield b"{"
        for number, (name, part) in enumerate(value.items()):
            yield (b"," if number else b"") + canonical(name) + b":"
            yield from _tokens(part)
        yield b"}"
    else:
        yield canonical(value)
