"""The life cycle: one guarded transition each, whoever acts at once."""

from __future__ import annotations

from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from interview_platform.core.mongo import Document
from tests.crowd import Call, all_at_once
from tests.interviews import NOBODY, book, make_lot, slot
from tests.service import Company, Person

ACTIONS: dict[str, tuple[str, str, Any]] = {
    "start": ("POST", "/api/interviews/{}/start", None),
    "end": ("POST", "/api/interviews/{}/end", {}),
    "cancel": ("POST", "/api/admin/interviews/{}/cancel", None),
    "change": ("PATCH", "/api/admin/interviews/{}", {"schedule": slot(30)}),
}
# How an interview gets into each state.
WAYS = {
    "scheduled": [],
    "live": ["start"],
    "completed": ["start", "end"],
    "cancelled": ["cancel"],
}
# The state that each action leads to, where it is allowed at all.
LEADS = {
    ("scheduled", "start"): "live",
    ("scheduled", "cancel"): "cancelled",
    ("scheduled", "change"): "scheduled",
    ("live", "end"): "completed",
}
SCORECARD = {
    "recommendation": "strong_yes",
    "criteria": [
        {"name": "Problem solving", "score": 5, "comment": "Quick."},
        {"name": "Communication", "score": 3},
    ],
}


def judged(*criteria: Any) -> dict[str, Any]:
    return {"recommendation": "yes", "criteria": [*criteria]}


OUT_OF_BOUNDS: list[tuple[str, Any]] = [
    ("feedback", "x" * 20_001),
    ("attentivenessScore", -0.1),
    ("attentivenessScore", 100.5),
    ("attentivenessScore", "87"),
    ("attentivenessScore", True),
    ("scorecard", {"criteria": []}),
    ("scorecard", {"recommendation": "maybe"}),
    ("scorecard", judged({"name": "a", "score": 6})),
    ("scorecard", judged({"name": "a", "score": 0})),
    ("scorecard", judged({"name": "a", "score": 2.5})),
    ("scorecard", judged({"name": "a"})),
    ("scorecard", judged({"name": "a", "score": 1}, {"name": "A ", "score": 2})),
    ("scorecard", judged(*({"name": f"c{number}", "score": 1} for number in range(51)))),
    ("status", "completed"),
    ("endedAt", "2026-01-01T00:00:00.000Z"),
]


def act(person: Person, action: str, interview_id: str) -> Any:
    method, path, body = ACTIONS[action]
    return person.call(method, path.format(interview_id), body)


def lot_status(company: Company, candidate: Person) -> str:
    answer = company.admin.get(f"/api/admin/candidates/{candidate.id}")
    assert answer.status_code == 200, answer.text
    status: str = answer.json["candidate"]["profile"]["lotStatus"]
    return status


def test_every_state_takes_its_own_actions_alone(
    company: Company, subtests: pytest.Subtests
) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    table = [(state, action) for state in WAYS for action in ACTIONS]
    for place, (state, action) in enumerate(table):
        # What is changed moves to where nothing else is.
        interview = book(company, candidate, interviewer, place)
        path = f"/api/interviews/{interview['id']}"
        for step in WAYS[state]:
            assert act(company.admin, step, interview["id"]).status_code == 200
        before = company.admin.get(path).json

        answer = act(company.admin, action, interview["id"])

        after = company.admin.get(path).json
        with subtests.test(state=state, action=action):
            if (state, action) in LEADS:
                assert answer.status_code == 200, answer.text
                assert answer.json["interview"]["status"] == LEADS[state, action]
                assert after["interview"]["status"] == LEADS[state, action]
            else:
                assert answer.status_code == 409
                assert after == before


def test_nothing_can_be_done_to_an_interview_that_does_not_exist(company: Company) -> None:
    for action in ACTIONS:
        assert act(company.admin, action, NOBODY).status_code == 404


