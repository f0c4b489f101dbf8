"""Reading requests: bodies within their bounds, JSON and queries by strict rules."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any, NoReturn

import marshmallow as ma
from flask import Request, request
from gunicorn.http.errors import ParseException
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import LengthRequired

from . import json as strict_json
from .errors import BadRequest, Invalid, TooLarge, UnsupportedMediaType
from .schemas import MAX_BODY_BYTES, MAX_FAULTS
from .workpool import Workpool

# How much of a field's name an error repeats.
MAX_NAME_LENGTH = 100

# A form has one part that is read; browsers may send a few more.
MAX_FORM_PARTS = 10

# How many large bodies may wait while others are parsed.
MAX_WAITING_BODIES = 50


def read_body(most: int = MAX_BODY_BYTES) -> bytes:
    """Return the body of the request at hand.

    Raises `TooLarge` for one of more than `most` bytes, and where its length was not
    announced, already for one of as many; `BadRequest` for one that is cut off or framed
    wrongly.
    """
    request.max_content_length = most
    try:
        body = request.get_data(cache=False)
    except ParseException as error:
        raise BadRequest("Malformed chunks") from error
    # Werkzeug cuts an unannounced body at the limit without a word.
    if request.content_length is None and len(body) >= most:
        raise TooLarge("The body is too large")
    return body


def read_file(name: str, most: int) -> bytes | None:
    """Return the file `name` of the form that the request at hand sends; None if it lacks it.

    Raises what `read_body` does, and LengthRequired for a form of unannounced length.
    """
    if request.content_length is None:
        raise LengthRequired
    request.max_content_length = most
    request.max_form_parts = MAX_FORM_PARTS
    file = request.files.get(name)
    return None if file is None else file.read()


class StrictParser(FlaskParser):
    """Accepts JSON only as `application/json`, and leaves unknown fields to the schema."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = dict.fromkeys(
        ("json", "query", "form", "files", "headers", "cookies")
    )

    def load_json(self, req: Request, schema: ma.Schema) -> Any:
        body = read_body(getattr(schema, "MAX_BYTES", MAX_BODY_BYTES))
        if not body:
            return {}
        if not req.is_json:
            raise UnsupportedMediaType("Send JSON, with the content type application/json")
        try:
            if len(body) <= MAX_BODY_BYTES:
                return strict_json.loads(body)
            return _large_bodies().run(strict_json.loads, body)
        except ValueError as error:
            raise BadRequest("Malformed JSON") from error

    def load_querystring(self, req: Request, schema: ma.Schema) -> Any:
        twice = [name for name, values in req.args.lists() if len(values) > 1]
        if twice:
            raise Invalid(_few({name: ["Given more than once."] for name in twice}), "query")
        return super().load_querystring(req, schema)

    def handle_error(self, error: ma.ValidationError, *args: Any, **kwargs: Any) -> NoReturn:
        messages: dict[str, Any] = error.normalized_messages()  # type: ignore[no-untyped-call]
        location = next(iter(messages))
        raise Invalid(_few(messages[location]), location) from error


@cache
def _large_bodies() -> Workpool:
    """Return the thread that parses bodies which would hold up the gevent hub."""
    return Workpool(1, waiting=MAX_WAITING_BODIES)


def _few(faults: dict[str, Any]) -> dict[str, Any]:
    """Return the first of `faults`, with places in lists as text, since JSON's names are."""
    told: dict[str, Any] = {}
    for (*parents, field), fault in islice(_by_place(faults), MAX_FAULTS):
        holder = told
        for parent in parents:
            holder = holder.setdefault(parent, {})
        holder[field] = fault
    return told


def _by_place(faults: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not isinstance(faults, dict):
        yield place, faults
        return
    for name, fault in faults.items():
        yield from _by_place(fault, (*place, str(name)[:MAX_NAME_LENGTH]))
