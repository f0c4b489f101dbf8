"""The OpenAPI document, and the check of every answer in the suite against it.

A plugin of pytest, named in `conftest.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import requests
from flask import Flask

PATH = "/api/openapi.json"
METHODS = ("get", "post", "put", "patch", "delete")
JSON = "application/json"

# What an OpenAPI path's parameter may stand for; all of them are ids.
_PARAMETER = re.compile(r"\{\w+\}")
_ID = "[0-9a-fA-F]{24}"

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def types(schema: dict[str, Any]) -> set[str]:
    """Return the JSON types that a schema allows; none where it allows any."""
    found = schema.get("type", "object" if "properties" in schema else [])
    return {found} if isinstance(found, str) else set(found)


@dataclass(frozen=True, repr=False)
class Operation:
    """One method of one path; `described` is what the document says of it."""

    method: str
    path: str
    described: dict[str, Any]

    def __repr__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def responses(self) -> dict[str, Any]:
        found: dict[str, Any] = self.described["responses"]
        return found

    @property
    def body(self) -> dict[str, Any] | None:
        """The schema of the JSON body; None where the operation accepts none."""
        content = self.described.get("requestBody", {}).get("content", {})
        found: dict[str, Any] | None = content.get(JSON, {}).get("schema")
        return found

    @property
    def body_required(self) -> bool:
        return bool(self.described["requestBody"].get("required"))

    @property
    def query(self) -> list[dict[str, Any]]:
        return [each for each in self.described.get("parameters", ()) if each["in"] == "query"]

    def fill(self, value: str) -> str:
        """Return the path with `value` for each of its parameters."""
        return _PARAMETER.sub(value, self.path)


@dataclass(frozen=True)
class Field:
    """A field of a request's body: where it is, and how the document describes it."""

    place: tuple[str | int, ...]
    schema: dict[str, Any]

    def put(self, body: Any, value: Any) -> Any:
        """Return `body` with `value` in this field's place."""
        return _put(body, self.place, value)


def _put(body: Any, place: tuple[str | int, ...], value: Any) -> Any:
    if not place:
        return value
    first, *rest = place
    inner = _put(body[first], tuple(rest), value)
    return [inner] if isinstance(first, int) else {**body, first: inner}


