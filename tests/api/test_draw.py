"""The draw: whom it picks, that anyone can repeat it, and that nobody is drawn twice."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from bson import ObjectId
from flask import Flask
from pymongo.database import Database

from interview_platform.core.mongo import Document
from tests.crowd import Call, all_at_once
from tests.interviews import NOBODY
from tests.live import ROOT
from tests.pool import everybody, fill
from tests.queries import recorded, stages
from tests.service import Company

PATH = "/api/admin/lots"


def make_lot(company: Company, **criteria: Any) -> str:
    """Create a lot and return its draw's path."""
    answer = company.admin.post(PATH, {"name": "A lot", "criteria": criteria})
    assert answer.status_code == 201, answer.text
    return f"{PATH}/{answer.json['lot']['id']}"


def draw(company: Company, lot: str, size: int = 5, **options: Any) -> dict[str, Any]:
    """Draw, at random unless `options` say otherwise, and return the draw."""
    answer = company.admin.post(f"{lot}/draw", {"size": size, "method": "random", **options})
    assert answer.status_code == 200, answer.text
    drawn: dict[str, Any] = answer.json["draw"]
    return drawn


def matching(company: Company, **criteria: Any) -> list[str]:
    """Return the names of those whom a lot with `criteria` could draw."""
    drawn = draw(company, make_lot(company, **criteria), 1_000, dryRun=True)
    assert drawn["poolSize"] == len(drawn["selected"])
    return sorted(one["name"] for one in drawn["selected"])


def picked(drawn: dict[str, Any]) -> list[str]:
    return [one["profileId"] for one in drawn["selected"]]


def documented() -> dict[str, Any]:
    """Return the functions that `docs/draw.md` gives for checking a draw."""
    code = re.search(r"```python\n(.*?)```", (ROOT / "docs/draw.md").read_text(), re.DOTALL)
    assert code
    functions: dict[str, Any] = {}
    exec(code[1], functions)
    return functions


def test_anyone_can_repeat_a_draw(company: Company) -> None:
    # More than the service reads of the pool at a time.
    pool = [one["profile"]["id"] for one in fill(company, [{}] * 520)]
    check = documented()
    drawn = draw(company, make_lot(company), 7, seed="spring 2026: naïve")
    assert (drawn["poolSize"], drawn["poolDigest"]) == (520, check["digest"](pool))
    assert picked(drawn) == check["order"](pool, "spring 2026: naïve")[:7]

    left = [profile_id for profile_id in pool if profile_id not in picked(drawn)]
    again = draw(company, make_lot(company), 7, seed="spring 2026: naïve")
    assert (again["poolSize"], again["poolDigest"]) == (513, check["digest"](left))
    assert picked(again) == check["order"](left, "spring 2026: naïve")[:7]


def test_the_documented_example_is_right() -> None:
    page = (ROOT / "docs/draw.md").read_text()
    pool = re.findall(r"^65f0+\d$", page, re.MULTILINE)
    check = documented()
    assert len(pool) == 3
    assert check["digest"](pool) in page
    order = ", ".join(f"…{profile_id[-1]}" for profile_id in check["order"](pool, "spring"))
    assert f"the order {order}." in page


def test_the_same_seed_over_the_same_pool_picks_the_same(company: Company) -> None:
    fill(company, [{}] * 30)
    lot = make_lot(company)
    first = draw(company, lot, seed="a", dryRun=True)
    assert draw(company, lot, seed="a", dryRun=True)["selected"] == first["selected"]
    assert draw(company, make_lot(company), seed="a")["selected"] == first["selected"]
    orders = {tuple(picked(draw(company, lot, 25, seed=str(n), dryRun=True))) for n in range(5)}
    assert len(orders) == 5


def test_without_a_seed_one_is_made_and_kept(company: Company) -> None:
    fill(company, [{}] * 10)
    seeds = {draw(company, make_lot(company), 2)["seed"] for _ in range(3)}
    assert len(seeds) == 3
    assert all(re.fullmatch(r"[0-9a-f]{32}", seed) for seed in seeds)


