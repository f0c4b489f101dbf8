"""The OpenAPI page: complete, honest about errors, with examples that work."""

from __future__ import annotations

import re
from typing import Any

import pytest

from interview_platform.auth.model import Role
from interview_platform.auth.policy import RULES
from tests.service import Company

# What an example can only guess: ids of things that exist, secrets that were sent, times to come.
GUESSED = {
    "candidateId",
    "interviewerId",
    "lotId",
    "codingTaskId",
    "candidateIds",
    "token",
    "currentPassword",
    "schedule",
}


@pytest.fixture
def document(company: Company) -> dict[str, Any]:
    answer = company.anyone.get("/api/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in ("get", "post", "put", "patch", "delete")
    ]


def example_of(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    """Return the example that a reader puts together out of a schema's fields."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return example_of(document, document["components"]["schemas"][name])
    for choice in ("allOf", "anyOf", "oneOf"):
        if choice in schema:
            return example_of(document, schema[choice][0])
    if "example" in schema:
        return schema["example"]
    if "default" in schema:
        return schema["default"]
    kind = schema.get("type")
    if "properties" in schema:
        fields = schema["properties"].items()
        return {name: example_of(document, field) for name, field in fields}
    if kind == "array":
        return [example_of(document, schema["items"])]
    return {"string": "text", "integer": 1, "number": 1.0, "boolean": True}[
        kind[0] if isinstance(kind, list) else str(kind)
    ]


def test_it_is_openapi_3_1_and_every_operation_says_what_it_does(
    document: dict[str, Any],
) -> None:
    assert document["openapi"] == "3.1.0"
    for method, path, operation in operations(document):
        summary = operation.get("summary", "")
        assert summary.endswith("."), f"{method} {path}"
        assert summary[0].isupper(), f"{method} {path}"


def test_every_field_and_parameter_is_described(document: dict[str, Any]) -> None:
    silent = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, described in schema.get("properties", {}).items()
        if not described.get("description")
    ]
    for method, path, operation in operations(document):
        silent += [
            f"{method} {path} {parameter['name']}"
            for parameter in operation.get("parameters", ())
            if not (parameter.get("description") or parameter["schema"].get("description"))
        ]
    assert silent == []


def test_errors_are_listed_for_what_an_operation_takes(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        told = f"{method} {path}"
        listed = set(operation["responses"])
        assert {"500", "503"} <= listed, told
        if operation["security"]:
            assert "401" in listed, told
        if "{" in path:
            assert "404" in listed, told
        if "application/json" in operation.get("requestBody", {}).get("content", {}):
            assert {"400", "413", "415", "422"} <= listed, told


def test_refusals_are_listed_where_the_policy_refuses(
    company: Company, document: dict[str, Any]
) -> None:
    policies = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)): RULES[rule.endpoint]
        for rule in company.app.url_map.iter_rules()
        for method in rule.methods or ()
    }
    for method, path, operation in operations(document):
        policy = policies[method, path]
        told = f"{method} {path}"
        assert bool(operation["security"]) != policy.public, told
        if not policy.public:
            refused = not all(policy.reach(role) for role in Role)
            assert ("403" in operation["responses"]) == refused, told


def test_what_a_route_says_of_a_status_stands(document: dict[str, Any]) -> None:
    answers = document["paths"]["/health/ready"]["get"]["responses"]
    assert answers["503"] == {**answers["200"], "description": "A check fails."}


def test_the_examples_work(company: Company, document: dict[str, Any]) -> None:
    colleague = company.staff()
    for method, path, operation in operations(document):
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            continue
        body = example_of(document, content["application/json"]["schema"])
        real = path.replace("{user_id}", colleague.id)
        if "{" in real:
            real = real.split("{", 1)[0] + "65f0c0ffee65f0c0ffee65f0" + real.split("}", 1)[1]
        person = company.candidate() if "/candidates/me" in path else company.admin
        answer = person.call(method.upper(), real, body)
        told = f"{method} {path}: {answer.status_code} {answer.text}"
        assert answer.status_code not in (400, 403, 413, 415, 500), told
        if answer.status_code == 422:
            assert set(answer.json["errors"]["json"]) <= GUESSED, told


def test_every_answer_to_a_stranger_s_call_is_listed(
    company: Company, document: dict[str, Any]
) -> None:
    for method, path, operation in operations(document):
        real = path
        while "{" in real:
            real = real.split("{", 1)[0] + "65f0c0ffee65f0c0ffee65f0" + real.split("}", 1)[1]
        for person in (company.anyone, company.admin):
            for body in (None, {"nonsense": 1}):
                if method in ("get", "delete") and body:
                    continue
                answer = person.call(method.upper(), real, body)
                told = f"{method} {path}: {answer.status_code} {answer.text}"
                assert str(answer.status_code) in operation["responses"], told


def test_the_page_and_its_assets_come_from_this_service(company: Company) -> None:
    page = company.anyone.get("/api/docs/")
    assert page.status_code == 200
    assert "https://" not in page.text
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert company.anyone.get(f"/api/docs/{asset}").status_code == 200
