"""Statements 1 to 4: the matrix of role by ownership, over every route and socket event."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from interview_platform.auth.policy import RULES
from interview_platform.realtime.rooms import NAMESPACE
from tests.live import SocketPerson
from tests.meeting import Meeting
from tests.security.matrix import EVENTS, IN, NO, NONE, ROUTES, WHO, Row
from tests.service import PASSWORD, Company, Person

UNKNOWN = "65f0c0ffee65f0c0ffee65f0"
PEOPLE = tuple(Row.__dataclass_fields__)


def routes(app: Flask) -> Iterator[str]:
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield f"{method} {rule.rule}"


class Cast:
    """One of each person of a matrix's row, and one of each thing that a path names."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.meeting = Meeting(company, live=False)
        lot = company.admin.post("/api/admin/lots", {"name": "A lot"}).json["lot"]
        task = company.admin.post(
            "/api/admin/coding-tasks",
            {"title": "Sort", "language": "python", "difficulty": "easy"},
        ).json["codingTask"]
        self.ids = {
            "<id:user_id>": self.meeting.interviewer.id,
            "<id:candidate_id>": self.meeting.candidate.id,
            "<id:lot_id>": lot["id"],
            "<id:task_id>": task["id"],
            "<id:interview_id>": self.meeting.id,
            "<path:path>": "swagger-ui.css",
        }
        self.people = {
            "anonymous": company.anyone,
            "admin": company.admin,
            "interviewer": self.meeting.interviewer,
            "other_interviewer": company.staff(),
            "candidate": self.meeting.candidate,
            "other_candidate": company.candidate(),
        }

    def path(self, rule: str) -> str:
        for name, value in self.ids.items():
            rule = rule.replace(name, value)
        return rule


def test_1_every_route_is_in_the_matrix(app: Flask) -> None:
    assert sorted(set(routes(app)) ^ ROUTES.keys()) == []


def test_1_every_socket_event_is_in_the_matrix(app: Flask) -> None:
    ruled = {name.removeprefix("socket.") for name in RULES if name.startswith("socket.")}
    handled = app.extensions["socketio"].server.namespace_handlers[NAMESPACE].events
    assert ruled == EVENTS.keys() == handled


@pytest.mark.parametrize("route", ROUTES)
def test_1_each_route_lets_in_whom_the_matrix_says(company: Company, route: str) -> None:
    cast = Cast(company)
    method, rule = route.split(" ", 1)
    for who, person in cast.people.items():
        expected = getattr(ROUTES[route], who)
        answer = person.call(
            method, cast.path(rule), {} if method not in ("GET", "DELETE") else None
        )
        told = f"{who}: {answer.status_code} {answer.text[:200]}"
        if expected is not IN:
            assert answer.status_code == expected.value, told
        elif method == "DELETE":
            assert answer.status_code in (204, 404, 409), told
        else:
            assert answer.status_code not in (WHO.value, NO.value, NONE.value), told


@pytest.mark.parametrize(
    "route", [route for route, row in ROUTES.items() if "<id:" in route and row.admin is IN]
)
def test_2_a_stranger_s_id_answers_like_one_that_does_not_exist(
    company: Company, route: str
) -> None:
    cast = Cast(company)
    method, rule = route.split(" ", 1)
    body: dict[str, object] | None = None if method in ("GET", "DELETE") else {}
    nowhere = rule
    for name in cast.ids:
        nowhere = nowhere.replace(name, UNKNOWN)
    for who, person in cast.people.items():
        if getattr(ROUTES[route], who) is not NONE:
            continue
        real = person.call(method, cast.path(rule), body, headers={"X-Request-Id": "same"})
        none = person.call(method, nowhere, body, headers={"X-Request-Id": "same"})
        assert (real.status_code, real.data) == (none.status_code, none.data), who
        assert real.status_code == 404


@pytest.mark.parametrize("event", EVENTS)
def test_1_each_socket_event_is_taken_from_whom_the_matrix_says(
    company: Company, connect: Any, event: str
) -> None:
    meeting = Meeting(company)
    people = {
        "admin": company.admin,
        "interviewer": meeting.interviewer,
        "other_interviewer": company.staff(),
        "candidate": meeting.candidate,
        "other_candidate": company.candidate(),
    }
    here = {"interviewId": meeting.id}
    run = {"stdout": "", "stderr": "", "exitCode": 0, "durationMs": 1}
    payloads: dict[str, dict[str, Any]] = {
        "signal": {**here, "payload": 1},
        "codeUpdate": {**here, "codeSnapshot": "x"},
        "chatMessage": {**here, "message": "x"},
        "eyeTracking": {**here, "metrics": {}},
        "consent": {**here, "gaze": True, "recording": False},
        "awareness": {**here, "state": {}},
        "language": {**here, "language": "python"},
        "codeRun": {**here, "language": "python", **run},
        "bookmark": {**here, "label": "x"},
        "mediaState": {**here, "camera": True},
        "watchDashboard": {},
    }
    agreed = connect(meeting.candidate)
    assert agreed.join(meeting.id, consent={"gaze": True, "recording": False})["ok"]
    for who, person in people.items():
        socket: SocketPerson = connect(person)
        joined = socket.join(meeting.id)
        expected = getattr(EVENTS[event], who)
        if event == "joinRoom":
            answer = joined
        else:
            if event == "remove":
                agreed.join(meeting.id)
                payloads["remove"] = {**here, "socketId": agreed.id}
            payloads["renew"] = {"token": person.token}
            answer = socket.call(event, payloads.get(event, here))
        if expected is IN:
            assert answer["ok"], who
        else:
            # Strangers could not join, and are told no more than that.
            assert answer["error"]["code"] in ("forbidden", "not_found"), who