def test_an_interview_is_held_by_its_interviewer(company: Company) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    interview = book(company, candidate, interviewer)
    path = f"/api/interviews/{interview['id']}"

    started = interviewer.post(f"{path}/start")
    assert started.status_code == 200
    assert started.json["interview"]["status"] == "live"
    assert started.json["interview"]["startedAt"]
    assert started.json["interview"]["endedAt"] is None

    outcome = {"feedback": " Calm and clear. ", "attentivenessScore": 87.5, "scorecard": SCORECARD}
    ended = interviewer.post(f"{path}/end", outcome)
    assert ended.status_code == 200, ended.text
    kept = ended.json["interview"]
    assert kept["status"] == "completed"
    assert kept["startedAt"] == started.json["interview"]["startedAt"]
    assert kept["endedAt"] >= kept["startedAt"]
    assert kept["feedback"] == "Calm and clear."
    assert kept["attentivenessScore"] == 87.5
    assert kept["scorecard"] == SCORECARD
    read = company.admin.get(path).json["interview"]
    assert read == kept


def test_an_interview_may_end_without_an_outcome(company: Company) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    for hour, body in enumerate((None, {}, {"feedback": None, "attentivenessScore": None})):
        interview = book(company, candidate, interviewer, hour)
        path = f"/api/interviews/{interview['id']}"
        company.admin.post(f"{path}/start")
        ended = company.admin.post(f"{path}/end", body)
        assert ended.status_code == 200
        for field in ("feedback", "attentivenessScore", "scorecard"):
            assert ended.json["interview"][field] is None


def test_an_outcome_out_of_bounds_is_refused_and_the_interview_goes_on(
    company: Company, subtests: pytest.Subtests
) -> None:
    interview = book(company, company.candidate(), company.staff())
    path = f"/api/interviews/{interview['id']}"
    company.admin.post(f"{path}/start")
    for field, value in OUT_OF_BOUNDS:
        with subtests.test(field=field, value=str(value)[:50]):
            answer = company.admin.post(f"{path}/end", {field: value})
            assert answer.status_code == 422
            assert list(answer.json["errors"]["json"]) == [field]
    assert company.admin.get(path).json["interview"]["status"] == "live"


def test_of_many_who_act_at_once_one_succeeds(company: Company) -> None:
    interview = book(company, company.candidate(), company.staff())
    for action in ("start", "end"):
        method, path, body = ACTIONS[action]
        call = Call(company.admin, method, path.format(interview["id"]), body)
        answers = all_at_once(company.app, [call] * 8)
        assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7


def test_either_it_is_started_or_it_is_cancelled(company: Company) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    for hour in range(4):
        interview = book(company, candidate, interviewer, hour)
        calls = []
        for action in ("start", "cancel"):
            method, path, body = ACTIONS[action]
            calls.append(Call(company.admin, method, path.format(interview["id"]), body))
        answers = all_at_once(company.app, calls)
        assert sorted(answer.status_code for answer in answers) == [200, 409]


def test_the_log_tells_the_steps_in_order(company: Company) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    interview = book(company, candidate, interviewer)
    path = f"/api/interviews/{interview['id']}"
    act(company.admin, "change", interview["id"])
    interviewer.post(f"{path}/start")
    interviewer.post(f"{path}/end", {"feedback": "Not for the log."})

    answer = interviewer.get(f"{path}/logs", order="asc")
    assert answer.status_code == 200
    logs = answer.json["logs"]
    assert [entry["seq"] for entry in logs] == [1, 2, 3, 4]
    assert {entry["type"] for entry in logs} == {"system"}
    assert [entry["data"]["event"] for entry in logs] == [
        "interview.scheduled",
        "interview.changed",
        "interview.started",
        "interview.ended",
    ]
    assert [entry["actor"]["userId"] for entry in logs] == [
        *[company.admin.id] * 2,
        *[interviewer.id] * 2,
    ]
    assert logs[1]["data"]["schedule"] == slot(30)
    assert "Not for the log" not in answer.text
    newest_first = company.admin.get(f"{path}/logs").json
    assert newest_first == {"logs": logs[::-1], "next": None}


def test_the_log_is_paged_and_narrowed_by_type(company: Company) -> None:
    interview = book(company, company.candidate(), company.staff())
    path = f"/api/interviews/{interview['id']}/logs"
    for minute in range(1, 5):
        company.admin.patch(
            f"/api/admin/interviews/{interview['id']}", {"schedule": slot(minute / 60)}
        )
    first = company.admin.get(path, limit=3, order="asc").json
    rest = company.admin.get(path, limit=3, order="asc", after=first["next"]).json
    assert [entry["seq"] for entry in first["logs"] + rest["logs"]] == [1, 2, 3, 4, 5]
    assert rest["next"] is None
    assert len(company.admin.get(path, type="system").json["logs"]) == 5
    assert company.admin.get(path, type="chat").json == {"logs": [], "next": None}
    for wrong in ({"type": "gossip"}, {"order": "up"}, {"after": "rubbish"}):
        assert company.admin.get(path, **wrong).status_code == 422


