"""Statements 10, 15 and 20: what comes in, from where, and how much of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from interview_platform.core.settings import Settings, SettingsError
from tests.openapi import Document, types
from tests.service import PASSWORD, Company

JSON = {"Content-Type": "application/json"}


def raw(company: Company, body: bytes | str, path: str = "/api/auth/login") -> int:
    return company.admin.call("POST", path, data=body, headers=JSON).status_code


def test_10_only_listed_origins_get_cors_headers(company: Company) -> None:
    good = company.anyone.call("GET", "/api", headers={"Origin": "http://localhost:3000"})
    assert good.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    bad = company.anyone.call("GET", "/api", headers={"Origin": "https://evil.example.com"})
    assert not [name for name in dict(bad.headers) if name.startswith("Access-Control")]


def test_10_a_wildcard_origin_is_refused_in_production() -> None:
    environ = {
        "APP_ENV": "production",
        "JWT_SECRET": "s" * 32,
        "SIGNING_KEY": "s" * 43 + "=",
        "MONGO_URI": "mongodb://db",
        "REDIS_URL": "redis://db",
        "CLIENT_ORIGIN": "*",
    }
    with pytest.raises(SettingsError, match="CLIENT_ORIGIN"):
        Settings.from_env(environ)


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[" * 10_000 + "]" * 10_000,
        '{"email": "a@example.com", "email": "b@example.com", "password": "x"}',
        '{"email": NaN}',
        '{"email": ' + "9" * 5000 + "}",
        b"\xff\xfe",
        r'{"\ud800": 1}',
        r'{"email": {"\udfff": 1}}',
    ],
    ids=[
        "cut off",
        "nested",
        "double names",
        "NaN",
        "huge number",
        "not UTF-8",
        "surrogate as a name",
        "surrogate as a name within",
    ],
)
def test_15_malformed_json_is_a_bad_request(company: Company, body: bytes | str) -> None:
    assert raw(company, body) == 400


@pytest.mark.parametrize(
    "email",
    [{"$ne": None}, {"$where": "1"}, ["a@example.com"], 7, None, True, "a\0@example.com", "\ud800"],
    ids=str,
)
def test_15_operators_and_other_types_are_refused(company: Company, email: Any) -> None:
    body = json.dumps({"email": email, "password": PASSWORD})
    assert raw(company, body) == 422


def test_15_other_content_types_are_refused(company: Company) -> None:
    answer = company.anyone.call(
        "POST", "/api/auth/login", data="email=a", headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/api/auth/login", 64 * 1024),
        ("/api/admin/users", 64 * 1024),
        ("/api/interviews/65f0c0ffee65f0c0ffee65f0/end", 512 * 1024),
        ("/api/admin/coding-tasks", 1024 * 1024),
    ],
)
def test_15_a_body_over_its_limit_is_too_large(company: Company, path: str, most: int) -> None:
    body = b'{"nosuch": 1}'
    assert raw(company, body + b" " * (most - len(body)), path) == 422
    assert raw(company, body + b" " * (most - len(body) + 1), path) == 413


@pytest.mark.parametrize("value", ["[]", "{}", "1", '""', '{"a":1}', "1e5", '"\\\\"'])
def test_20_the_values_of_a_large_body_are_counted_before_it_is_parsed(
    company: Company, value: str
) -> None:
    path = "/api/interviews/65f0c0ffee65f0c0ffee65f0/end"
    for count, status in ((4_900, 422), (45_000, 413)):
        criteria = f"[{','.join([value] * count)}]".ljust(70_000)
        body = f'{{"scorecard": {{"recommendation": "yes", "criteria": {criteria}}}}}'
        assert raw(company, body, path) == status, count


def test_20_no_text_counts_for_several_values(company: Company) -> None:
    code = '[{"a": 1, "b": [,,,]}]\\\n\\"' * 9_000
    body = {"title": "Sort", "language": "python", "difficulty": "easy", "starterCode": code}
    answer = company.admin.post("/api/admin/coding-tasks", body)
    assert answer.status_code == 201, answer.text[:200]
    assert answer.json["codingTask"]["starterCode"] == code


def test_15_unknown_fields_are_refused_and_named(company: Company) -> None:
    body = {"email": "a@example.com", "password": PASSWORD, "role": "admin"}
    answer = company.anyone.post("/api/auth/login", body)
    assert answer.status_code == 422
    assert list(answer.json["errors"]["json"]) == ["role"]
    query = company.admin.get("/api/admin/users", nosuch="1")
    assert (query.status_code, list(query.json["errors"]["query"])) == (422, ["nosuch"])


def test_15_only_the_first_of_many_faults_are_told(company: Company) -> None:
    answer = company.anyone.post("/api/auth/login", {f"field{n}": n for n in range(3_000)})
    assert (answer.status_code, len(answer.json["errors"]["json"])) == (422, 20)
    names = company.anyone.post("/api/auth/login", {"x" * 60_000: 1})
    assert (names.status_code, len(names.data) < 1000) == (422, True)


def test_20_a_list_is_counted_before_its_items_are_looked_at(
    company: Company, document: Document
) -> None:
    candidate = company.candidate()
    tried = 0
    for operation in document.operations():
        if operation.body is None:
            continue
        person = candidate if "/candidates/me" in operation.path else company.admin
        body = document.example(operation.body)
        for field in document.fields(operation.body):
            if "array" not in types(field.schema):
                continue
            most = field.schema["maxItems"]
            # Equal ones, since those must not be dropped before they are counted.
            for items in ([1] * 30_000, [document.example(field.schema["items"])] * (most + 1)):
                path = operation.fill("65f0c0ffee65f0c0ffee65f0")
                answer = person.call(operation.method, path, field.put(body, items))
                assert answer.status_code == 422, f"{operation} {field.place}"
                fault = answer.json["errors"]["json"]
                for name in field.place:
                    fault = fault[str(name)]
                [text] = fault
                assert str(most) in text, f"{operation} {field.place}: {text}"
                tried += 1
    assert tried > 20


def test_20_unknown_fields_are_not_looked_at_beyond_those_that_are_told(company: Company) -> None:
    many, few = ({f"{number:x}": number for number in range(most)} for most in (5_000, 1_500))
    for body in (
        {"scorecard": {"recommendation": "yes", **many}},
        {"scorecard": {"recommendation": "yes", "criteria": [few] * 6}},
    ):
        answer = company.admin.post(f"/api/interviews/{'0' * 24}/end", body)
        assert answer.status_code == 422
        assert len(answer.data) < 4_000


def test_20_only_the_first_of_many_unknown_parameters_are_told(company: Company) -> None:
    query = "&".join(f"{number:x}=1" for number in range(1_500))
    answer = company.admin.get(f"/api/admin/users?{query}")
    assert answer.status_code == 422
    assert len(answer.json["errors"]["query"]) == 20


@pytest.mark.parametrize(
    ("field", "value", "most"),
    [
        ("email", "a@" * 30_000, 254),
        ("phone", "+" + "4" * 60_000, 32),
        ("timezone", "x" * 60_000, 64),
    ],
)
def test_15_text_is_looked_at_only_if_it_is_short_enough(
    company: Company, field: str, value: str, most: int
) -> None:
    body = {"name": "Ada", "email": "ada@example.com", "role": "admin", field: value}
    answer = company.admin.post("/api/admin/users", body)
    assert answer.status_code == 422
    assert answer.json["errors"]["json"] == {field: [f"Longer than maximum length {most}."]}


@pytest.mark.parametrize(
    "email",
    ["straße@example.com", "\u017fam@example.com", "\u212aelvin@example.com", "Ärger@example.com"],
)
def test_15_no_address_becomes_another_one_by_case_folding(company: Company, email: str) -> None:
    body = {"name": "Ada", "email": email, "role": "admin"}
    answer = company.admin.post("/api/admin/users", body)
    assert answer.status_code == 422
    assert list(answer.json["errors"]["json"]) == ["email"]
    kept = company.admin.post("/api/admin/users", {**body, "email": "AdA@Example.COM"})
    assert kept.json["user"]["email"] == "ada@example.com"


@pytest.mark.parametrize("name", ["localtime", "Factory", "../../etc/passwd", "CET/"])
def test_15_a_time_zone_is_a_place_s(company: Company, name: str) -> None:
    body = {"name": "Ada", "email": "ada@example.com", "role": "admin", "timezone": name}
    answer = company.admin.post("/api/admin/users", body)
    assert (answer.status_code, list(answer.json["errors"]["json"])) == (422, ["timezone"])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("limit=1_0", "limit"),
        ("limit=%2B5", "limit"),
        ("limit=%205", "limit"),
        ("limit=%D9%A5", "limit"),
        ("limit=5&limit=5", "limit"),
        ("role=admin&status=active&role=interviewer", "role"),
        ("after=%00", "after"),
        ("role[$ne]=x", "role[$ne]"),
    ],
)
def test_15_bad_queries_are_refused(company: Company, query: str, field: str) -> None:
    answer = company.admin.get(f"/api/admin/users?{query}")
    assert answer.status_code == 422
    assert list(answer.json["errors"]["query"]) == [field]


@pytest.mark.parametrize("path", ["//api", "/api//auth/me"])
def test_a_path_has_one_spelling(company: Company, path: str) -> None:
    assert company.admin.get(f"http://localhost{path}").status_code == 404


def test_25_a_path_cannot_forge_a_line_of_the_log(
    company: Company, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        company.anyone.get("/nowhere%0A2026-01-01%20INFO%20forged%1B[2J")
    [line] = [record.getMessage() for record in caplog.records if "nowhere" in record.getMessage()]
    assert line.isprintable()
    assert "/nowhere%0A2026" in line


def test_errors_have_one_shape(company: Company) -> None:
    for method, path, status in (
        ("GET", "/nowhere", 404),
        ("DELETE", "/api/auth/login", 405),
        ("GET", "/api/auth/me", 401),
        ("GET", "/api/admin/users/nonsense", 404),
    ):
        answer = company.anyone.call(method, path, headers={"X-Request-Id": "mine-1"})
        assert answer.status_code == status
        assert answer.json["code"] == status
        assert answer.json["requestId"] == answer.headers["X-Request-Id"] == "mine-1"
        assert set(answer.json) == {"code", "status", "message", "requestId"}


def test_a_failure_inside_tells_nothing_of_the_inside(
    app: Flask, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(app.extensions["services"].auth, "me", fail)
    answer = company.admin.get("/api/auth/me")
    assert answer.status_code == 500
    assert answer.json["message"] == "Internal server error"
    assert "secret" not in answer.text


def test_20_every_list_text_and_number_has_a_bound_that_openapi_tells(company: Company) -> None:
    document = company.anyone.get("/api/openapi.json").json
    unbounded = []
    for name, schema in document["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            unbounded += [f"{name}.{field}"] if _unbounded(described) else []
    for path, operations in document["paths"].items():
        parameters = operations.pop("parameters", [])
        for operation in operations.values():
            parameters = [*parameters, *operation.get("parameters", ())]
        for parameter in parameters:
            unbounded += [f"{path} {parameter['name']}"] if _unbounded(parameter["schema"]) else []
    assert unbounded == []


def _unbounded(described: dict[str, Any]) -> bool:
    if {"$ref", "allOf", "anyOf", "enum"} & described.keys():
        # Named schemas are looked at by themselves.
        parts = [*described.get("allOf", ()), *described.get("anyOf", ())]
        return any(part != {"type": "null"} and _unbounded(part) for part in parts)
    kinds = described.get("type", [])
    kinds = {kinds} if isinstance(kinds, str) else set(kinds)
    if not kinds:
        return "x-maxBytes" not in described
    checks: dict[str, Callable[[], bool]] = {
        "string": lambda: "maxLength" in described or _tells_length(described),
        "integer": lambda: {"minimum", "maximum"} <= described.keys(),
        "number": lambda: {"minimum", "maximum"} <= described.keys(),
        "array": lambda: "maxItems" in described and not _unbounded(described["items"]),
        "object": lambda: (
            "maxProperties" in described and not _unbounded(described["additionalProperties"])
        ),
        "boolean": lambda: True,
        "null": lambda: True,
    }
    return not all(checks[kind]() for kind in kinds)


def _tells_length(described: dict[str, Any]) -> bool:
    return described.get("format") == "date-time" or described.get("pattern") == "^[0-9a-f]{24}$"
