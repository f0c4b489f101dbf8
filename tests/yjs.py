"""Yjs updates written by hand, the broken and hostile ones among them."""

from __future__ import annotations

PARENT = b"\x01\x04code"


def number(value: int) -> bytes:
    """Spell a number as lib0 does."""
    spelled = bytearray()
    while value > 127:
        spelled.append(value & 127 | 128)
        value >>= 7
    return bytes([*spelled, value])


def string(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return number(len(data)) + data


def item(
    kind: int,
    content: bytes,
    *,
    left: tuple[int, int] | None = None,
    right: tuple[int, int] | None = None,
    parent: bytes = PARENT,
    flags: int = 0,
) -> bytes:
    """Spell a struct that has a place: a kind, its neighbours or its parent, its content."""
    info = kind | flags | (0x80 if left else 0) | (0x40 if right else 0)
    neighbours = b"".join(number(part) for one in (left, right) if one for part in one)
    return bytes([info]) + (neighbours or parent) + content


def typed(text: str | bytes, **place: tuple[int, int]) -> bytes:
    return item(4, string(text), **place)  # type: ignore[arg-type]


def deleted(length: int, **place: tuple[int, int]) -> bytes:
    return item(1, number(length), **place)  # type: ignore[arg-type]


def skip(length: int) -> bytes:
    return b"\x0a" + number(length)


def section(client: int, clock: int, *structs: bytes) -> bytes:
    """Spell what one client wrote from `clock` on."""
    return number(len(structs)) + number(client) + number(clock) + b"".join(structs)


def deletions(client: int, *ranges: tuple[int, int]) -> bytes:
    spelled = b"".join(number(part) for one in ranges for part in one)
    return number(client) + number(len(ranges)) + spelled


def update(*sections: bytes, deletes: tuple[bytes, ...] = ()) -> bytes:
    return b"".join([number(len(sections)), *sections, number(len(deletes)), *deletes])
