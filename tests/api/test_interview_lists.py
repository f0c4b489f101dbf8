"""Lists of interviews: filters, pages, and what they cost the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pymongo.database import Database

from interview_platform.core.mongo import Document
from tests.interviews import NOBODY, at, book, make_lot, make_task
from tests.queries import recorded, stages
from tests.service import Company, Person

PATH = "/api/admin/interviews"


def ids(person: Person, path: str = PATH, **query: Any) -> list[str]:
    """Return the ids that a list holds, page by page."""
    found: list[str] = []
    while True:
        answer = person.get(path, **query)
        assert answer.status_code == 200, answer.text
        assert len(answer.json["interviews"]) <= query.get("limit", 50)
        found += [interview["id"] for interview in answer.json["interviews"]]
        if answer.json["next"] is None:
            return found
        query["after"] = answer.json["next"]


def test_admins_list_all_by_start_and_narrow_it_down(company: Company) -> None:
    ada, bob = company.candidate(), company.candidate()
    eve, zoe = company.staff(), company.staff()
    lot = make_lot(company)
    first = book(company, ada, eve, 1)["id"]
    third = book(company, bob, zoe, 3, lotId=lot["id"])["id"]
    second = book(company, bob, eve, 2)["id"]
    fourth = book(company, ada, zoe, 4)["id"]
    company.admin.post(f"{PATH}/{third}/cancel")

    assert ids(company.admin) == [fourth, third, second, first]
    assert ids(company.admin, limit=1) == [fourth, third, second, first]
    assert ids(company.admin, status="scheduled", limit=2) == [fourth, second, first]
    assert ids(company.admin, interviewerId=eve.id) == [second, first]
    assert ids(company.admin, candidateId=ada.id) == [fourth, first]
    assert ids(company.admin, candidateId=ada.profile_id) == [fourth, first]
    assert ids(company.admin, candidateId=NOBODY) == []
    assert ids(company.admin, candidateId=bob.id, status="scheduled") == [second]
    assert ids(company.admin, lotId=lot["id"]) == [third]
    assert ids(company.admin, lotId=lot["id"], status="live") == []
    assert ids(company.admin, **{"from": at(2)}) == [fourth, third, second]
    assert ids(company.admin, to=at(3), limit=1) == [second, first]
    assert ids(company.admin, limit=1, **{"from": at(2), "to": at(4)}) == [third, second]
    assert ids(company.admin, **{"from": at(2), "interviewerId": zoe.id}) == [fourth, third]


def test_interviews_that_begin_together_are_paged_without_loss(company: Company) -> None:
    booked = [book(company, company.candidate(), company.staff(), 7)["id"] for _ in range(5)]
    assert ids(company.admin, limit=2) == booked[::-1]
    assert ids(company.admin, limit=2, status="scheduled") == booked[::-1]


def test_people_list_their_own_alone(company: Company) -> None:
    ada, bob, eve, zoe = company.candidate(), company.candidate(), company.staff(), company.staff()
    late = book(company, ada, eve, 4)["id"]
    early = book(company, ada, zoe, 1)["id"]
    other = book(company, bob, eve, 2)["id"]
    assert ids(eve, "/api/interviews", limit=1) == [late, other]
    assert ids(ada, "/api/interviews") == [late, early]
    assert ids(company.admin, "/api/interviews") == [late, other, early]
    assert ids(ada, "/api/candidates/interviews", limit=1) == [early, late]
    assert ids(bob, "/api/candidates/interviews", status="live") == []
    assert ids(company.staff(), "/api/interviews") == []


def test_filters_that_make_no_sense_are_refused(
    company: Company, subtests: pytest.Subtests
) -> None:
    for query in (
        {"status": "over"},
        {"interviewerId": "somebody"},
        {"from": "2026-01-01T00:00:00"},
        {"after": "rubbish"},
        {"limit": 201},
        {"candidate": NOBODY},
        {"status[$ne]": "live"},
    ):
        with subtests.test(str(query)):
            answer = company.admin.get(PATH, **query)
            assert answer.status_code == 422
            assert list(answer.json["errors"]["query"]) == list(query)


def finds(commands: list[Mapping[str, Any]], collection: str) -> list[Mapping[str, Any]]:
    return [command for command in commands if command.get("find") == collection]


def test_a_longer_list_asks_no_more_of_the_store(
    company: Company, database: Database[Document]
) -> None:
    lot, task = make_lot(company), make_task(company)
    costs = []
    for hour in range(4):
        book(
            company,
            company.candidate(),
            company.staff(),
            hour,
            lotId=lot["id"],
            codingTaskId=task["id"],
        )
        with recorded(database) as commands:
            assert len(ids(company.admin)) == hour + 1
        costs.append([next(iter(command)) for command in commands])
    assert costs[0] == costs[-1]
    assert costs[-1].count("find") <= 5


def test_no_page_of_any_list_reads_the_whole_collection(
    company: Company, database: Database[Document], subtests: pytest.Subtests
) -> None:
    ada, eve, lot = company.candidate(), company.staff(), make_lot(company)
    for hour in range(3):
        book(company, ada, eve, hour, lotId=lot["id"])
    for query in (
        {},
        {"status": "scheduled"},
        {"interviewerId": eve.id},
        {"candidateId": ada.id},
        {"lotId": lot["id"]},
        {"interviewerId": eve.id, "status": "scheduled"},
        {"from": at(0), "to": at(9)},
        {"from": at(0), "candidateId": ada.id},
    ):
        with recorded(database) as commands:
            assert len(ids(company.admin, limit=1, **query)) == 3
        asked = finds(commands, "interviews")
        assert len(asked) == 3
        for command in asked:
            with subtests.test(str(query)):
                assert "IXSCAN" in stages(database, command)
                assert "COLLSCAN" not in stages(database, command)


def test_no_other_look_up_reads_the_whole_collection(
    company: Company, database: Database[Document]
) -> None:
    ada, eve, task = company.candidate(), company.staff(), make_task(company)
    with recorded(database) as commands:
        interview = book(company, ada, eve, codingTaskId=task["id"])
        ids(ada, "/api/candidates/interviews")
        ids(eve, "/api/interviews")
        eve.get(f"/api/interviews/{interview['id']}")
        eve.post(f"/api/interviews/{interview['id']}/start")
        company.admin.post(f"/api/interviews/{interview['id']}/end")
        company.admin.patch(f"/api/admin/coding-tasks/{task['id']}", {"title": "Three sum"})
        company.admin.delete(f"/api/admin/coding-tasks/{task['id']}")
        company.admin.post(f"{PATH}/{book(company, ada, eve, 3)['id']}/cancel")
    asked = finds(commands, "interviews")
    assert len(asked) >= 9
    for command in asked:
        assert "COLLSCAN" not in stages(database, command), command
    # The embedded store reads the whole collection for those.
    assert not [command for command in commands if "findAndModify" in command]
