"""JSON: read strictly, written fast."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import datetime
from typing import Any

import orjson
from bson import ObjectId
from flask import Response
from flask.json.provider import JSONProvider

from .clock import isoformat


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
    return orjson.dumps(value, default=_default, option=orjson.OPT_PASSTHROUGH_DATETIME)


class StrictJSONProvider(JSONProvider):
    """Flask's JSON by the two functions above."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return loads(s)

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return dumps(obj).decode()

    def response(self, *args: Any, **kwargs: Any) -> Response:
        body = dumps(self._prepare_response_obj(args, kwargs))
        response = Response(mimetype="application/json")
        response.set_data(body)
        return response


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    # Errors repeat names, and nobody can write a lone surrogate. Raises a ValueError.
    "".join(found).encode()
    if len(found) != len(pairs):
        raise ValueError("a name appears twice in an object")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _default(value: Any) -> Any:
    if isinstance(value, ObjectId):
        return str(value)
    if isinstance(value, datetime):
        return isoformat(value)
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(type(value).__name__)
