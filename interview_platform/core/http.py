"""HTTP: blueprints that describe their errors, strict input, one shape of error, request ids."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from http import HTTPStatus
from itertools import islice
from typing import Any, NoReturn
from urllib.parse import quote
from uuid import uuid4

import flask_smorest
import marshmallow as ma
from bson import ObjectId
from flask import Flask, Request, Response, g, jsonify, request
from flask.json.provider import JSONProvider
from flask_smorest import Api as SmorestApi
from gunicorn.http.errors import ParseException
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import HTTPException, LengthRequired
from werkzeug.routing import BaseConverter

from . import json as strict_json
from . import pages
from .errors import BadRequest, Invalid, NotFound, ServiceError, TooLarge, UnsupportedMediaType
from .faults import translate
from .logging import Origin, origin
from .schemas import ErrorSchema
from .workpool import Workpool

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 1024 * 1024
# How many fields an error names, and how much of a name: more would help nobody.
MAX_FAULTS = 20
MAX_NAME_LENGTH = 100
# How many may wait for the OpenAPI document while it is written.
MAX_WAITING_READERS = 100

# What every answer says, unless it says otherwise itself.
PLAIN_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    pages.HEADER: pages.BARE,
}

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


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
    file = request.files.get(name)
    return None if file is None else file.read()


class StrictParser(FlaskParser):
    """Takes JSON only as `application/json`, and leaves unknown fields to the schema to refuse."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = dict.fromkeys(
        ("json", "query", "form", "files", "headers", "cookies")
    )

    def load_json(self, req: Request, schema: ma.Schema) -> Any:
        body = read_body()
        if not body:
            return {}
        if not req.is_json:
            raise UnsupportedMediaType("Send JSON, with the content type application/json")
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


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """A blueprint whose routes list every error that they may answer with.

    What follows from a route's form lists itself: faults in its body, its query and its
    ids, and what the access rules ask. `errors` adds what its own rules refuse.
    """

    ARGUMENTS_PARSER = StrictParser()

    def route(self, rule: str, *, errors: Iterable[HTTPStatus] = (), **options: Any) -> Any:
        register = super().route(rule, **options)

        def decorator(view: Any) -> Any:
            path = (self.url_prefix or "") + rule
            own = {*errors} | ({HTTPStatus.NOT_FOUND} if "<" in path else set())
            view._apidoc = {**getattr(view, "_apidoc", {}), "errors": own}
            return register(view)

        return decorator

    def register_views_in_doc(self, api: Api, app: Flask, spec: Any, **options: Any) -> None:
        api.describe_later(partial(self._describe, api, app, spec, **options))

    def _describe(self, api: Api, app: Flask, spec: Any, **options: Any) -> None:
        refusals: Callable[[str], set[HTTPStatus]] = app.extensions["refusals"]
        for endpoint, methods in self._docs.items():
            for method, doc in methods.items():
                if method == "parameters":
                    continue
                refused = refusals(f"{self.name}.{endpoint}")
                possible = _possible_errors(doc) | refused
                # What a route says itself of a status stands.
                own = doc["response"]["responses"]
                doc["manual_doc"] = {
                    "security": [{"bearer": []}] if refused else [],
                    "responses": {
                        str(status.value): status.name
                        for status in sorted(possible)
                        if status.value not in own
                    },
                }
        super().register_views_in_doc(api, app, spec, **options)


