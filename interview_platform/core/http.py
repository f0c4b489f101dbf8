"""HTTP: blueprints that describe their errors, one shape of error, request ids."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import flask_smorest
from bson import ObjectId
from flask import Flask, Response, current_app, g, jsonify, request
from flask.json.provider import JSONProvider
from flask_smorest import Api as SmorestApi
from flask_smorest.utils import prepare_response
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from . import json as strict_json
from .errors import NotFound, ServiceError
from .faults import translate
from .headers import PLAIN_HEADERS
from .logging import Origin, origin
from .parsing import StrictParser
from .schemas import MAX_BODY_BYTES, ChangeSchema, ErrorSchema, Schema
from .workpool import Workpool

log = logging.getLogger(__name__)

# The statuses that any request may get, whatever operation it asks for: most of them are
# about HTTP itself, and come from the web server.
_ANY_REQUEST = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.REQUEST_URI_TOO_LONG,
        HTTPStatus.EXPECTATION_FAILED,
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.NOT_IMPLEMENTED,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
)
_DESCRIPTIONS = {
    HTTPStatus.BAD_REQUEST: "The request is malformed.",
    HTTPStatus.UNAUTHORIZED: "The access token is missing, invalid or expired.",
    HTTPStatus.FORBIDDEN: "The caller's role does not permit this.",
    HTTPStatus.NOT_FOUND: "There is no such thing, or the caller may not know of it.",
    HTTPStatus.METHOD_NOT_ALLOWED: "The path exists, but not with this method.",
    HTTPStatus.REQUEST_TIMEOUT: "The request took too long to arrive.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.REQUEST_URI_TOO_LONG: "The address is longer than 8,190 bytes.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Some fields are not valid; `errors` names them.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests; try again after `Retry-After`.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The headers are too long.",
    HTTPStatus.NOT_IMPLEMENTED: "The body's transfer coding is not supported.",
    HTTPStatus.SERVICE_UNAVAILABLE: "A part of the service is away; try again.",
}
_RETRY_AFTER = {
    "Retry-After": {
        "description": "How many seconds to wait.",
        "schema": {"type": "integer", "minimum": 0, "maximum": 86400},
    }
}
_HEADERS: dict[HTTPStatus, dict[str, Any]] = {
    HTTPStatus.METHOD_NOT_ALLOWED: {
        "Allow": {
            "description": "The methods that the path has.",
            "schema": {"type": "string", "maxLength": 100},
        }
    },
    HTTPStatus.TOO_MANY_REQUESTS: _RETRY_AFTER,
    HTTPStatus.SERVICE_UNAVAILABLE: _RETRY_AFTER,
}

# A request costs one more for each so many bytes of its body.
COSTLY_BYTES = 8 * 1024

# How many may wait for the OpenAPI document while it is written.
MAX_WAITING_READERS = 100

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """A blueprint whose routes list every error that they may answer with.

    What follows from a route's form lists itself: faults in its body, its query and its
    ids, and what the access rules ask. `errors` adds what its own rules refuse. `cost` says
    how many plain requests it counts for where a person's requests are limited.
    """

    ARGUMENTS_PARSER = StrictParser()

    def route(
        self, rule: str, *, errors: Iterable[HTTPStatus] = (), cost: int = 1, **options: Any
    ) -> Any:
        register = super().route(rule, **options)

        def decorator(view: Any) -> Any:
            path = (self.url_prefix or "") + rule
            own = {*errors} | ({HTTPStatus.NOT_FOUND} if "<" in path else set())
            view._apidoc = {**getattr(view, "_apidoc", {}), "errors": own}
            view.cost = cost
            return register(view)

        return decorator

    def arguments(self, schema: type[Schema], *, location: str = "json", **options: Any) -> Any:
        if location == "json":
            # A body may be left out where everything in it may.
            options.setdefault("required", _requires_something(schema))
        return super().arguments(schema, location=location, **options)

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
                    **_limited_body(doc),
                    **doc.get("manual_doc", {}),
                    "security": [{"bearer": []}] if refused else [],
                    "responses": {
                        str(status.value): status.name
                        for status in sorted(possible)
                        if status.value not in own
                    },
                }
        super().register_views_in_doc(api, app, spec, **options)


def request_cost() -> int:
    """Return how many plain requests the one at hand counts for, by its operation and size."""
    cost: int = getattr(current_app.view_functions[request.endpoint or ""], "cost", 1)
    length = request.content_length
    if length is None:
        length = MAX_BODY_BYTES if "HTTP_TRANSFER_ENCODING" in request.environ else 0
    return cost + min(length, MAX_BODY_BYTES) // COSTLY_BYTES


def body_limit(most: int) -> dict[str, Any]:
    """Return how a description of a body states that it may hold `most` bytes."""
    mebibytes, rest = divmod(most, 1024 * 1024)
    told = f"{most // 1024} KiB" if rest else f"{mebibytes} MiB"
    return {"description": f"At most {told}.", "x-maxBytes": most}


def _limited_body(doc: dict[str, Any]) -> dict[str, Any]:
    for parameter in doc.get("arguments", {}).get("parameters", ()):
        if parameter["in"] == "json":
            return {"requestBody": body_limit(parameter["schema"].MAX_BYTES)}
    return {}


def _requires_something(schema: type[Schema]) -> bool:
    fields = schema().load_fields.values()
    return issubclass(schema, ChangeSchema) or any(field.required for field in fields)


def _possible_errors(doc: dict[str, Any]) -> set[HTTPStatus]:
    found = {*doc.get("errors", ()), *_ANY_REQUEST}
    for parameter in doc.get("arguments", {}).get("parameters", ()):
        found.add(HTTPStatus.UNPROCESSABLE_ENTITY)
        if parameter["in"] == "json":
            found |= {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE}
    return found


class Api(SmorestApi):  # type: ignore[misc]
    """The OpenAPI document; errors are handled by `install`, for the whole application.

    It is written when somebody first asks for it: half of the time to make an application
    would be spent on it.
    """

    ERROR_SCHEMA = ErrorSchema
    # Every status is listed by itself: a default would hide those that are not.
    DEFAULT_ERROR_RESPONSE_NAME = None

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
            for (schema, *_), name in self.ma_plugin.converter.refs.items():
                if issubclass(schema, ChangeSchema):
                    self.spec.components.schemas[name]["minProperties"] = 1
            self._document = strict_json.dumps(self.spec.to_dict())
        return self._document

    def _register_responses(self) -> None:
        for status in HTTPStatus:
            if status >= HTTPStatus.BAD_REQUEST:
                response = {
                    "description": _DESCRIPTIONS.get(status, f"{status.phrase}."),
                    "headers": _HEADERS.get(status, {}),
                    "schema": self.ERROR_SCHEMA,
                }
                prepare_response(response, self.spec, self.DEFAULT_RESPONSE_CONTENT_TYPE)
                self.spec.components.response(status.name, response, lazy=True)

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
