"""Keyset pages: the cost of a page does not grow with its place in the list."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

import orjson
from bson import ObjectId

from .clock import milliseconds
from .errors import Invalid

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

_EPOCH = datetime.fromtimestamp(0, UTC)

T = TypeVar("T")
Key = ObjectId | datetime | int | str


@dataclass(frozen=True)
class PageRequest:
    """A page that somebody asks for: at most `limit` items that follow the `after` key."""

    limit: int = DEFAULT_LIMIT
    after: tuple[Any, ...] | None = None

    @classmethod
    def of(cls, query: dict[str, Any], *kinds: type[Any]) -> PageRequest:
        """Take `limit` and `after` out of a loaded query; `kinds` are those of the list's key.

        What stays in `query` are its filters. Raises `Invalid` for another list's cursor.
        """
        after = query.pop("after", None)
        return cls(query.pop("limit"), decode_cursor(after, *kinds) if after else None)


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some items of a list, and the cursor of the next ones where there are any."""

    items: list[T]
    next: str | None

    @classmethod
    def cut(cls, found: Sequence[T], limit: int, key: Callable[[T], tuple[Key, ...]]) -> Page[T]:
        """Make a page of `found`, which was asked for with one item more than `limit`."""
        items = list(found[:limit])
        return cls(items, encode_cursor(key(items[-1])) if len(found) > limit else None)


def encode_cursor(key: tuple[Key, ...]) -> str:
    """Spell `key` as an opaque cursor."""
    return urlsafe_b64encode(orjson.dumps([_spell(part) for part in key])).decode().rstrip("=")


def decode_cursor(cursor: str, *kinds: type[Any]) -> tuple[Any, ...]:
    """Return the key that `cursor` spells, its parts of the given `kinds`.

    Raises `Invalid` for a cursor that this service did not make for such a list.
    """
    try:
        parts = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(parts, list):
            raise TypeError(cursor)
        return tuple(_read(part, kind) for part, kind in zip(parts, kinds, strict=True))
    except (ValueError, TypeError, OverflowError) as error:
        raise invalid_cursor() from error


def invalid_cursor() -> Invalid:
    """Make the error for a cursor that does not belong to the list."""
    return Invalid({"after": ["Not a cursor of this list."]}, "query")


def _spell(part: Key) -> str | int:
    if isinstance(part, ObjectId):
        return str(part)
    return milliseconds(part) if isinstance(part, datetime) else part


def _read(part: object, kind: type[Any]) -> Key:
    if kind is ObjectId and isinstance(part, str) and ObjectId.is_valid(part):
        return ObjectId(part)
    if kind is datetime and type(part) is int:
        # Exact up to the year 9999, which a division of floats would not be.
        return _EPOCH + timedelta(milliseconds=part)
    if kind in (int, str) and type(part) is kind and (kind is str or abs(part) < 2**53):  # type: ignore[arg-type]
        return part  # type: ignore[return-value]
    raise TypeError(part)
