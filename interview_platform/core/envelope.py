"""How a message travels between processes: JSON, with its binary parts beside it.

A first line holds the values in JSON, with null in place of each binary part. Where there
are any, a second line says where each belongs and how long it is, and the parts follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

_Place = list[str | int]


def pack(values: list[Any]) -> bytes:
    """Encode values of JSON's types and bytes. Raises TypeError for others."""
    parts: list[bytes] = []

    def keep(value: object) -> None:
        if not isinstance(value, bytes | bytearray | memoryview):
            raise TypeError(type(value).__name__)
        parts.append(bytes(value))

    line = orjson.dumps(values, default=keep)
    if not parts:
        return line
    places = list(_places(values, []))
    index = orjson.dumps([places, [len(part) for part in parts]])
    return b"\n".join((line, index, b"".join(parts)))


def unpack(message: bytes) -> list[Any]:
    """Return the values of a message that `pack` made."""
    line, _, rest = message.partition(b"\n")
    values: list[Any] = orjson.loads(line)
    if rest:
        index, _, parts = rest.partition(b"\n")
        start = 0
        for place, length in zip(*orjson.loads(index), strict=True):
            holder: Any = values
            for key in place[:-1]:
                holder = holder[key]
            holder[place[-1]] = parts[start : start + length]
            start += length
    return values


def _places(value: object, place: _Place) -> Iterator[_Place]:
    """Yield the places of binary values, in the order in which they are encoded."""
    if isinstance(value, bytes | bytearray | memoryview):
        yield place
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from _places(child, [*place, key])
    elif isinstance(value, list | tuple):
        for index, child in enumerate(value):
            yield from _places(child, [*place, index])
