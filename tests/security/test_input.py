"""Statements 10, 15 and 20: what comes in, from where, and how much of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask

from interview_platform.core.settings import Settings, SettingsError
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
    ],
    ids=["cut off", "nested", "double names", "NaN", "huge number", "not UTF-8"],
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


def test_15_bodies_over_a_mebibyte_are_too_large(company: Company) -> None:
    assert raw(company, b'{"email": "' + b"a" * (1024 * 1024) + b'"}') == 413


def test_15_unknown_fields_are_refused_and_named(company: Company) -> None:
    body = {"email": "a@example.com", "password": PASSWORD, "role": "admin"}
    answer = company.anyone.post("/api/auth/login", body)
    assert answer.status_code == 422
    assert list(answer.json["errors"]["json"]) == ["role"]
    query = company.admin.get("/api/admin/users", nosuch="1")
    assert (query.status_code, list(query.json["errors"]["query"])) == (422, ["nosuch"])


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "after=%00", "role[$ne]=x"])
def test_15_bad_queries_are_refused(company: Company, query: str) -> None:
    assert company.admin.get(f"/api/admin/users?{query}").status_code == 422


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
        for operation in operations.values():
            for parameter in operation.get("parameters", ()) if isinstance(operation, dict) else ():
                if _unbounded(parameter.get("schema", {})):
                    unbounded.append(f"{path} {parameter['name']}")
    assert unbounded == []


def _unbounded(described: dict[str, Any]) -> bool:
    kinds = described.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if "string" in kinds:
        bounds = {"maxLength", "enum", "pattern", "format"}
        return not bounds & described.keys() and not described.get("readOnly")
    if "array" in kinds:
        return "maxItems" not in described
    if "integer" in kinds or "number" in kinds:
        return not {"maximum", "exclusiveMaximum"} & described.keys()
    return False