class Document:
    """An OpenAPI document."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    def operations(self) -> list[Operation]:
        return [
            Operation(method.upper(), path, described)
            for path, methods in self.content["paths"].items()
            for method, described in methods.items()
            if method in METHODS
        ]

    def resolve(self, described: Any) -> dict[str, Any]:
        """Return what a reference, or the one that `allOf` or `anyOf` holds, leads to."""
        found: dict[str, Any] = described
        if "$ref" in found:
            found = self.content
            for part in described["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            return self.resolve(found)
        for choice in ("allOf", "anyOf"):
            if choice in found:
                nullable = {"type": "null"} in found[choice]
                [only] = [each for each in found[choice] if each != {"type": "null"}]
                resolved = self.resolve(only)
                kind = resolved.get("type", "object")
                return {**resolved, "type": [kind, "null"]} if nullable else resolved
        return found

    def example(self, schema: dict[str, Any]) -> Any:
        """Return the example that a reader puts together out of a schema's fields."""
        schema = self.resolve(schema)
        for given in ("example", "default"):
            if given in schema:
                return schema[given]
        if "properties" in schema:
            return {name: self.example(field) for name, field in schema["properties"].items()}
        kind = schema.get("type")
        if kind == "array":
            return [self.example(schema["items"])]
        return {"string": "text", "integer": 1, "number": 1.0, "boolean": True}[
            kind[0] if isinstance(kind, list) else str(kind)
        ]

    def fields(self, schema: Any, place: tuple[str | int, ...] = ()) -> Iterator[Field]:
        """Yield the fields of `schema` and of the objects and lists in it."""
        schema = self.resolve(schema)
        if place:
            yield Field(place, schema)
        for name, inner in schema.get("properties", {}).items():
            yield from self.fields(inner, (*place, name))
        if "items" in schema:
            yield from self.fields(schema["items"], (*place, 0))

    def find(self, path: str) -> dict[str, Operation]:
        """Return the operations of a concrete `path` by method; none if it is not listed."""
        for pattern, operations in self._by_pattern:
            if pattern.fullmatch(path):
                return operations
        return {}

    def check(
        self, method: str, path: str, status: int, content_type: str | None, body: bytes
    ) -> None:
        """Fail where the document lists the path, but not such an answer."""
        operations = self.find(path)
        if not operations:
            return
        case = f"{method} {path} answered {status} {content_type}"
        operation = operations.get("GET" if method == "HEAD" else method)
        if operation is None:
            if method == "OPTIONS":
                return
            assert status == 405, f"{case}, the method is not listed"
            operation = next(iter(operations.values()))
        response = operation.responses.get(str(status))
        assert response is not None, f"{case}, {operation} lists {sorted(operation.responses)}"
        content = self.resolve(response).get("content", {})
        if status == 204:
            assert not body, case
            return
        kind = (content_type or "").partition(";")[0]
        assert kind in content, f"{case}, {operation} lists {sorted(content)}"
        if kind == JSON and method != "HEAD":
            faults = list(islice(self.faults(content[kind]["schema"], json.loads(body)), 5))
            assert not faults, f"{case}: {'; '.join(faults)}"

    def faults(self, schema: Any, value: Any, place: str = "body") -> Iterator[str]:
        """Yield where `value` has types or fields that `schema` does not list."""
        schema = self.resolve(schema)
        allowed = tuple(kind for name in types(schema) for kind in _TYPES[name])
        if allowed and (
            not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed)
        ):
            yield f"{place} is {value!r:.50}, not {sorted(types(schema))}"
        elif isinstance(value, dict) and "object" in types(schema):
            fields, others = schema.get("properties", {}), schema.get("additionalProperties")
            for name, inner in value.items():
                if name in fields or others:
                    yield from self.faults(fields.get(name) or others, inner, f"{place}.{name}")
                else:
                    yield f"{place}.{name} is not listed"
        elif isinstance(value, list) and "items" in schema:
            for number, inner in enumerate(value):
                yield from self.faults(schema["items"], inner, f"{place}.{number}")

    @cached_property
    def _by_pattern(self) -> list[tuple[re.Pattern[str], dict[str, Operation]]]:
        by_path: dict[str, dict[str, Operation]] = {}
        for operation in self.operations():
            by_path.setdefault(operation.path, {})[operation.method] = operation
        return [(re.compile(_PARAMETER.sub(_ID, path)), found) for path, found in by_path.items()]


class Conformance:
    """Checks answers of any process of the service; the document is read once."""

    def __init__(self) -> None:
        self.document: Document | None = None

    def check(
        self,
        method: str,
        url: str,
        status: int,
        content_type: str | None,
        body: bytes,
        read: Callable[[], dict[str, Any] | None],
    ) -> None:
        """Fail where the document does not list the answer to a request.

        `read` returns the document of the service that answered, or None if it has none.
        """
        path = urlsplit(url).path
        if path == PATH or not path.startswith(("/api", "/health", "/metrics")):
            return
        if self.document is None:
            content = read()
            if content is None:
                return
            self.document = Document(content)
        self.document.check(method, path, status, content_type, body)

    def check_response(self, response: requests.Response) -> None:
        """Fail where the document does not list what a live process answered."""

        def read() -> dict[str, Any] | None:
            answer = requests.get(urljoin(response.url, PATH), timeout=60)
            return answer.json() if answer.ok else None

        self.check(
            response.request.method or "GET",
            response.url,
            response.status_code,
            response.headers.get("Content-Type"),
            response.content,
            read,
        )


conformance = Conformance()


@pytest.fixture(scope="session", autouse=True)
def _checked_requests() -> Iterator[None]:
    """Have every answer to `requests` checked, from whichever test it is sent."""
    send = requests.Session.send

    def checked(self: requests.Session, *args: Any, **options: Any) -> requests.Response:
        response = send(self, *args, **options)
        conformance.check_response(response)
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests.Session, "send", checked)
        yield


@pytest.fixture
def document(app: Flask) -> Document:
    answer = app.test_client().get(PATH)
    assert answer.status_code == 200
    return Document(answer.get_json())