def test_a_candidate_goes_from_unassigned_over_pending_to_interviewed(company: Company) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    assert lot_status(company, candidate) == "unassigned"
    interview = book(company, candidate, interviewer)
    assert lot_status(company, candidate) == "pending"
    again = book(company, candidate, interviewer, 3)
    assert lot_status(company, candidate) == "pending"
    for each in (interview, again):
        for action in ("start", "end"):
            assert act(interviewer, action, each["id"]).status_code == 200
        assert lot_status(company, candidate) == "interviewed"


def test_a_candidate_whose_interview_is_cancelled_can_be_chosen_again(company: Company) -> None:
    ada, bob, interviewer = company.candidate(), company.candidate(), company.staff()
    path = f"/api/admin/lots/{make_lot(company)['id']}"
    company.admin.post(f"{path}/candidates", {"candidateIds": [bob.id]})
    for candidate, before in ((ada, "unassigned"), (bob, "shortlisted")):
        assert lot_status(company, candidate) == before
        first, live, last = (book(company, candidate, interviewer, hour) for hour in range(3))
        act(company.admin, "start", live["id"])
        for interview in (first, last):
            assert act(company.admin, "cancel", interview["id"]).status_code == 200
            assert lot_status(company, candidate) == "pending"
        act(company.admin, "end", live["id"])
        company.admin.patch(f"/api/admin/candidates/{candidate.id}", {"lotStatus": before})

        for interview in [book(company, candidate, interviewer, hour) for hour in range(2)]:
            assert lot_status(company, candidate) == "pending"
            assert act(company.admin, "cancel", interview["id"]).status_code == 200
        assert lot_status(company, candidate) == before
    drawn = company.admin.post(f"{path}/draw", {"size": 2, "method": "random"})
    assert [one["id"] for one in drawn.json["draw"]["selected"]] == [ada.id]


def test_a_candidate_whose_interviews_are_cancelled_at_once_can_be_chosen_again(
    company: Company,
) -> None:
    candidate = company.candidate()
    interviews = [book(company, candidate, company.staff(), hour) for hour in range(4)]
    method, path, body = ACTIONS["cancel"]
    answers = all_at_once(
        company.app,
        [Call(company.admin, method, path.format(each["id"]), body) for each in interviews],
    )
    assert [answer.status_code for answer in answers] == [200] * len(interviews)
    assert lot_status(company, candidate) == "unassigned"


def test_a_decision_about_a_candidate_stands_when_an_interview_is_cancelled(
    company: Company,
) -> None:
    candidate = company.candidate()
    interview = book(company, candidate, company.staff())
    company.admin.patch(f"/api/admin/candidates/{candidate.id}", {"lotStatus": "rejected"})
    assert act(company.admin, "cancel", interview["id"]).status_code == 200
    assert lot_status(company, candidate) == "rejected"


def test_a_decision_about_a_candidate_stands_when_the_interview_ends(company: Company) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    interview = book(company, candidate, interviewer)
    act(interviewer, "start", interview["id"])
    changed = company.admin.patch(
        f"/api/admin/candidates/{candidate.id}", {"lotStatus": "rejected"}
    )
    assert changed.status_code == 200, changed.text
    assert act(interviewer, "end", interview["id"]).status_code == 200
    assert lot_status(company, candidate) == "rejected"


def test_what_is_done_is_audited(company: Company, database: Database[Document]) -> None:
    interviewer = company.staff()
    interview = book(company, company.candidate(), interviewer)
    act(interviewer, "start", interview["id"])
    act(interviewer, "end", interview["id"])
    entries = database["auditentries"].find({"subject": ObjectId(interview["id"])}).sort("_id")
    assert [(entry["action"], str(entry["actor"])) for entry in entries] == [
        ("interview.scheduled", company.admin.id),
        ("interview.started", interviewer.id),
        ("interview.ended", interviewer.id),
    ]