def test_those_drawn_are_shortlisted_in_the_lot(company: Company) -> None:
    fill(company, [{"name": f"Person {number}"} for number in range(5)])
    lot = make_lot(company)
    drawn = draw(company, lot, 3)
    assert company.admin.get(lot).json["lot"]["candidates"] == picked(drawn)
    shortlisted = {one["id"]: one for one in everybody(company.admin, lotStatus="shortlisted")}
    assert shortlisted.keys() == {one["id"] for one in drawn["selected"]}
    for one in drawn["selected"]:
        assert one.keys() == {"id", "profileId", "name"}
        assert one["name"] == shortlisted[one["id"]]["name"]
        answer = company.admin.get(f"/api/admin/candidates/{one['id']}")
        entry = answer.json["candidate"]["profile"]["lotStatusHistory"][-1]
        assert (entry["status"], entry["lot"]) == ("shortlisted", drawn["lotId"])
        assert entry["by"] == company.admin.id


def test_where_fewer_match_all_of_them_are_drawn(company: Company) -> None:
    fill(company, [{}] * 3)
    lot = make_lot(company)
    drawn = draw(company, lot, 10)
    assert (drawn["size"], drawn["poolSize"], len(drawn["selected"])) == (10, 3, 3)
    empty = draw(company, lot, 10)
    assert (empty["poolSize"], empty["selected"]) == (0, [])
    assert empty["poolDigest"] == hashlib.sha256(b"").hexdigest()


def test_criteria_say_who_is_in_the_pool(company: Company) -> None:
    fill(
        company,
        [
            {"name": "Ada", "skills": ["Python", "SQL"], "tags": ["remote"], "experienceYears": 7},
            {"name": "Bob", "skills": ["python"], "tags": ["Berlin"], "experienceYears": 3},
            {"name": "Cid", "skills": ["SQL"], "tags": ["Berlin", "remote"], "experienceYears": 12},
            {"name": "Dan", "skills": ["Python", "SQL", "Go"], "tags": []},
            {"name": "Eve", "skills": ["Python3"], "tags": ["remotely"], "experienceYears": 0},
        ],
    )
    assert matching(company) == ["Ada", "Bob", "Cid", "Dan", "Eve"]
    assert matching(company, skills=[], tags=[], experienceMin=None) == matching(company)
    assert matching(company, skills=["PYTHON"]) == ["Ada", "Bob", "Dan"]
    assert matching(company, skills=["sql", "python"]) == ["Ada", "Dan"]
    assert matching(company, tags=["berlin"]) == ["Bob", "Cid"]
    assert matching(company, tags=["Berlin", "REMOTE"]) == ["Ada", "Bob", "Cid"]
    assert matching(company, experienceMin=3) == ["Ada", "Bob", "Cid"]
    assert matching(company, experienceMax=3) == ["Bob", "Eve"]
    assert matching(company, experienceMin=3, experienceMax=7) == ["Ada", "Bob"]
    assert matching(company, experienceMin=7.5) == ["Cid"]
    assert matching(company, skills=["Python"], tags=["remote"], experienceMax=10) == ["Ada"]
    assert matching(company, skills=[".*"]) == []


def test_only_those_who_can_still_be_had_are_drawn(company: Company) -> None:
    people = fill(company, [{"name": f"Person {number}"} for number in range(6)])
    company.candidate(name="Active")
    for person, change in zip(
        people,
        [
            {"status": "inactive"},
            {"lotStatus": "shortlisted"},
            {"lotStatus": "pending"},
            {"lotStatus": "rejected"},
            {"lotStatus": "hired"},
        ],
        strict=False,
    ):
        answer = company.admin.patch(f"/api/admin/candidates/{person['id']}", change)
        assert answer.status_code == 200
    assert matching(company) == ["Active", "Person 5"]


def test_ranked_goes_by_how_well_the_criteria_match(company: Company) -> None:
    people = fill(
        company,
        [
            {"name": "Half", "tags": ["a"], "experienceYears": 6},
            {"name": "Best", "tags": ["b", "a", "z"], "experienceYears": 6},
            {"name": "Edge", "tags": ["A", "B"], "experienceYears": 10},
            {"name": "Twin", "tags": ["a"], "experienceYears": 6},
            {"name": "Near", "tags": ["a", "b"], "experienceYears": 7},
            {"name": "Least", "tags": ["b"], "experienceYears": 2},
        ],
    )
    lot = make_lot(company, tags=["a", "b"], experienceMin=2, experienceMax=10)
    drawn = draw(company, lot, 10, method="ranked", seed="s", dryRun=True)
    scores = {one["name"]: one["score"] for one in drawn["selected"]}
    assert scores == {
        "Best": 1.0,
        "Near": 0.875,
        "Half": 0.75,
        "Twin": 0.75,
        "Edge": 0.5,
        "Least": 0.25,
    }
    pool = [one["profile"]["id"] for one in people]
    by_id = {one["profile"]["id"]: scores[one["name"]] for one in people}
    assert picked(drawn) == documented()["order"](pool, "s", by_id)
    twins = set()
    for seed in map(str, range(8)):
        again = draw(company, lot, 4, method="ranked", seed=seed, dryRun=True)
        names = [one["name"] for one in again["selected"]]
        assert names[:2] == ["Best", "Near"]
        twins.add(tuple(names[2:]))
    assert twins == {("Half", "Twin"), ("Twin", "Half")}