def _possible_errors(doc: dict[str, Any]) -> set[HTTPStatus]:
    found = {
        *doc.get("errors", ()),
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
    for parameter in doc.get("arguments", {}).get("parameters", ()):
        found.add(HTTPStatus.UNPROCESSABLE_ENTITY)
        if parameter["in"] == "json":
            found |= {
                HTTPStatus.BAD_REQUEST,
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            }
    return found


class Api(SmorestApi):  # type: ignore[misc]
    """The OpenAPI document; errors are handled by `install`, for the whole application.

    It is written when somebody first asks for it: half of the time to make an application
    would be spent on it.
    """

    ERROR_SCHEMA = ErrorSchema

    def init_app(self, app: Flask, **options: Any) -> None:
        self._undescribed: list[Callable[[], None]] = []
        self._document: bytes | None = None
        # One thread, so that two who ask first do not both write.
        self._writing = Workpool(1, waiting=MAX_WAITING_READERS)
        super().init_app(app, **options)
        self.register_converter(IdConverter, _id_schema)

    def describe_later(self, describe: Callable[[], None]) -> None:
        """Have `describe` add its part when the document is written."""
        self._undescribed.append(describe)

    def _openapi_json(self) -> Response:
        document = self._document or self._writing.run(self._write)
        return Response(document, mimetype="application/json")

    def _write(self) -> bytes:
        if self._document is None:
            for describe in self._undescribed:
                describe()
            self._document = strict_json.dumps(self.spec.to_dict())
        return self._document

    def _register_error_handlers(self) -> None:
        pass

    def _register_pagination_header(self) -> None:
        pass


class IdConverter(BaseConverter):
    """An id in a path. One that is none leads nowhere, like one that nothing has."""

    regex = "[0-9a-fA-F]{24}"

    def to_python(self, value: str) -> ObjectId:
        return ObjectId(value)

    def to_url(self, value: ObjectId) -> str:
        return str(value)


def _id_schema(_: IdConverter) -> dict[str, str]:
    return {
        "type": "string",
        "description": "The id of what the call is about.",
        "pattern": "^[0-9a-f]{24}$",
        "example": "65f0c0ffee65f0c0ffee65f0",
    }


def install(app: Flask) -> None:
    """Give `app` strict JSON, request ids, one log line a request, and errors in one shape."""
    app.json = StrictJSONProvider(app)
    app.url_map.converters["id"] = IdConverter
    # One path leads to one place; a second spelling is not found.
    app.url_map.merge_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.before_request(_begin)
    app.after_request(_finish)
    app.register_error_handler(ServiceError, _answer)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_unexpected)


class StrictJSONProvider(JSONProvider):
    """Flask's JSON, read strictly and written fast."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return strict_json.loads(s)

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return strict_json.dumps(obj).decode()

    def response(self, *args: Any, **kwargs: Any) -> Response:
        body = strict_json.dumps(self._prepare_response_obj(args, kwargs))
        response = Response(mimetype="application/json")
        response.set_data(body)
        return response


def request_id(given: str | None) -> str:
    """Return the id that a request calls itself by, if it may, or a new one."""
    return given if given and _REQUEST_ID.fullmatch(given) else uuid4().hex


def request_origin() -> Origin:
    """Return where the request at hand comes from, under its own `X-Request-Id` or a new one."""
    return Origin(request_id(request.headers.get("X-Request-Id")), request.remote_addr)


def log_request(method: str, path: str, status: int, seconds: float) -> None:
    """Write down that a request was answered."""
    if log.isEnabledFor(logging.INFO):
        # The path as in an address, so that none can look like another line.
        log.info("%s %s %d %.1fms", method, quote(path), status, seconds * 1000)


def _begin() -> None:
    g.started = time.perf_counter()
    origin.set(request_origin())


def _finish(response: Response) -> Response:
    current = origin.get()
    response.headers["X-Request-Id"] = current.request_id if current else ""
    for name, value in PLAIN_HEADERS.items():
        response.headers.setdefault(name, value)
    seconds = time.perf_counter() - g.started if "started" in g else 0
    log_request(request.method, request.path, response.status_code, seconds)
    return response


def error_body(error: ServiceError) -> dict[str, Any]:
    """Return what the wire contract says an error's body is."""
    status = HTTPStatus(error.status)
    current = origin.get()
    body: dict[str, Any] = {
        "code": status.value,
        "status": status.phrase,
        "message": error.message,
        "requestId": current.request_id if current else "",
    }
    if error.errors:
        body["errors"] = {error.location: error.errors}
    return body


def _answer(error: ServiceError) -> Response:
    response = jsonify(error_body(error))
    response.status_code = error.status
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    if error.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _answer_http(error: HTTPException) -> Response | HTTPException:
    status = HTTPStatus(error.code or 500)
    if status < HTTPStatus.BAD_REQUEST:
        return error
    if status == HTTPStatus.NOT_FOUND:
        return _answer(NotFound())
    told = ServiceError(status.phrase)
    told.status = status
    response = _answer(told)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def _answer_unexpected(error: Exception) -> Response:
    return _answer(translate(error))
