"""Coding tasks: kept by admins, read by staff, and never deleted under an interview."""

from __future__ import annotations

from typing import Any

import pytest

from tests.crowd import Call, all_at_once
from tests.interviews import NOBODY, book, make_task, slot
from tests.service import Company

PATH = "/api/admin/coding-tasks"
MINIMAL = {"title": "Two sum", "language": "python", "difficulty": "easy"}
OUT_OF_BOUNDS: list[tuple[str, Any]] = [
    ("title", " "),
    ("title", "x" * 201),
    ("language", ""),
    ("language", "Python"),
    ("language", "py thon"),
    ("language", "x" * 33),
    ("difficulty", "trivial"),
    ("description", "x" * 50_001),
    ("starterCode", "x" * (256 * 1024 + 1)),
    ("starterCode", "a\0b"),
    ("tags", ["x"] * 51),
    ("tests", [{"name": "n", "expected": "1"}] * 101),
    ("tests", [{"name": "n", "expected": "x" * (64 * 1024 + 1)}]),
    ("tests", [{"name": "n", "expected": "1", "stdin": "x" * (64 * 1024 + 1)}]),
    ("tests", [{"name": "n"}]),
    ("tests", [{"name": "n", "expected": "1", "points": 3}]),
    ("createdAt", "2026-01-01T00:00:00.000Z"),
    ("holds", 5),
]


def test_a_task_comes_back_as_it_was_made(company: Company) -> None:
    body = {
        "title": "Two sum",
        "description": "Find the two numbers.",
        "starterCode": "\n  def two_sum():\n    ...\n",
        "language": "c++",
        "difficulty": "hard",
        "tags": ["arrays", "hashing"],
        "tests": [{"name": "small", "stdin": " 1 2\n", "expected": "3 \n", "hidden": True}],
    }
    answer = company.admin.post(PATH, body)
    assert answer.status_code == 201, answer.text
    task = answer.json["codingTask"]
    times = {"createdAt": task["createdAt"], "updatedAt": task["updatedAt"]}
    assert task == {"id": task["id"], **body, **times}
    read = company.admin.get(f"{PATH}/{task['id']}")
    assert read.status_code == 200
    assert read.json == {"codingTask": task}


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_lines_of_code_and_of_tests_end_with_lf(company: Company, end: str) -> None:
    def lines(end: str) -> dict[str, Any]:
        tests = [{"name": "n", "stdin": f"1{end}2{end}{end}", "expected": f"3{end}"}]
        return {"starterCode": f"def f():{end}    ...{end}", "tests": tests}

    tests = [{**each, "hidden": False} for each in lines("\n")["tests"]]
    expected = {**lines("\n"), "tests": tests}
    made = company.admin.post(PATH, {**MINIMAL, **lines(end)}).json["codingTask"]
    assert {name: made[name] for name in expected} == expected
    empty = company.admin.post(PATH, MINIMAL).json["codingTask"]
    changed = company.admin.patch(f"{PATH}/{empty['id']}", lines(end)).json["codingTask"]
    assert {name: changed[name] for name in expected} == expected


def test_a_test_is_visible_and_reads_nothing_unless_it_says_otherwise(company: Company) -> None:
    body = {**MINIMAL, "tests": [{"name": "none", "expected": "1"}]}
    task = company.admin.post(PATH, body).json["codingTask"]
    assert task["tests"] == [{"name": "none", "stdin": "", "expected": "1", "hidden": False}]


def test_an_update_changes_what_it_names_alone(company: Company) -> None:
    task = make_task(company)
    answer = company.admin.patch(f"{PATH}/{task['id']}", {"title": "Three sum", "tests": []})
    assert answer.status_code == 200
    updated = answer.json["codingTask"]
    assert updated["updatedAt"] >= task["updatedAt"]
    assert updated == {
        **task,
        "title": "Three sum",
        "tests": [],
        "updatedAt": updated["updatedAt"],
    }


def test_the_list_is_paged_newest_first_and_holds_no_code(company: Company) -> None:
    made = [make_task(company, title=f"Task {number}")["id"] for number in range(5)]
    seen: list[str] = []
    after: dict[str, Any] = {}
    for _ in range(3):
        answer = company.admin.get(PATH, limit=2, **after)
        assert answer.status_code == 200
        for task in answer.json["codingTasks"]:
            assert task.keys() == {
                *("id", "title", "difficulty", "language", "tags", "createdAt", "updatedAt")
            }
            seen.append(task["id"])
        after = {"after": answer.json["next"]}
    assert after == {"after": None}
    assert seen == made[::-1]


def test_staff_read_and_only_admins_write(company: Company) -> None:
    task = make_task(company)
    one = f"{PATH}/{task['id']}"
    interviewer, candidate = company.staff(), company.candidate()
    assert interviewer.get(one).json == {"codingTask": task}
    assert interviewer.get(PATH).status_code == 200
    for refused in (
        interviewer.post(PATH, MINIMAL),
        interviewer.patch(one, {"title": "Mine"}),
        interviewer.delete(one),
        candidate.get(PATH),
        candidate.get(one),
    ):
        assert refused.status_code == 403


def test_what_is_out_of_bounds_is_refused_by_name(
    company: Company, subtests: pytest.Subtests
) -> None:
    for field, value in OUT_OF_BOUNDS:
        with subtests.test(field=field, value=str(value)[:50]):
            answer = company.admin.post(PATH, {**MINIMAL, field: value})
            assert answer.status_code == 422
            assert list(answer.json["errors"]["json"]) == [field]


def test_the_largest_parts_are_taken_and_too_large_a_whole_is_not(company: Company) -> None:
    code = "x" * (256 * 1024)
    test = {"name": "n", "stdin": "y" * (64 * 1024), "expected": "z" * (64 * 1024)}
    answer = company.admin.post(PATH, {**MINIMAL, "starterCode": code, "tests": [test] * 5})
    assert answer.status_code == 201
    answer = company.admin.post(PATH, {**MINIMAL, "starterCode": code, "tests": [test] * 8})
    assert answer.status_code == 413


def test_a_task_that_does_not_exist_is_not_found(company: Company) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        body = {"title": "Sort"} if method == "PATCH" else None
        assert company.admin.call(method, f"{PATH}/{NOBODY}", body).status_code == 404


def test_a_task_goes_unless_an_interview_refers_to_it(company: Company) -> None:
    used, unused = make_task(company), make_task(company)
    interview = book(company, company.candidate(), company.staff(), codingTaskId=used["id"])
    company.admin.post(f"/api/admin/interviews/{interview['id']}/cancel")

    assert company.admin.delete(f"{PATH}/{used['id']}").status_code == 409
    assert company.admin.get(f"{PATH}/{used['id']}").json == {"codingTask": used}

    assert company.admin.delete(f"{PATH}/{unused['id']}").status_code == 204
    assert company.admin.get(f"{PATH}/{unused['id']}").status_code == 404
    assert company.admin.delete(f"{PATH}/{unused['id']}").status_code == 404


def test_a_task_is_either_deleted_or_booked_never_both(company: Company) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    outcomes = set()
    for hour in range(8):
        task = make_task(company)
        body = {
            "candidateId": candidate.id,
            "interviewerId": interviewer.id,
            "codingTaskId": task["id"],
            "schedule": slot(hour),
        }
        answers = all_at_once(
            company.app,
            [
                Call(company.admin, "POST", "/api/admin/interviews", body),
                Call(company.admin, "DELETE", f"{PATH}/{task['id']}"),
            ],
        )
        outcomes.add(tuple(answer.status_code for answer in answers))
    assert outcomes <= {(201, 409), (422, 204)}
