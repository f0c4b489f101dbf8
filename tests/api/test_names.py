"""Names and titles hold nothing that hides or turns what is seen."""

from __future__ import annotations

from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from interview_platform.core.mongo import Document
from tests.interviews import book
from tests.pool import everybody, send_csv, to_csv
from tests.service import PASSWORD, Company

CONTROLS = "\x01\x07\b\t\n\v\f\r\x1b\x7f\x80\x85\x9f\u2028\u2029"
TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c"
INVISIBLE = "\u00ad\u034f\u115f\u180e\u200b\u2060\u2062\u206a\u3164\ufeff\uffa0\ufff9"
TAGS_AND_NONCHARACTERS = "\U000e0001\U000e0041\U000e007f\ufdd0\ufffe\uffff\U0010ffff"
REFUSED = CONTROLS + TURNS + INVISIBLE + TAGS_AND_NONCHARACTERS

TAKEN = [
    "Zoë Ångström",
    "Jean-Luc O’Neil, Jr.",  # noqa: RUF001
    "J.R.R. Tolkien",
    "می\u200cخواهم",  # joiners of Persian and Devanagari  # noqa: RUF001
    "क्\u200dष",
    "\u200fמשה\u200f (Moshe)",
    "李小龍",
    "葛\U000e0100城",  # a selector of a glyph
    "Cafe\u0301",
    "Ada\u00a0King",
    "Summer ☀\ufe0f",
    "👩\u200d💻 team",
]


def message(character: str) -> str:
    return (
        "Must not hold line breaks, control characters or others that are not seen"
        f" (U+{ord(character):04X})."
    )


def faults(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 422, answer.text
    found: dict[str, Any] = answer.json["errors"]["json"]
    return found


@pytest.mark.parametrize("place", ["A{}da", "Ada {} King"])
def test_a_character_that_is_not_seen_is_refused_in_a_name(company: Company, place: str) -> None:
    for character in REFUSED:
        name = place.format(character)
        body = {"name": name, "email": "ada@example.org"}
        answer = company.admin.post("/api/admin/candidates", body)
        assert faults(answer) == {"name": [message(character)]}, ascii(name)
        staff = {**body, "role": "interviewer"}
        assert list(faults(company.admin.post("/api/admin/users", staff))) == ["name"]
    assert everybody(company.admin) == []


def test_names_are_taken_in_every_script(company: Company) -> None:
    for number, name in enumerate(TAKEN):
        body = {"name": name, "email": f"p{number}@example.org"}
        made = company.admin.post("/api/admin/candidates", body)
        assert made.status_code == 201, (ascii(name), made.text)
        assert made.json["user"]["name"] == name
        assert company.admin.post("/api/admin/lots", {"name": name}).status_code == 201, name


@pytest.mark.parametrize("hidden", ["\u202e", "\n", "\u200b"], ids=ascii)
def test_every_name_and_title_is_held_to_it(company: Company, hidden: str) -> None:
    name = f"a{hidden}b"
    person = company.candidate()
    interviewer = company.staff()
    interview = book(company, person, interviewer)
    task = {"title": "Two sum", "description": "x", "language": "go", "difficulty": "easy"}
    test = {"name": name, "expected": "1"}
    scorecard = {"criteria": [{"name": name, "score": 3}], "recommendation": "hire"}
    admin, candidates, tasks = company.admin, "/api/admin/candidates", "/api/admin/coding-tasks"
    admin_fields = {"email": "root@example.org", "password": PASSWORD}
    calls = [
        (admin.post("/api/auth/register-admin", {"name": name, **admin_fields}), "name"),
        (admin.patch(f"{candidates}/{person.id}", {"name": name}), "name"),
        (admin.patch(f"{candidates}/{person.id}", {"tags": ["fine", name]}), "tags"),
        (person.put("/api/candidates/me", {"skills": [name]}), "skills"),
        (admin.patch(f"/api/admin/users/{interviewer.id}", {"name": name}), "name"),
        (admin.post("/api/admin/lots", {"name": name}), "name"),
        (admin.post(tasks, {**task, "title": name}), "title"),
        (admin.post(tasks, {**task, "tests": [test]}), "tests"),
        (
            interviewer.post(f"/api/interviews/{interview['id']}/end", {"scorecard": scorecard}),
            "scorecard",
        ),
    ]
    for answer, field in calls:
        assert list(faults(answer)) == [field], answer.text


def test_an_import_refuses_such_names_and_labels(company: Company) -> None:
    rows: list[dict[str, Any]] = [
        {"name": f"Ada{character}King", "email": f"p{number}@example.org"}
        for number, character in enumerate("\u202e\u200b\n\t")
    ]
    rows.append({"name": "Bo", "email": "bo@example.org", "tags": ["x\u202ey"]})
    answer = send_csv(company.admin, to_csv(rows))
    assert answer.json["created"] == 0
    assert [[*row["errors"]] for row in answer.json["rejected"]] == [["name"]] * 4 + [["tags"]]


def test_free_text_keeps_its_lines(company: Company) -> None:
    notes = "First\tline\nsecond line"
    body = {"name": "Ada", "email": "ada@example.org", "notes": notes}
    answer = company.admin.post("/api/admin/candidates", body)
    assert answer.json["profile"]["notes"] == notes


def test_names_of_before_are_read_as_they_are(
    company: Company, database: Database[Document]
) -> None:
    person = company.candidate()
    name = "Ada\u202egnp.exe"
    database["users"].update_one({"_id": ObjectId(person.id)}, {"$set": {"name": name}})
    assert [one["name"] for one in everybody(company.admin)] == [name]
    assert person.log_in().get("/api/auth/me").json["user"]["name"] == name
    changed = company.admin.patch(f"/api/admin/candidates/{person.id}", {"notes": "x"})
    assert changed.status_code == 200, changed.text
