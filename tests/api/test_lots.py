"""Lots: made, changed, filled and emptied by hand."""

from __future__ import annotations

from typing import Any

import pytest
from bson import ObjectId
from flask import Flask
from pymongo.database import Database

from interview_platform.core.mongo import Document, sync_schema
from interview_platform.wiring import Services
from tests.crowd import Call, all_at_once
from tests.interviews import NOBODY, make_lot
from tests.queries import recorded, stages
from tests.service import Company

PATH = "/api/admin/lots"
CRITERIA = {"experienceMin": 3, "experienceMax": 10, "skills": ["Python"], "tags": ["backend"]}


def lot_status(company: Company, candidate_id: str) -> str:
    answer = company.admin.get(f"/api/admin/candidates/{candidate_id}")
    return str(answer.json["candidate"]["profile"]["lotStatus"])


def members(company: Company, lot: dict[str, Any]) -> list[str]:
    """Return the ids of the profiles in a lot."""
    answer = company.admin.get(f"{PATH}/{lot['id']}")
    assert answer.json["lot"]["candidateCount"] == len(answer.json["lot"]["candidates"])
    return list(answer.json["lot"]["candidates"])


def test_a_lot_comes_back_as_it_was_made(company: Company) -> None:
    body = {"name": "Backend", "description": "Two posts.", "criteria": CRITERIA}
    answer = company.admin.post(PATH, body)
    assert answer.status_code == 201, answer.text
    lot = answer.json["lot"]
    assert lot == {
        **body,
        "id": lot["id"],
        "status": "active",
        "candidates": [],
        "candidateCount": 0,
        "createdBy": company.admin.id,
        "createdAt": lot["createdAt"],
        "updatedAt": lot["updatedAt"],
    }
    read = company.admin.get(f"{PATH}/{lot['id']}")
    assert (read.status_code, read.json) == (200, {"lot": lot})


def test_an_update_changes_what_it_names_alone(company: Company) -> None:
    lot = make_lot(company)
    changes = {"name": "Frontend", "status": "draft", "criteria": {"tags": ["remote"]}}
    answer = company.admin.patch(f"{PATH}/{lot['id']}", changes)
    assert answer.status_code == 200
    updated = answer.json["lot"]
    assert updated == {**lot, **changes, "updatedAt": updated["updatedAt"]}
    assert company.admin.patch(f"{PATH}/{NOBODY}", changes).status_code == 404


def test_what_cannot_be_taken_is_refused(company: Company) -> None:
    lot = make_lot(company)
    refused: list[tuple[str, Any]] = [
        ("name", ""),
        ("name", "x" * 201),
        ("name", "\u200b\u202e"),
        ("name", "=cmd()"),
        ("name", "\u200b=cmd()"),
        ("description", "x" * 2_001),
        ("description", "@cmd"),
        ("status", "lost"),
        ("candidates", [NOBODY]),
        ("createdBy", NOBODY),
        ("_id", NOBODY),
        ("$set", {"name": "x"}),
        ("criteria", None),
        ("criteria", {"experienceMin": -1}),
        ("criteria", {"experienceMin": "3"}),
        ("criteria", {"experienceMin": 5, "experienceMax": 4}),
        ("criteria", {"skills": ["x"] * 2 + [{"$ne": 1}]}),
        ("criteria", {"tags": [f"tag {number}" for number in range(51)]}),
        ("criteria", {"age": 30}),
    ]
    for field, value in refused:
        answer = company.admin.patch(f"{PATH}/{lot['id']}", {field: value})
        assert answer.status_code == 422, (field, value)
        assert list(answer.json["errors"]["json"]) == [field]
        if field != "status":
            made = company.admin.post(PATH, {"name": "New", field: value})
            assert made.status_code == 422, (field, value)
    assert company.admin.post(PATH, {"name": "New", "status": "draft"}).status_code == 422
    assert company.admin.post(PATH, {}).status_code == 422
    assert company.admin.get(f"{PATH}/{lot['id']}").json["lot"] == lot


