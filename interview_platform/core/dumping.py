"""Dumping documents by a plan that is made once: lists hold thousands of values.

marshmallow asks each field anew where its value is and what it does with it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import marshmallow as ma
from marshmallow import fields

_NOTHING = type(None)

# The types whose values are dumped as they are, by the kind of field.
_PLAIN: dict[type[fields.Field[Any]], frozenset[type]] = {
    fields.String: frozenset({str, _NOTHING}),
    fields.Integer: frozenset({int, _NOTHING}),
    fields.Float: frozenset({float, _NOTHING}),
    fields.Boolean: frozenset({bool, _NOTHING}),
}


class Step(NamedTuple):
    """How one field is dumped: where a document has it, its name on the wire, and as what."""

    name: str
    key: str
    default: Any
    plain: frozenset[type]
    serialize: Callable[[Any, str, Any], Any]

    @classmethod
    def of(cls, name: str, field: fields.Field[Any]) -> Step:
        """Plan `field`. Raises ValueError for one that is taken from inside another."""
        place = name if field.attribute is None else field.attribute
        if "." in place:
            raise ValueError(f"{name}: no plan for the attribute {place}")
        return cls(
            place,
            name if field.data_key is None else field.data_key,
            field.dump_default,
            next((types for kind, types in _PLAIN.items() if isinstance(field, kind)), frozenset()),
            field._serialize,
        )


class PlannedSchema(ma.Schema):
    """A schema that dumps documents by a plan, and all else as marshmallow does, to one end."""

    @cached_property
    def _plan(self) -> list[Step]:
        return [Step.of(name, field) for name, field in self.dump_fields.items()]

    def _serialize(self, obj: Any, *, many: bool = False) -> Any:
        if many or type(obj) is not dict:
            return super()._serialize(obj, many=many)
        dumped = {}
        for name, key, default, plain, serialize in self._plan:
            value = obj.get(name, ma.missing)
            if value is ma.missing:
                value = default() if callable(default) else default
                if value is ma.missing:
                    continue
            dumped[key] = value if type(value) in plain else serialize(value, name, obj)
        return dumped


class PlannedNested(fields.Nested):
    """An object within an object; its schema has no hooks that change what is dumped."""

    def _serialize(self, nested_obj: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        return None if nested_obj is None else self.schema._serialize(nested_obj)
