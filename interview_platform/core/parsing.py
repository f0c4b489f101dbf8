"""Reading requests: bodies within their bounds, JSON and queries by strict rules."""

from __future__ import annotations

from collections.abc import Iterator
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

# How much of a field's name an error repeats.
MAX_NAME_LENGTH = 100

# A form has one part that is read; browsers may send a few more.
MAX_FORM_PARTS = 10

# How many commas and brackets stand between the values of a body of over 64 KiB, at most:
# what takes so much room is long texts.
MAX_SEPARATORS = 10_000


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
        if len(body) > MAX_BODY_BYTES and _has_more_separators(body, MAX_SEPARATORS):
            raise TooLarge("The body holds too many values")
        try:
            return strict_json.loads(body)
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


def _has_more_separators(body: bytes, most: int) -> bool:
    """Tell whether JSON has more than `most` commas and opening brackets outside its strings.

    No parser tells sooner: 1 MiB of empty lists takes one some hundred milliseconds, and
    these few passes over the bytes a few.
    """
    unescaped = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Between two separators there are two strings at most, a field's name and its value.
    if unescaped.count(b'"') > 4 * most:
        return True
    outside_strings = b"".join(unescaped.split(b'"')[::2])
    return sum(map(outside_strings.count, (b",", b"[", b"{"))) > most


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