def test_the_list_is_paged_newest_first_and_counts_candidates(
    company: Company, database: Database[Document]
) -> None:
    lots = [make_lot(company, f"Lot {number}") for number in range(5)]
    candidate = company.candidate()
    company.admin.post(f"{PATH}/{lots[0]['id']}/candidates", {"candidateIds": [candidate.id]})
    company.admin.patch(f"{PATH}/{lots[2]['id']}", {"status": "archived"})

    def listed(**query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            with recorded(database) as commands:
                answer = company.admin.get(PATH, limit=2, **query)
            assert answer.status_code == 200, answer.text
            asked = [command for command in commands if command.get("find") == "lots"]
            assert len(asked) == 1
            found += answer.json["lots"]
            if answer.json["next"] is None:
                return found
            query["after"] = answer.json["next"]

    everything = listed()
    assert [lot["name"] for lot in everything] == [f"Lot {number}" for number in (4, 3, 2, 1, 0)]
    assert [lot["candidateCount"] for lot in everything] == [0, 0, 0, 0, 1]
    assert not any("candidates" in lot for lot in everything)
    assert [lot["name"] for lot in listed(status="archived")] == ["Lot 2"]
    assert len(listed(status="active")) == 4
    assert company.admin.get(PATH, status="lost").status_code == 422


@pytest.mark.parametrize("query", [{}, {"status": "active"}])
def test_the_list_is_found_by_index(
    company: Company, database: Database[Document], query: dict[str, str]
) -> None:
    make_lot(company)
    with recorded(database) as commands:
        company.admin.get(PATH, **query)
    asked = next(command for command in commands if command.get("find") == "lots")
    assert "COLLSCAN" not in stages(database, asked)


def test_what_is_changed_is_looked_up_by_index(
    company: Company, database: Database[Document]
) -> None:
    candidate = company.candidate()
    with recorded(database) as commands:
        path = f"{PATH}/{make_lot(company)['id']}"
        company.admin.patch(path, {"name": "Other"})
        company.admin.post(f"{path}/draw", {"size": 1, "method": "random"})
        company.admin.post(f"{path}/candidates", {"candidateIds": [candidate.id]})
        company.admin.patch(f"/api/admin/candidates/{candidate.id}", {"lotStatus": "hired"})
        company.admin.delete(f"{path}/candidates/{candidate.id}")
    assert len([command for command in commands if command.get("update") == "lots"]) == 4
    # The embedded store reads the whole collection for those.
    assert not [command for command in commands if "findAndModify" in command]


def test_candidates_are_added_by_either_id_once_and_shortlisted(company: Company) -> None:
    lot = make_lot(company)
    ada, bob = company.candidate(), company.candidate()
    path = f"{PATH}/{lot['id']}/candidates"
    for ids in ([ada.id, bob.profile_id], [ada.profile_id, ada.id, bob.id], [ada.id]):
        answer = company.admin.post(path, {"candidateIds": ids})
        assert answer.status_code == 200, answer.text
        assert answer.json["lot"]["candidates"] == [ada.profile_id, bob.profile_id]
    assert members(company, lot) == [ada.profile_id, bob.profile_id]
    for candidate in (ada, bob):
        answer = company.admin.get(f"/api/admin/candidates/{candidate.id}")
        profile = answer.json["candidate"]["profile"]
        assert profile["lotStatus"] == "shortlisted"
        history = profile["lotStatusHistory"]
        assert [entry["status"] for entry in history] == ["unassigned", "shortlisted"]
        assert (history[1]["lot"], history[1]["by"]) == (lot["id"], company.admin.id)


def test_an_unknown_id_is_named_and_nothing_is_changed(company: Company) -> None:
    lot = make_lot(company)
    candidate, staff = company.candidate(), company.staff()
    ids = [candidate.id, NOBODY, staff.id]
    answer = company.admin.post(f"{PATH}/{lot['id']}/candidates", {"candidateIds": ids})
    assert answer.status_code == 422
    told = answer.json["errors"]["json"]["candidateIds"]
    assert told == [f"No such candidate: {NOBODY}.", f"No such candidate: {staff.id}."]
    assert company.admin.get(f"{PATH}/{lot['id']}").json["lot"] == lot
    assert lot_status(company, candidate.id) == "unassigned"


def test_ids_that_cannot_be_taken_are_refused(company: Company) -> None:
    path = f"{PATH}/{make_lot(company)['id']}/candidates"
    refused: list[Any] = [[], None, "x", ["x"], [{"$ne": None}], [NOBODY] * 1_001]
    for ids in refused:
        assert company.admin.post(path, {"candidateIds": ids}).status_code == 422, ids
    assert company.admin.post(path, {}).status_code == 422
    candidate = company.candidate()
    nowhere = f"{PATH}/{NOBODY}/candidates"
    assert company.admin.post(nowhere, {"candidateIds": [candidate.id]}).status_code == 404
    assert lot_status(company, candidate.id) == "unassigned"


def test_a_deactivated_candidate_is_named_and_nothing_is_changed(company: Company) -> None:
    lot = make_lot(company)
    ada, gone = company.candidate(), company.candidate()
    account = f"/api/admin/candidates/{gone.id}"
    assert company.admin.patch(account, {"status": "inactive"}).status_code == 200
    path = f"{PATH}/{lot['id']}/candidates"
    for gone_id in (gone.id, gone.profile_id):
        answer = company.admin.post(path, {"candidateIds": [ada.id, gone_id, NOBODY]})
        assert answer.status_code == 422
        told = answer.json["errors"]["json"]["candidateIds"]
        assert told == [f"No such candidate: {NOBODY}.", f"The account is deactivated: {gone_id}."]
    assert members(company, lot) == []
    assert lot_status(company, ada.id) == "unassigned"
    company.admin.patch(account, {"status": "active"})
    assert company.admin.post(path, {"candidateIds": [gone.id]}).status_code == 200


def test_an_archived_lot_takes_nobody(company: Company) -> None:
    lot = make_lot(company)
    ada, bob = company.candidate(), company.candidate()
    path = f"{PATH}/{lot['id']}/candidates"
    company.admin.post(path, {"candidateIds": [ada.id]})
    company.admin.patch(f"{PATH}/{lot['id']}", {"status": "archived"})
    assert company.admin.post(path, {"candidateIds": [bob.id]}).status_code == 409
    assert members(company, lot) == [ada.profile_id]
    assert lot_status(company, bob.id) == "unassigned"


def test_of_an_archived_lot_nothing_but_the_state_is_changed(company: Company) -> None:
    lot = make_lot(company)
    candidate = company.candidate()
    path = f"{PATH}/{lot['id']}"
    company.admin.post(f"{path}/candidates", {"candidateIds": [candidate.id]})
    assert company.admin.patch(path, {"status": "archived"}).status_code == 200
    archived = company.admin.get(path).json
    changes: list[dict[str, Any]] = [
        {"name": "Other"},
        {"description": "Other."},
        {"criteria": {}},
        {"name": "Other", "status": "active"},
    ]
    for change in changes:
        answer = company.admin.patch(path, change)
        assert answer.status_code == 409, change
        assert answer.json["message"] == "The lot is archived"
    assert company.admin.delete(f"{path}/candidates/{candidate.id}").status_code == 409
    assert company.admin.get(path).json == archived
    assert lot_status(company, candidate.id) == "shortlisted"

    assert company.admin.patch(path, {"status": "active"}).status_code == 200
    assert company.admin.patch(path, {"name": "Other"}).json["lot"]["name"] == "Other"
    assert company.admin.delete(f"{path}/candidates/{candidate.id}").status_code == 204


def test_a_full_lot_takes_nobody_more(company: Company, database: Database[Document]) -> None:
    lot = make_lot(company)
    ada, bob = company.candidate(), company.candidate()
    others = [ObjectId() for _ in range(4_999)]
    database["lots"].update_one({}, {"$set": {"candidates": others}})
    path = f"{PATH}/{lot['id']}/candidates"
    assert company.admin.post(path, {"candidateIds": [ada.id, bob.id]}).status_code == 409
    assert lot_status(company, ada.id) == "unassigned"
    assert company.admin.post(path, {"candidateIds": [ada.id]}).status_code == 200
    assert company.admin.post(path, {"candidateIds": [bob.id]}).status_code == 409
    assert company.admin.post(path, {"candidateIds": [ada.id]}).status_code == 200


def test_one_whose_interview_is_ahead_stays_pending(company: Company) -> None:
    lot = make_lot(company)
    ada, bob = company.candidate(), company.candidate()
    company.admin.patch(f"/api/admin/candidates/{ada.id}", {"lotStatus": "pending"})
    company.admin.patch(f"/api/admin/candidates/{bob.id}", {"lotStatus": "rejected"})
    company.admin.post(f"{PATH}/{lot['id']}/candidates", {"candidateIds": [ada.id, bob.id]})
    assert members(company, lot) == [ada.profile_id, bob.profile_id]
    assert (lot_status(company, ada.id), lot_status(company, bob.id)) == ("pending", "shortlisted")


def test_one_taken_out_of_the_last_lot_is_unassigned_again(company: Company) -> None:
    first, second = make_lot(company), make_lot(company)
    candidate = company.candidate()
    paths = [f"{PATH}/{lot['id']}/candidates" for lot in (first, second)]
    for path in paths:
        company.admin.post(path, {"candidateIds": [candidate.id]})

    assert company.admin.delete(f"{paths[0]}/{candidate.id}").status_code == 204
    assert (members(company, first), members(company, second)) == ([], [candidate.profile_id])
    assert lot_status(company, candidate.id) == "shortlisted"
    assert company.admin.delete(f"{paths[1]}/{candidate.profile_id}").status_code == 204
    assert members(company, second) == []
    assert lot_status(company, candidate.id) == "unassigned"
    assert company.admin.delete(f"{paths[1]}/{candidate.id}").status_code == 404
    assert company.admin.delete(f"{paths[1]}/{NOBODY}").status_code == 404
    assert company.admin.delete(f"{PATH}/{NOBODY}/candidates/{candidate.id}").status_code == 404


def test_one_who_has_come_further_keeps_their_status(company: Company) -> None:
    lot = make_lot(company)
    candidate = company.candidate()
    path = f"{PATH}/{lot['id']}/candidates"
    company.admin.post(path, {"candidateIds": [candidate.id]})
    company.admin.patch(f"/api/admin/candidates/{candidate.id}", {"lotStatus": "hired"})
    assert company.admin.delete(f"{path}/{candidate.id}").status_code == 204
    assert lot_status(company, candidate.id) == "hired"


def test_one_taken_out_of_all_lots_at_once_is_unassigned(company: Company, app: Flask) -> None:
    candidate = company.candidate()
    lots = [make_lot(company) for _ in range(4)]
    for lot in lots:
        company.admin.post(f"{PATH}/{lot['id']}/candidates", {"candidateIds": [candidate.id]})
    answers = all_at_once(
        app,
        [
            Call(company.admin, "DELETE", f"{PATH}/{lot['id']}/candidates/{candidate.id}")
            for lot in lots
        ],
    )
    assert [answer.status_code for answer in answers] == [204] * len(lots)
    assert lot_status(company, candidate.id) == "unassigned"


def test_many_who_fill_a_lot_at_once_all_succeed(company: Company, app: Flask) -> None:
    lot = make_lot(company)
    candidates = [company.candidate() for _ in range(6)]
    path = f"{PATH}/{lot['id']}/candidates"
    answers = all_at_once(
        app,
        [Call(company.admin, "POST", path, {"candidateIds": [one.id]}) for one in candidates],
    )
    assert [answer.status_code for answer in answers] == [200] * len(candidates)
    assert sorted(members(company, lot)) == sorted(one.profile_id for one in candidates)


def test_lots_of_the_older_service_can_be_used(
    company: Company, services: Services, database: Database[Document]
) -> None:
    lot_id = database["lots"].insert_one({"name": "Old", "__v": 0}).inserted_id
    path = f"{PATH}/{lot_id}"
    for _ in range(2):
        lot = company.admin.get(path).json["lot"]
        assert (lot["status"], lot["criteria"], lot["candidates"]) == ("active", {}, [])
        assert company.admin.get(PATH).json["lots"][0]["name"] == "Old"
        sync_schema(services.repositories)
    assert company.admin.get(PATH, status="active").json["lots"][0]["name"] == "Old"
    candidate = company.candidate()
    company.admin.post(f"{path}/candidates", {"candidateIds": [candidate.id]})
    assert company.admin.get(path).json["lot"]["candidates"] == [candidate.profile_id]
    company.admin.delete(f"{path}/candidates/{candidate.id}")
    drawn = company.admin.post(f"{path}/draw", {"size": 1, "method": "ranked"})
    assert [one["id"] for one in drawn.json["draw"]["selected"]] == [candidate.id]
