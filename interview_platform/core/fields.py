"""The fields of schemas that hold numbers, moments, ids, lists and objects.

Each bounds its input and describes itself.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import marshmallow as ma
from bson import ObjectId
from marshmallow import fields, validate

from .clock import isoformat
from .dumping import PlannedNested
from .text_fields import described

# BSON stores whole numbers of up to 64 bits.
MAX_INTEGER = 2**63 - 1
# More digits than any of them has.
MAX_DIGITS = 20

# The longest timestamp in use has about 35 characters.
MAX_TIMESTAMP_LENGTH = 64


class Number(fields.Integer):
    """A whole number within bounds."""

    def __init__(
        self,
        description: str,
        *,
        least: int = 0,
        most: int = MAX_INTEGER,
        example: int | None = None,
        strict: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            strict=strict,
            validate=validate.Range(min=least, max=most),
            metadata=described(description, example),
            **kwargs,
        )

    def _validated(self, value: Any) -> Any:
        # int() would read "7" and True as numbers where JSON has said what they are, and
        # "1_0", "+5" and other scripts' digits where it has not.
        if isinstance(value, str | bool) and (self.strict or not _is_digits(value)):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class Decimal(fields.Float):
    """A number within bounds; neither infinite nor NaN."""

    def __init__(
        self,
        description: str,
        *,
        least: float,
        most: float,
        example: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            allow_nan=False,
            validate=validate.Range(min=least, max=most),
            metadata=described(description, example),
            **kwargs,
        )

    def _validated(self, value: Any) -> Any:
        if isinstance(value, str | bool):
            raise self.make_error("invalid", input=value)
        try:
            return super()._validated(value)
        except OverflowError as error:
            raise self.make_error("too_large", input=value) from error


class Flag(fields.Boolean):
    """True or false; in a query, where `strict` is false, the words `true` and `false`."""

    def __init__(
        self, description: str, *, example: bool | None = None, strict: bool = True, **kwargs: Any
    ) -> None:
        self._strict = strict
        super().__init__(metadata=described(description, example), **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> bool:
        if isinstance(value, bool):
            return value
        if self._strict or value not in ("true", "false"):
            raise self.make_error("invalid", input=value)
        return bool(value == "true")


class Id(fields.Field[ObjectId]):
    """An id: 24 hexadecimal digits on the wire, an ObjectId within."""

    default_error_messages = {"id": "Not an id of 24 hexadecimal digits."}

    def __init__(self, description: str, **kwargs: Any) -> None:
        metadata = described(description, "65f0c0ffee65f0c0ffee65f0")
        metadata |= {"type": "string", "pattern": "^[0-9a-f]{24}$"}
        super().__init__(metadata=metadata, **kwargs)

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else str(value)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> ObjectId:
        if not isinstance(value, str) or len(value) != 24 or not ObjectId.is_valid(value):
            raise self.make_error("id")
        return ObjectId(value)


class Timestamp(fields.AwareDateTime):
    """A moment: ISO 8601 with an offset on the wire, in UTC with milliseconds when dumped."""

    def __init__(self, description: str, *, example: str | None = None, **kwargs: Any) -> None:
        super().__init__(
            metadata=described(description, example or "2026-03-02T09:30:00.000Z"), **kwargs
        )

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else isoformat(value)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> datetime:
        if not isinstance(value, str) or len(value) > MAX_TIMESTAMP_LENGTH:
            raise self.make_error("invalid", input=value, obj_type="datetime")
        try:
            moment = super()._deserialize(value, attr, data, **kwargs).astimezone(UTC)
        except OverflowError as error:
            raise self.make_error("invalid", input=value, obj_type="datetime") from error
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class ListOf(fields.List[Any]):
    """A list of at most `most` values of one kind."""

    def __init__(
        self,
        inner: fields.Field[Any],
        description: str,
        *,
        most: int,
        least: int = 0,
        example: list[Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self._bounds = validate.Length(min=least or None, max=most)
        super().__init__(
            inner, validate=self._bounds, metadata=described(description, example), **kwargs
        )

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[Any]:
        # Before any item is looked at.
        if isinstance(value, list):
            self._bounds(value)
        return super()._deserialize(value, attr, data, **kwargs)


class Part(PlannedNested):
    """An object within an object."""

    def __init__(
        self, schema: type[ma.Schema] | ma.Schema, description: str, **kwargs: Any
    ) -> None:
        super().__init__(schema, metadata={"description": description}, **kwargs)


class MapOf(fields.Dict):
    """Values of one kind by name, at most `most` of them."""

    def __init__(
        self,
        inner: fields.Field[Any],
        description: str,
        *,
        most: int,
        example: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self._bounds = validate.Length(max=most)
        super().__init__(
            keys=fields.String(),
            values=inner,
            validate=self._bounds,
            metadata={**described(description, example), "maxProperties": most},
            **kwargs,
        )

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> dict[str, Any]:
        # Before any value is looked at.
        if isinstance(value, dict):
            self._bounds(value)
        found = super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
        return dict(found)


class Json(fields.Raw):
    """Any JSON value that another party gives a meaning to.

    That it is of at most `most` bytes is told here, and kept by those who make it.
    """

    def __init__(self, description: str, *, most: int, example: Any = None, **kwargs: Any) -> None:
        metadata = {**described(description, example), "x-maxBytes": most}
        super().__init__(metadata=metadata, **kwargs)


def _is_digits(text: str | bool) -> bool:
    return isinstance(text, str) and len(text) <= MAX_DIGITS and text.isascii() and text.isdigit()
