"""Values of another JSON type than the OpenAPI document declares are refused, field by field."""

from __future__ import annotations

import json
from typing import Any

from tests.openapi import Document, Operation, types
from tests.service import Answer, Company, Person

UNKNOWN_ID = "65f0c0ffee65f0c0ffee65f0"

# Values that readers of JSON in other languages like to convert.
WRONG: dict[str, list[Any]] = {
    "boolean": [0, 1, 0.0, "", "true", "false", "yes", "on", "0", [], {}],
    "integer": ["1", True, False, 1.0, 1.5, 10**400, [], {}],
    "number": ["1", "1.5", "NaN", True, False, 10**400, [], {}],
    "string": [0, 1, 1.5, True, False, [], ["a"], {}],
    "array": ["", "a", 0, True, {}, {"0": "a"}],
    "object": ["", "a", 0, True, [], [[]]],
}
WRONG_IN_QUERIES = {
    "boolean": ["", "1", "0", "yes", "no", "on", "off", "t", "True", "TRUE", "null", " true"],
    "integer": ["", "1.0", "1e1", "+1", " 1", "1_0", "true", "null", "0x1", "1" * 5000, "\u0665"],
}


def caller(company: Company, operation: Operation) -> Person:
    return company.candidate() if operation.path.startswith("/api/candidates") else company.admin


def send(person: Person, operation: Operation, body: Any) -> Answer:
    """Call `operation` with any body, also one that the service's own JSON cannot spell."""
    return person.call(
        operation.method,
        operation.fill(UNKNOWN_ID),
        data=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )


def test_bodies(company: Company, document: Document) -> None:
    tried = 0
    for operation in document.operations():
        if (schema := operation.body) is None:
            continue
        person = caller(company, operation)
        example = document.example(schema)
        for field in document.fields(schema):
            wrong = [] if "null" in types(field.schema) else [None]
            [kind] = types(field.schema) - {"null"}
            for value in (*wrong, *WRONG[kind]):
                answer = send(person, operation, field.put(example, value))
                case = f"{operation} {field.place}={value!r}: {answer.status_code} {answer.text}"
                assert answer.status_code == 422, case
                assert str(field.place[0]) in answer.json["errors"]["json"], case
                tried += 1
    assert tried > 500


def test_bodies_that_are_no_objects(company: Company, document: Document) -> None:
    for operation in document.operations():
        if operation.body is not None:
            person = caller(company, operation)
            bodies: tuple[Any, ...] = (None, [], [{}], "a", 1, True)
            for body in bodies:
                answer = send(person, operation, body)
                assert answer.status_code == 422, f"{operation} {body}: {answer.text}"


def test_queries(company: Company, document: Document) -> None:
    tried = 0
    for operation in document.operations():
        person = caller(company, operation)
        for parameter in operation.query:
            [kind] = types(parameter["schema"]) - {"null"}
            for value in WRONG_IN_QUERIES.get(kind, ()):
                answer = person.call(
                    operation.method,
                    operation.fill(UNKNOWN_ID),
                    query_string={parameter["name"]: value},
                )
                case = f"{operation} {parameter['name']}={value!r}: {answer.status_code}"
                assert answer.status_code == 422, case
                assert list(answer.json["errors"]["query"]) == [parameter["name"]], case
                tried += 1
    assert tried > 100


def test_a_draw_with_a_number_for_a_flag_draws_nobody(company: Company) -> None:
    candidate = company.candidate()
    lot = company.admin.post("/api/admin/lots", {"name": "A lot"}).json["lot"]
    path = f"/api/admin/lots/{lot['id']}"
    for flag in (0, 1, "false", "true", "", None):
        body = {"size": 1, "method": "random", "dryRun": flag}
        assert company.admin.post(f"{path}/draw", body).status_code == 422, flag
    assert company.admin.get(path).json["lot"]["candidates"] == []
    found = company.admin.get(f"/api/admin/candidates/{candidate.profile_id}").json["candidate"]
    assert found["profile"]["lotStatus"] == "unassigned"


CHANGES = [
    "PATCH /api/admin/users/{user_id}",
    "PATCH /api/admin/candidates/{candidate_id}",
    "PATCH /api/admin/lots/{lot_id}",
    "PATCH /api/admin/coding-tasks/{task_id}",
    "PATCH /api/admin/interviews/{interview_id}",
    "PUT /api/candidates/me",
]


def test_a_change_of_nothing_is_refused(company: Company, document: Document) -> None:
    changes = {str(each) for each in document.operations() if each.method in ("PUT", "PATCH")}
    assert changes == set(CHANGES)
    for operation in document.operations():
        if str(operation) not in CHANGES:
            continue
        person = caller(company, operation)
        path = operation.fill(UNKNOWN_ID)
        nothing: list[dict[str, Any]] = [{}, {"body": {}}, {"content_type": "application/json"}]
        for options in nothing:
            answer = person.call(operation.method, path, **options)
            assert answer.status_code == 422, f"{operation} {options}: {answer.text}"
            assert answer.json["errors"]["json"] == {"_schema": ["At least one field is required."]}
        unknown = person.call(operation.method, path, {"nosuch": 1})
        assert unknown.status_code == 422
        assert unknown.json["errors"]["json"] == {"nosuch": ["Unknown field."]}
        assert document.resolve(operation.body)["minProperties"] == 1


def test_a_body_is_optional_where_all_of_its_fields_are(document: Document) -> None:
    optional = {str(each) for each in document.operations() if each.body and not each.body_required}
    assert optional == {
        "POST /api/admin/interviews/{interview_id}/cancel",
        "POST /api/interviews/{interview_id}/end",
    }
    for operation in document.operations():
        if operation.body and operation.method == "POST":
            required = bool(document.resolve(operation.body).get("required"))
            assert operation.body_required == required, str(operation)
