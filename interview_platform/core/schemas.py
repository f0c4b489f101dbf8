"""The schemas that all others are made from: of bodies, of pages, and of errors.

Field names are the wire's and the store's camelCase, so that documents are dumped as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, ClassVar

import marshmallow as ma

from .dumping import PlannedSchema
from .fields import Json, MapOf, Number
from .paging import DEFAULT_LIMIT, MAX_LIMIT
from .text_fields import Text

# The most that an ordinary request's body may hold.
MAX_BODY_BYTES = 64 * 1024

# How many faults an error lists: more would help nobody.
MAX_FAULTS = 20


class Schema(PlannedSchema):
    """A schema that refuses unknown fields."""

    MAX_BYTES: ClassVar[int] = MAX_BODY_BYTES
    """How large a request's body of this form may be."""

    class Meta:
        unknown = ma.RAISE

    def _deserialize(self, data: Any, **options: Any) -> Any:
        return super()._deserialize(self._without_excess(data), **options)

    def _without_excess(self, data: Any) -> Any:
        """Return `data` with no more unknown fields than an error lists."""
        if not isinstance(data, Mapping) or len(data) <= len(self.load_fields) + MAX_FAULTS:
            return data
        known = {field.data_key or name for name, field in self.load_fields.items()}
        unknown = islice((name for name in data if name not in known), MAX_FAULTS)
        kept = known.union(unknown)
        return {name: value for name, value in data.items() if name in kept}


class ChangeSchema(Schema):
    """The body of a request that changes some fields and leaves the others as they are.

    An empty one is refused, since it changes nothing.
    """

    @ma.validates_schema
    def _require_one(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ma.ValidationError("At least one field is required.")


class PageQuery(Schema):
    """What every list takes."""

    limit = Number(
        "How many items a page may hold.",
        least=1,
        most=MAX_LIMIT,
        example=DEFAULT_LIMIT,
        strict=False,
        load_default=DEFAULT_LIMIT,
    )
    after = Text("The `next` cursor of the page before.", most=512, least=1)


class PageEnvelope(Schema):
    """What every list answers beside its items."""

    next = Text("The cursor of the next page, or null.", most=512, allow_none=True)


class ErrorSchema(Schema):
    """What every error looks like."""

    code = Number("The HTTP status.", example=422)
    status = Text("The HTTP status in words.", most=64, example="Unprocessable Entity")
    message = Text("What went wrong.", most=1000, example="Some fields are not valid")
    errors = MapOf(
        Json("What is wrong, by field.", most=128 * 1024),
        "The first of the fields at fault, by where they came from; only where fields are.",
        most=1,
        example={"json": {"email": ["Not a valid email address."]}},
    )
    requestId = Text(
        "The id under which the service's log knows this request.",
        most=128,
        example="5e5f0b0e8d7c4b7e9a0d8f4c1b2a3d4e",
    )
