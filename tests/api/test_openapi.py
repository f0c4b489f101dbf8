"""The OpenAPI page: complete, honest about errors, with examples that work."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import requests

from interview_platform.auth.model import Role
from interview_platform.auth.policy import RULES
from tests.live import WebProcess
from tests.openapi import Document, Operation, conformance
from tests.service import Company

UNKNOWN_ID = "65f0c0ffee65f0c0ffee65f0"

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


def test_it_is_openapi_3_1_and_every_operation_says_what_it_does(document: Document) -> None:
    assert document.content["openapi"] == "3.1.0"
    for operation in document.operations():
        summary = operation.described.get("summary", "")
        assert summary.endswith("."), operation
        assert summary[0].isupper(), operation


def test_every_field_and_parameter_is_described(document: Document) -> None:
    silent = [
        f"{name}.{field}"
        for name, schema in document.content["components"]["schemas"].items()
        for field, described in schema.get("properties", {}).items()
        if not described.get("description")
    ]
    for operation in document.operations():
        silent += [
            f"{operation} {parameter['name']}"
            for parameter in operation.described.get("parameters", ())
            if not (parameter.get("description") or parameter["schema"].get("description"))
        ]
    assert silent == []


def test_errors_are_listed_for_what_an_operation_takes(document: Document) -> None:
    for operation in document.operations():
        listed = set(operation.responses)
        assert {"400", "405", "414", "431", "500", "503"} <= listed, operation
        if operation.described["security"]:
            assert {"401", "429"} <= listed, operation
        if "{" in operation.path:
            assert "404" in listed, operation
        if operation.body:
            assert {"400", "413", "415", "422"} <= listed, operation
        if "requestBody" in operation.described:
            assert "413" in listed, operation


def test_no_operation_declares_a_default(document: Document) -> None:
    for operation in document.operations():
        assert all(status.isdigit() for status in operation.responses), operation


def test_waits_and_methods_are_told_in_headers(document: Document) -> None:
    for operation in document.operations():
        for status, header in (("405", "Allow"), ("429", "Retry-After"), ("503", "Retry-After")):
            if operation.path == "/health/ready" and status == "503":
                continue
            if status in operation.responses:
                response = document.resolve(operation.responses[status])
                assert header in response["headers"], f"{operation} {status}"


def test_the_document_states_how_large_bodies_may_be(document: Document) -> None:
    limits = {
        str(operation): operation.described["requestBody"]["x-maxBytes"]
        for operation in document.operations()
        if "requestBody" in operation.described
    }
    assert {operation: limit for operation, limit in limits.items() if limit != 64 * 1024} == {
        "POST /api/admin/candidates/import": 8 * 1024 * 1024,
        "POST /api/admin/coding-tasks": 1024 * 1024,
        "PATCH /api/admin/coding-tasks/{task_id}": 1024 * 1024,
        "POST /api/interviews/{interview_id}/end": 512 * 1024,
    }


def test_refusals_are_listed_where_the_policy_refuses(company: Company, document: Document) -> None:
    policies = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)): RULES[rule.endpoint]
        for rule in company.app.url_map.iter_rules()
        for method in rule.methods or ()
    }
    for operation in document.operations():
        policy = policies[operation.method, operation.path]
        assert bool(operation.described["security"]) != policy.public, operation
        if not policy.public:
            refused = not all(policy.reach(role) for role in Role)
            assert ("403" in operation.responses) == refused, operation


def test_what_a_route_says_of_a_status_stands(document: Document) -> None:
    answers = document.content["paths"]["/health/ready"]["get"]["responses"]
    assert answers["503"] == {**answers["200"], "description": "A check fails."}


def test_the_examples_work(company: Company, document: Document) -> None:
    colleague = company.staff()
    for operation in document.operations():
        if operation.body is None:
            continue
        body = document.example(operation.body)
        path = operation.path.replace("{user_id}", colleague.id)
        path = replace(operation, path=path).fill(UNKNOWN_ID)
        person = company.candidate() if "/candidates/me" in path else company.admin
        answer = person.call(operation.method, path, body)
        case = f"{operation}: {answer.status_code} {answer.text}"
        assert answer.status_code not in (400, 403, 413, 415, 500), case
        if answer.status_code == 422:
            assert set(answer.json["errors"]["json"]) <= GUESSED, case


def test_every_answer_to_a_stranger_s_call_is_listed(company: Company, document: Document) -> None:
    for operation in document.operations():
        for person in (company.anyone, company.admin):
            for body in (None, {"nonsense": 1}):
                if operation.method in ("GET", "DELETE") and body:
                    continue
                answer = person.call(operation.method, operation.fill(UNKNOWN_ID), body)
                case = f"{operation}: {answer.status_code} {answer.text}"
                assert str(answer.status_code) in operation.responses, case


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY"])
def test_other_methods_of_a_path_are_refused_as_listed(
    company: Company, document: Document, method: str
) -> None:
    for path in document.content["paths"]:
        filled = Operation(method, path, {}).fill(UNKNOWN_ID)
        if method in document.find(filled):
            continue
        answer = company.admin.call(method, filled)
        assert answer.status_code == 405, f"{method} {path}"
        assert set(document.find(filled)) <= set(answer.headers["Allow"].split(", "))


def test_the_document_describes_a_real_export(document: Document, company: Company) -> None:
    """The export is written apart from its schema, so that one may lack what the other has."""
    export = company.candidate().get("/api/candidates/me/export")
    listed = document.content["components"]["schemas"]["Export"]["properties"]
    assert export.json.keys() == listed.keys()


class TestConformance:
    """The check that every call in every test passes through."""

    PATH = "/api/auth/me"
    ERROR = b'{"code": 404, "status": "Not Found", "message": "Not found", "requestId": "1"}'

    @pytest.mark.parametrize(
        ("method", "status", "kind", "body"),
        [
            ("GET", 418, "application/json", ERROR),
            ("GET", 404, "application/json", ERROR),
            ("POST", 200, "application/json", b"{}"),
            ("GET", 200, "text/plain", b"{}"),
            ("GET", 200, "application/json", b'{"user": 1}'),
            ("GET", 200, "application/json", b'{"user": {"passwordHash": ""}}'),
            ("GET", 200, "application/json", b'{"user": {"name": true}}'),
            ("GET", 401, "application/json", b'{"code": true}'),
        ],
    )
    def test_what_the_document_does_not_list_fails(
        self, document: Document, method: str, status: int, kind: str, body: bytes
    ) -> None:
        with pytest.raises(AssertionError, match=f"{method} {self.PATH} answered {status}"):
            document.check(method, self.PATH, status, kind, body)

    def test_calls_pass_through_it(
        self, company: Company, web: WebProcess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        company.anyone.get("/api")
        assert conformance.document
        monkeypatch.setitem(conformance.document.find("/api")["GET"].responses, "200", {})
        with pytest.raises(AssertionError, match="GET /api answered 200"):
            company.anyone.get("/api")
        with pytest.raises(AssertionError, match="GET /api answered 200"):
            requests.get(f"{web.url}/api", timeout=10)


def test_the_page_and_its_assets_come_from_this_service(company: Company) -> None:
    page = company.anyone.get("/api/docs/")
    assert page.status_code == 200
    assert "https://" not in page.text
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert company.anyone.get(f"/api/docs/{asset}").status_code == 200