def test_the_score_counts_only_what_the_criteria_ask_for(company: Company) -> None:
    fill(
        company,
        [
            {"name": "Ada", "tags": ["a"], "experienceYears": 3},
            {"name": "Bob", "tags": ["a", "b", "c"], "experienceYears": 3},
        ],
    )

    def scores(**criteria: Any) -> list[float]:
        drawn = draw(company, make_lot(company, **criteria), method="ranked", dryRun=True)
        return [one["score"] for one in sorted(drawn["selected"], key=lambda one: one["name"])]

    assert scores() == [1, 1]
    assert scores(experienceMin=1) == [1, 1]
    assert scores(experienceMin=3, experienceMax=3) == [1, 1]
    assert scores(experienceMin=3, experienceMax=5) == [0, 0]
    assert scores(tags=["a", "b", "c"]) == [0.333333, 1]


def test_a_dry_run_changes_nothing(company: Company) -> None:
    fill(company, [{}] * 5)
    lot = make_lot(company)
    before = company.admin.get(lot).json
    told = draw(company, lot, 2, seed="x", dryRun=True)
    assert told["id"] is None
    assert company.admin.get(lot).json == before
    assert company.admin.get(f"{lot}/draws").json == {"draws": [], "next": None}
    assert everybody(company.admin, lotStatus="shortlisted") == []
    assert draw(company, lot, 2, seed="x")["selected"] == told["selected"]


def test_draws_are_kept_as_they_were(company: Company) -> None:
    fill(company, [{"tags": ["a"]}] * 6)
    lot = make_lot(company, tags=["A"])
    made = [draw(company, lot, 2, method="ranked" if n else "random") for n in range(3)]
    draw(company, make_lot(company), 1)
    company.admin.patch(lot, {"criteria": {"tags": ["b"]}, "name": "Renamed"})
    first = company.admin.get(f"{lot}/draws", limit=2)
    assert first.status_code == 200, first.text
    second = company.admin.get(f"{lot}/draws", limit=2, after=first.json["next"])
    assert first.json["draws"] + second.json["draws"] == made[::-1]
    assert second.json["next"] is None
    assert made[0].keys() == {
        *("id", "lotId", "method", "seed", "size", "criteria", "poolSize", "poolDigest"),
        *("selected", "createdBy", "createdAt"),
    }
    assert (made[0]["criteria"], made[0]["createdBy"]) == ({"tags": ["A"]}, company.admin.id)
    assert datetime.fromisoformat(made[0]["createdAt"])
    assert company.admin.get(f"{lot}/draws", limit=21).status_code == 422


def test_draws_cost_two_look_ups_by_index(company: Company, database: Database[Document]) -> None:
    fill(company, [{}] * 6)
    lot = make_lot(company)
    for _ in range(3):
        draw(company, lot, 2)
    with recorded(database) as commands:
        company.admin.get(f"{lot}/draws")
    asked = [each for each in commands if each.get("find") in ("lotdraws", "users")]
    assert [each["find"] for each in asked] == ["lotdraws", "users"]
    assert all("COLLSCAN" not in stages(database, each) for each in asked)


def test_the_pool_is_found_by_index(company: Company, database: Database[Document]) -> None:
    fill(company, [{"skills": ["a", "b"], "tags": ["c"], "experienceYears": 3}])
    lot = make_lot(company, skills=["a", "b"], tags=["c"], experienceMin=1, experienceMax=5)
    with recorded(database) as commands:
        assert draw(company, lot)["poolSize"] == 1
    asked = [each for each in commands if each.get("find") == "candidateprofiles"]
    assert len(asked) == 1
    assert "COLLSCAN" not in stages(database, asked[0])