@pytest.mark.parametrize(
    ("route", "field", "value"),
    [
        ("POST /api/admin/candidates", "role", "admin"),
        ("POST /api/admin/candidates", "status", "active"),
        ("POST /api/admin/candidates", "passwordHash", "x"),
        ("POST /api/admin/candidates", "lotStatus", "hired"),
        ("PUT /api/candidates/me", "role", "admin"),
        ("PUT /api/candidates/me", "notes", "x"),
        ("PUT /api/candidates/me", "lotStatus", "hired"),
        ("PUT /api/candidates/me", "user", UNKNOWN),
        ("PATCH /api/admin/candidates/<id:candidate_id>", "role", "admin"),
        ("PATCH /api/admin/candidates/<id:candidate_id>", "email", "x@example.com"),
        ("PATCH /api/admin/candidates/<id:candidate_id>", "user", UNKNOWN),
        ("PATCH /api/admin/users/<id:user_id>", "passwordHash", "x"),
        ("PATCH /api/admin/users/<id:user_id>", "status", "invited"),
        ("POST /api/admin/users", "status", "active"),
        ("PATCH /api/admin/lots/<id:lot_id>", "candidates", [UNKNOWN]),
        ("PATCH /api/admin/lots/<id:lot_id>", "createdBy", UNKNOWN),
        ("POST /api/admin/interviews", "status", "completed"),
        ("PATCH /api/admin/interviews/<id:interview_id>", "status", "completed"),
        ("PATCH /api/admin/interviews/<id:interview_id>", "candidateId", UNKNOWN),
        ("PATCH /api/admin/interviews/<id:interview_id>", "feedback", "x"),
        ("POST /api/interviews/<id:interview_id>/end", "status", "scheduled"),
        ("POST /api/auth/register-admin", "role", "admin"),
    ],
)
def test_3_fields_are_set_only_by_the_calls_made_for_them(
    company: Company, route: str, field: str, value: object
) -> None:
    cast = Cast(company)
    method, rule = route.split(" ", 1)
    person = cast.people["candidate"] if "/candidates/me" in rule else company.admin
    answer = person.call(method, cast.path(rule), {field: value})
    assert answer.status_code == 422
    assert field in answer.json["errors"]["json"]


def test_4_a_candidate_sees_no_more_than_is_theirs(company: Company) -> None:
    task = company.admin.post(
        "/api/admin/coding-tasks",
        {
            "title": "Sort",
            "language": "python",
            "difficulty": "easy",
            "tests": [
                {"name": "shown", "stdin": "1", "expected": "1", "hidden": False},
                {"name": "kept", "stdin": "2", "expected": "2", "hidden": True},
            ],
        },
    ).json["codingTask"]
    meeting = Meeting(company)
    other = Meeting(company, live=False)
    path = f"/api/admin/interviews/{other.id}"
    answer = company.admin.patch(path, {"codingTaskId": task["id"]})
    assert answer.status_code == 200
    candidate = f"/api/admin/candidates/{other.candidate.id}"
    company.admin.patch(candidate, {"notes": "a private remark"})
    other.start()
    other.end(feedback="a secret opinion", attentivenessScore=12.5)
    for path in (
        "/api/candidates/me",
        "/api/candidates/interviews",
        "/api/interviews",
        f"/api/interviews/{other.id}",
    ):
        text = other.candidate.get(path).text
        for secret in ("private remark", "secret opinion", "12.5", "kept", "createdBy", "notes"):
            assert secret not in text, path
        assert meeting.candidate.email not in text
    assert "shown" in other.candidate.get(f"/api/interviews/{other.id}").text


def test_no_hash_leaves_the_service(company: Company) -> None:
    """Each `Person.call` of every test looks for one; here every listing is read once more."""
    Cast(company)
    person = Person(company.app.test_client(), email=company.admin.email).log_in(PASSWORD)
    for route, row in ROUTES.items():
        method, path = route.split(" ", 1)
        if method == "GET" and row.admin is IN and "<" not in path:
            assert person.get(path).status_code in (200, 503), path
