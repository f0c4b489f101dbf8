"""Whose an interview is, and how much of it each side sees."""

from __future__ import annotations

from typing import Any

import pytest

from tests.interviews import NOBODY, book, make_lot, make_task
from tests.service import Company, Person

OUTCOME = {
    "feedback": "Feedback for staff alone.",
    "attentivenessScore": 61.25,
    "scorecard": {
        "recommendation": "strong_no",
        "criteria": [{"name": "Judged in private", "score": 1, "comment": "A private comment."}],
    },
}
CANDIDATE_SEES = {
    "id",
    "status",
    "candidate",
    "interviewer",
    "codingTask",
    "schedule",
    "meetingRoomId",
    "startedAt",
    "endedAt",
    "cancelledAt",
    "cancelReason",
    "createdAt",
    "updatedAt",
}
STAFF_SEES = CANDIDATE_SEES | {
    "lot",
    "createdBy",
    "feedback",
    "attentivenessScore",
    "scorecard",
}


def held(company: Company, candidate: Person, interviewer: Person) -> dict[str, Any]:
    """Return an interview that is over, with everything in it that one can hold."""
    task, lot = make_task(company), make_lot(company, "A private lot")
    interview = book(company, candidate, interviewer, codingTaskId=task["id"], lotId=lot["id"])
    path = f"/api/interviews/{interview['id']}"
    assert interviewer.post(f"{path}/start").status_code == 200
    ended = interviewer.post(f"{path}/end", OUTCOME)
    assert ended.status_code == 200
    return {**ended.json["interview"], "task": task}


def told(answer: Any) -> tuple[int, dict[str, Any]]:
    """Return the status and the body of an error, but for the request's own id."""
    return answer.status_code, {**answer.json, "requestId": None}


def test_a_candidate_sees_neither_outcome_nor_hidden_tests(company: Company) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    interview = held(company, candidate, interviewer)
    answers = [
        candidate.get(f"/api/interviews/{interview['id']}"),
        candidate.get("/api/interviews"),
        candidate.get("/api/candidates/interviews"),
        candidate.get("/api/candidates/me"),
    ]
    for answer in answers:
        assert answer.status_code == 200
        for secret in (
            *("Feedback for staff", "61.25", "strong_no", "in private", "private comment"),
            *("secret", "5 6", "A private lot", company.admin.id),
        ):
            assert secret not in answer.text
    seen = answers[0].json["interview"]
    assert seen.keys() == CANDIDATE_SEES
    task = interview["task"]
    assert seen["codingTask"] == {
        "id": task["id"],
        "title": task["title"],
        "description": task["description"],
        "starterCode": task["starterCode"],
        "language": task["language"],
        "difficulty": task["difficulty"],
        "tests": [task["tests"][0]],
    }
    for listed in answers[1:3]:
        assert [each.keys() for each in listed.json["interviews"]] == [CANDIDATE_SEES]
        assert listed.json["interviews"][0]["codingTask"].keys() == {"id", "title", "difficulty"}


def test_its_interviewer_and_admins_see_all_of_it(company: Company) -> None:
    interviewer = company.staff()
    interview = held(company, company.candidate(), interviewer)
    for person in (interviewer, company.admin):
        seen = person.get(f"/api/interviews/{interview['id']}").json["interview"]
        assert seen.keys() == STAFF_SEES
        assert seen["codingTask"] == interview["task"]
        assert {field: seen[field] for field in OUTCOME} == {
            **OUTCOME,
            "attentivenessScore": 61.25,
        }
        assert seen["createdBy"] == company.admin.id


def test_a_strangers_interview_is_like_one_that_does_not_exist(
    company: Company, subtests: pytest.Subtests
) -> None:
    interview = book(company, company.candidate(), company.staff())
    other_candidate, other_interviewer = company.candidate(), company.staff()
    book(company, other_candidate, other_interviewer)
    for person, method, path in (
        (other_candidate, "GET", ""),
        (other_interviewer, "GET", ""),
        (other_interviewer, "GET", "/logs"),
        (other_interviewer, "POST", "/start"),
        (other_interviewer, "POST", "/end"),
    ):
        with subtests.test(role=person.role, call=f"{method} {path}"):
            strange = person.call(method, f"/api/interviews/{interview['id']}{path}")
            missing = person.call(method, f"/api/interviews/{NOBODY}{path}")
            assert strange.status_code == 404
            assert told(strange) == told(missing)
    read = company.admin.get(f"/api/interviews/{interview['id']}").json["interview"]
    assert read["status"] == "scheduled"


def test_a_candidate_neither_holds_an_interview_nor_reads_its_log(company: Company) -> None:
    candidate = company.candidate()
    interview = book(company, candidate, company.staff())
    path = f"/api/interviews/{interview['id']}"
    for answer in (
        candidate.post(f"{path}/start"),
        candidate.post(f"{path}/end", {"feedback": "Excellent."}),
        candidate.get(f"{path}/logs"),
    ):
        assert answer.status_code == 403


def test_only_admins_schedule(company: Company) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    interview = book(company, candidate, interviewer)
    path = f"/api/admin/interviews/{interview['id']}"
    for person in (candidate, interviewer):
        for answer in (
            person.get("/api/admin/interviews"),
            person.post("/api/admin/interviews", {}),
            person.patch(path, {"interviewerId": interviewer.id}),
            person.post(f"{path}/cancel"),
        ):
            assert answer.status_code == 403
    assert interviewer.get("/api/candidates/interviews").status_code == 403
    assert company.anyone.get("/api/interviews").status_code == 401


def test_an_admin_can_interview(company: Company) -> None:
    admin = company.staff("admin")
    interview = book(company, company.candidate(), admin)
    path = f"/api/interviews/{interview['id']}"
    assert admin.post(f"{path}/start").status_code == 200
    assert company.admin.post(f"{path}/end").status_code == 200