def test_a_lot_that_cannot_be_filled_draws_nobody(
    company: Company, database: Database[Document]
) -> None:
    fill(company, [{}] * 3)
    lot = make_lot(company)
    body = {"size": 2, "method": "random"}
    database["lots"].update_one({}, {"$set": {"candidates": [ObjectId() for _ in range(4_999)]}})
    assert company.admin.post(f"{lot}/draw", body).status_code == 409
    company.admin.patch(lot, {"status": "archived"})
    for dry_run in (True, False):
        answer = company.admin.post(f"{lot}/draw", {**body, "size": 1, "dryRun": dry_run})
        assert answer.status_code == 409
    for path in (f"{PATH}/{NOBODY}/draw", f"{PATH}/{NOBODY}/draws"):
        answer = company.admin.call(
            "POST" if path.endswith("draw") else "GET",
            path,
            body if path.endswith("draw") else None,
        )
        assert answer.status_code == 404
    assert company.admin.get(f"{lot}/draws").json["draws"] == []
    assert everybody(company.admin, lotStatus="shortlisted") == []


def test_what_cannot_be_taken_is_refused(company: Company) -> None:
    lot = make_lot(company)
    refused: list[tuple[str, Any]] = [
        ("size", 0),
        ("size", 1_001),
        ("size", "5"),
        ("size", 2.5),
        ("size", True),
        ("method", "fair"),
        ("method", {"$ne": "random"}),
        ("seed", ""),
        ("seed", "x" * 129),
        ("seed", 5),
        ("seed", "a\0b"),
        ("seed", None),
        ("dryRun", "perhaps"),
        ("pool", []),
    ]
    for field, value in refused:
        body = {"size": 1, "method": "random", field: value}
        answer = company.admin.post(f"{lot}/draw", body)
        assert answer.status_code == 422, (field, value)
        assert list(answer.json["errors"]["json"]) == [field]
    for body in ({"size": 1}, {"method": "random"}):
        assert company.admin.post(f"{lot}/draw", body).status_code == 422


def _draw_at_once(
    company: Company, app: Flask, lots: Sequence[str], method: str
) -> list[dict[str, Any]]:
    # One seed for all: every draw wants the same people.
    body = {"size": 4, "method": method, "seed": "the same"}
    answers = all_at_once(app, [Call(company.admin, "POST", f"{lot}/draw", body) for lot in lots])
    assert [answer.status_code for answer in answers] == [200] * len(lots), [
        answer.text for answer in answers
    ]
    return [answer.json()["draw"] for answer in answers]


def test_draws_at_once_never_take_anybody_twice(company: Company, app: Flask) -> None:
    pool = [one["profile"]["id"] for one in fill(company, [{"tags": ["a"]}] * 30)]
    lots = [make_lot(company, tags=["a"]) for _ in range(3)] * 2
    for method, expected in (("random", 24), ("ranked", 6)):
        draws = _draw_at_once(company, app, lots, method)
        taken = list(chain.from_iterable(picked(drawn) for drawn in draws))
        assert len(taken) == len(set(taken)) == expected
        check = documented()
        left = [*pool]
        for drawn in sorted(draws, key=lambda drawn: -drawn["poolSize"]):
            # One after the other, as if they had stood in line.
            assert drawn["poolDigest"] == check["digest"](left)
            assert picked(drawn) == check["order"](left, "the same")[:4]
            left = [profile_id for profile_id in left if profile_id not in picked(drawn)]
        pool = left
    members = [company.admin.get(lot).json["lot"]["candidates"] for lot in lots[:3]]
    assert len(list(chain.from_iterable(members))) == 30
    kept = [company.admin.get(f"{lot}/draws").json["draws"] for lot in lots[:3]]
    assert [len(draws) for draws in kept] == [4, 4, 4]


def test_a_draw_and_a_hand_at_once_leave_nobody_half_taken(company: Company, app: Flask) -> None:
    people = fill(company, [{}] * 8)
    drawing, other = make_lot(company), make_lot(company)
    calls = [Call(company.admin, "POST", f"{drawing}/draw", {"size": 8, "method": "random"})]
    for person in people[:4]:
        body = {"candidateIds": [person["id"]]}
        calls.append(Call(company.admin, "POST", f"{other}/candidates", body))
    answers = all_at_once(app, calls)
    assert [answer.status_code for answer in answers] == [200] * len(calls)
    drawn = set(picked(answers[0].json()["draw"]))
    assert set(company.admin.get(drawing).json["lot"]["candidates"]) == drawn
    by_hand = {person["profile"]["id"] for person in people[:4]}
    assert set(company.admin.get(other).json["lot"]["candidates"]) == by_hand
    assert drawn >= {person["profile"]["id"] for person in people[4:]}
    assert len(everybody(company.admin, lotStatus="shortlisted")) == 8
