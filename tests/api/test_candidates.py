"""Candidates: made, found, changed, and seen by themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from flask import Flask
from pymongo.database import Database

from interview_platform.auth.accounts import AccountLinks
from interview_platform.core.mongo import Document, sync_schema
from interview_platform.wiring import Services
from tests.crowd import Call, all_at_once
from tests.interviews import NOBODY
from tests.pool import everybody
from tests.queries import recorded, stages
from tests.service import PASSWORD, Company, Person

PATH = "/api/admin/candidates"
ADA = {
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "phone": "+4930123456",
    "timezone": "Europe/Berlin",
    "notificationChannel": "sms",
    "resumeUrl": "https://example.com/ada.pdf",
    "portfolioUrl": "https://ada.example.com/",
    "skills": ["Python", "PostgreSQL"],
    "tags": ["backend"],
    "experienceYears": 7.5,
    "notes": "Met at the fair.",
}
ACCOUNT = ("name", "email", "phone", "timezone", "notificationChannel")


def create(company: Company, **fields: Any) -> dict[str, Any]:
    """Create a candidate and return them as the list and the look-up show them."""
    answer = company.admin.post(PATH, {**ADA, **fields})
    assert answer.status_code == 201, answer.text
    return get(company.admin, answer.json["user"]["id"])


def get(admin: Person, candidate_id: str) -> dict[str, Any]:
    answer = admin.get(f"{PATH}/{candidate_id}")
    assert answer.status_code == 200, answer.text
    candidate: dict[str, Any] = answer.json["candidate"]
    return candidate


def names(admin: Person, **query: Any) -> list[str]:
    """Return the names in a list, oldest first."""
    return [candidate["name"] for candidate in everybody(admin, **query)][::-1]


def test_a_candidate_is_an_account_and_a_profile(company: Company) -> None:
    answer = company.admin.post(PATH, {**ADA, "password": PASSWORD})
    assert answer.status_code == 201
    user, profile = answer.json["user"], answer.json["profile"]
    assert {name: user[name] for name in ACCOUNT} == {name: ADA[name] for name in ACCOUNT}
    assert (user["role"], user["status"]) == ("candidate", "active")
    assert {name: profile[name] for name in ADA if name not in ACCOUNT} == {
        name: ADA[name] for name in ADA if name not in ACCOUNT
    }
    assert profile["lotStatus"] == "unassigned"
    assert [entry["status"] for entry in profile["lotStatusHistory"]] == ["unassigned"]
    assert profile["lotStatusHistory"][0]["by"] == company.admin.id

    candidate = get(company.admin, user["id"])
    assert candidate["profile"] == profile
    assert {name: candidate[name] for name in ACCOUNT} == {name: ADA[name] for name in ACCOUNT}
    person = Person(company.app.test_client(), email="ada@example.com").log_in()
    assert person.get("/api/auth/me").json["user"]["id"] == user["id"]


def test_a_candidate_without_a_password_is_invited(
    company: Company, database: Database[Document]
) -> None:
    candidate = create(company)
    assert candidate["status"] == "invited"
    notices = list(database["notifications"].find({"user": ObjectId(candidate["id"])}))
    assert [notice["template"] for notice in notices] == ["account_invitation"]


def test_who_takes_up_an_invitation_is_listed_as_active(
    company: Company, links: AccountLinks
) -> None:
    candidate = create(company)
    token = links.issue(ObjectId(candidate["id"]), "invitation")
    assert names(company.admin, status="active") == []
    answer = company.anyone.post("/api/auth/password/reset", {"token": token, "password": PASSWORD})
    assert answer.status_code == 204
    assert names(company.admin, status="active") == [ADA["name"]]
    assert names(company.admin, status="invited") == []


def test_one_with_a_password_is_not_written_to(
    company: Company, database: Database[Document]
) -> None:
    create(company, password=PASSWORD)
    assert database["notifications"].count_documents({}) == 0


def test_an_address_is_taken_once_whatever_its_case(
    company: Company, database: Database[Document]
) -> None:
    create(company)
    answer = company.admin.post(PATH, {"name": "Another", "email": " ADA@Example.com "})
    assert answer.status_code == 409
    assert database["candidateprofiles"].count_documents({}) == 1


def test_of_many_who_ask_for_one_address_at_once_one_gets_it(
    company: Company, app: Flask, database: Database[Document]
) -> None:
    body = {"name": "Ada", "email": "ada@example.com"}
    answers = all_at_once(app, [Call(company.admin, "POST", PATH, body)] * 8)
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert database["users"].count_documents({"role": "candidate"}) == 1
    assert database["candidateprofiles"].count_documents({}) == 1


def test_skills_and_tags_are_kept_once_as_first_spelled(company: Company) -> None:
    profile = create(
        company, skills=[" Python ", "python", "C++", "PYTHON"], tags=["Straße", "STRASSE"]
    )["profile"]
    assert (profile["skills"], profile["tags"]) == (["Python", "C++"], ["Straße"])


NOT_TAKEN: list[tuple[str, Any]] = [
    ("name", " "),
    ("name", "x" * 201),
    ("name", "=HYPERLINK(1)"),
    ("name", " \t+cmd"),
    ("email", "nobody"),
    ("email", "=1+1@example.com"),
    ("phone", "030 123456"),
    ("timezone", "Mars/Olympus"),
    ("notificationChannel", "push"),
    ("resumeUrl", "javascript:alert(1)"),
    ("portfolioUrl", "ftp://example.com/"),
    ("skills", "python"),
    ("skills", ["x" * 65]),
    ("skills", [""]),
    ("skills", ["@SUM(A1)"]),
    ("skills", [{"$ne": 1}]),
    ("skills", [f"skill {number}" for number in range(51)]),
    ("tags", ["-1+1"]),
    ("experienceYears", -1),
    ("experienceYears", 81),
    ("experienceYears", "7"),
    ("notes", "x" * 10_001),
    ("notes", "\uff1d1+1"),
    ("password", "short"),
    ("role", "admin"),
    ("status", "active"),
    ("passwordHash", "x"),
    ("lotStatus", "hired"),
    ("index", {}),
]


def test_what_cannot_be_taken_is_refused(company: Company, database: Database[Document]) -> None:
    for field, value in NOT_TAKEN:
        answer = company.admin.post(PATH, {**ADA, field: value})
        assert answer.status_code == 422, (field, value, answer.text)
        assert field in (answer.json["errors"].get("json") or answer.json["errors"])
    assert database["candidateprofiles"].count_documents({}) == 0


def test_the_list_is_paged_newest_first(company: Company) -> None:
    made = [create(company, email=f"p{number}@example.com") for number in range(5)]
    listed = everybody(company.admin, limit=2)
    assert [candidate["id"] for candidate in listed] == [one["id"] for one in made[::-1]]
    shown = {**made[-1], "profile": {**made[-1]["profile"]}}
    del shown["profile"]["lotStatusHistory"]
    assert listed[0] == shown


def test_the_list_is_narrowed_down(company: Company) -> None:
    def add(name: str, email: str, **fields: Any) -> str:
        return str(create(company, name=name, email=email, **fields)["id"])

    add("Ada Lovelace", "ada@analytical.example", skills=["Python", "Go"], tags=["London"])
    jean = add("Jean-Luc Picard", "captain@example.com", skills=["go"], tags=["space", "LONDON"])
    grace = add("Grace (Amazing) Hopper", "g.hopper@navy.example", skills=["COBOL"], tags=[])
    add("Zoë Ångström", "z@example.com", skills=["C++"], tags=["a.b"])
    company.admin.patch(f"{PATH}/{jean}", {"lotStatus": "hired"})
    company.admin.patch(f"{PATH}/{grace}", {"status": "inactive"})

    def found(**query: Any) -> list[str]:
        return [name.split()[0] for name in names(company.admin, **query)]

    assert found() == ["Ada", "Jean-Luc", "Grace", "Zoë"]
    assert found(q="LOVE") == ["Ada"]
    assert found(q="love ad") == ["Ada"]
    assert found(q="lace") == []
    assert found(q="luc") == found(q="jean-l") == found(q="CAPTAIN@") == ["Jean-Luc"]
    assert found(q="g.hop") == found(q="(amaz") == ["Grace"]
    assert found(q="zoe\u0308 ång") == ["Zoë"]
    assert found(q=".*") == found(q="^a") == found(q="$ne") == []
    assert found(q="a") == ["Ada", "Zoë"]
    assert found(skill="GO") == ["Ada", "Jean-Luc"]
    assert found(skill="c++") == ["Zoë"]
    assert found(skill="g") == []
    assert found(tag="london") == ["Ada", "Jean-Luc"]
    assert found(tag="a.b") == ["Zoë"]
    assert found(tag="a?b") == []
    assert found(lotStatus="hired") == ["Jean-Luc"]
    assert found(status="inactive") == ["Grace"]
    assert found(status="invited") == ["Ada", "Jean-Luc", "Zoë"]
    assert found(skill="go", tag="space", lotStatus="hired", status="invited", q="pic") == [
        "Jean-Luc"
    ]
    assert found(skill="go", q="hopper") == []
    assert found(skill="go", limit=1) == ["Ada", "Jean-Luc"]
    assert found(q="example", limit=1) == []


def test_a_query_that_means_nothing_is_refused(company: Company) -> None:
    queries: list[dict[str, Any]] = [
        {"lotStatus": "lost"},
        {"status": "gone"},
        {"q": ""},
        {"q": "x" * 101},
        {"skill": "x" * 65},
        {"role": "admin"},
        {"limit": 201},
        {"after": "W10"},
    ]
    for query in queries:
        answer = company.admin.get(PATH, **query)
        assert answer.status_code == 422, query
        assert list(answer.json["errors"]["query"]) == list(query)


def test_a_page_costs_two_look_ups_by_index(company: Company, database: Database[Document]) -> None:
    for number in range(4):
        create(company, email=f"p{number}@example.com")
    every_filter: list[dict[str, str]] = [
        {},
        {"q": "ada"},
        {"q": "ada love"},
        {"skill": "python"},
        {"tag": "backend"},
        {"lotStatus": "unassigned"},
        {"status": "invited"},
    ]
    for filters in every_filter:
        first = company.admin.get(PATH, limit=2, **filters).json["next"]
        for page in ({}, {"after": first}):
            with recorded(database) as commands:
                answer = company.admin.get(PATH, limit=2, **filters, **page)
            assert len(answer.json["candidates"]) == 2
            asked = [
                command
                for command in commands
                if command.get("find") in ("candidateprofiles", "users")
            ]
            assert [command["find"] for command in asked] == ["candidateprofiles", "users"]
            for command in asked:
                # Where a page begins narrows what the filters have found.
                begun = {
                    name: match
                    for name, match in command["filter"].items()
                    if name != "_id" or "$lt" not in match
                }
                assert "COLLSCAN" not in stages(database, {**command, "filter": begun}), filters


def test_either_id_names_a_candidate_and_no_other_does(company: Company) -> None:
    candidate = create(company)
    assert get(company.admin, candidate["profile"]["id"]) == candidate
    for path in (f"{PATH}/{NOBODY}", f"{PATH}/{company.admin.id}"):
        assert company.admin.get(path).status_code == 404
        assert company.admin.patch(path, {"notes": "x"}).status_code == 404


def test_an_update_changes_what_it_names_alone(company: Company) -> None:
    before = create(company)
    changes = {
        "name": "Ada King",
        "phone": None,
        "timezone": "Europe/London",
        "notificationChannel": "email",
        "resumeUrl": None,
        "tags": ["Remote"],
        "experienceYears": 8,
        "notes": "Called.",
    }
    answer = company.admin.patch(f"{PATH}/{before['profile']['id']}", changes)
    assert answer.status_code == 200, answer.text
    after = answer.json["candidate"]
    expected = {**before, "profile": {**before["profile"]}}
    for name, value in changes.items():
        (expected if name in ACCOUNT else expected["profile"])[name] = value
    expected["profile"]["updatedAt"] = after["profile"]["updatedAt"]
    assert after == get(company.admin, before["id"]) == expected
    assert names(company.admin, q="king") == names(company.admin, tag="remote") == ["Ada King"]
    assert names(company.admin, q="lovelace") == names(company.admin, tag="backend") == []


def test_changes_at_once_are_all_kept_and_found(company: Company, app: Flask) -> None:
    path = f"{PATH}/{create(company)['id']}"
    changes: list[dict[str, Any]] = [
        {"name": "Ada King"},
        {"skills": ["Rust"]},
        {"tags": ["remote"]},
        {"notes": "Called."},
        {"lotStatus": "rejected"},
        {"experienceYears": 9},
    ]
    answers = all_at_once(app, [Call(company.admin, "PATCH", path, body) for body in changes])
    assert [answer.status_code for answer in answers] == [200] * len(changes)
    found = everybody(company.admin, q="king", skill="rust", tag="remote", lotStatus="rejected")
    assert len(found) == 1
    assert (found[0]["profile"]["notes"], found[0]["profile"]["experienceYears"]) == ("Called.", 9)


def test_what_is_not_staff_s_to_change_is_refused(company: Company) -> None:
    candidate = create(company)
    not_theirs: dict[str, Any] = {
        "email": "new@example.com",
        "role": "admin",
        "password": PASSWORD,
        "passwordHash": "x",
        "status": "invited",
        "lotStatus": "lost",
        "lotStatusHistory": [],
        "user": NOBODY,
        "skills": None,
    }
    for field, value in not_theirs.items():
        answer = company.admin.patch(f"{PATH}/{candidate['id']}", {"notes": "New.", field: value})
        assert answer.status_code == 422, field
    assert get(company.admin, candidate["id"]) == candidate


def test_the_lot_status_remembers_how_it_came_about(company: Company) -> None:
    path = f"{PATH}/{create(company)['id']}"
    for status in ("shortlisted", "shortlisted", "hired"):
        company.admin.patch(path, {"lotStatus": status})
    profile = company.admin.get(path).json["candidate"]["profile"]
    history = profile["lotStatusHistory"]
    assert [entry["status"] for entry in history] == ["unassigned", "shortlisted", "hired"]
    assert {entry["by"] for entry in history} == {company.admin.id}
    assert [entry["at"] for entry in history] == sorted(entry["at"] for entry in history)


def test_the_history_forgets_the_oldest_changes(
    company: Company, database: Database[Document]
) -> None:
    candidate = create(company)
    entry = {"status": "unassigned", "at": datetime.now(UTC), "by": ObjectId(company.admin.id)}
    database["candidateprofiles"].update_one({}, {"$set": {"lotStatusHistory": [entry] * 100}})
    company.admin.patch(f"{PATH}/{candidate['id']}", {"lotStatus": "rejected"})
    history = get(company.admin, candidate["id"])["profile"]["lotStatusHistory"]
    assert len(history) == 100
    assert [entry["status"] for entry in history[-2:]] == ["unassigned", "rejected"]


def test_deactivation_ends_the_candidate_s_sessions(company: Company) -> None:
    candidate = company.candidate(name="Ada")
    assert candidate.get("/api/candidates/me").status_code == 200
    answer = company.admin.patch(f"{PATH}/{candidate.id}", {"status": "inactive", "notes": "Bye."})
    assert answer.json["candidate"]["status"] == "inactive"
    assert candidate.get("/api/candidates/me").status_code == 401
    refused = candidate.post("/api/auth/login", {"email": candidate.email, "password": PASSWORD})
    assert refused.status_code == 401
    assert names(company.admin, status="inactive") == names(company.admin) == ["Ada"]
    company.admin.patch(f"{PATH}/{candidate.id}", {"status": "active"})
    assert candidate.log_in().get("/api/candidates/me").status_code == 200
    assert names(company.admin, status="inactive") == []


def test_candidates_see_of_themselves_what_is_theirs(company: Company) -> None:
    candidate = company.candidate(**{**ADA, "password": PASSWORD})
    company.admin.patch(f"{PATH}/{candidate.id}", {"lotStatus": "rejected"})
    answer = candidate.get("/api/candidates/me")
    assert answer.status_code == 200
    profile = answer.json["profile"]
    assert profile.keys() == {
        *("id", "user", "resumeUrl", "portfolioUrl", "skills", "tags", "experienceYears"),
        *("createdAt", "updatedAt"),
    }
    assert profile["id"] == candidate.profile_id
    assert (profile["user"]["id"], profile["user"]["phone"]) == (candidate.id, ADA["phone"])


def test_candidates_change_what_is_theirs(company: Company) -> None:
    candidate = company.candidate(**{**ADA, "password": PASSWORD})
    changes = {"skills": ["Rust", "rust"], "phone": "+44 20 7946 0958", "resumeUrl": None}
    answer = candidate.put("/api/candidates/me", changes)
    assert answer.status_code == 200, answer.text
    profile = answer.json["profile"]
    assert profile == candidate.get("/api/candidates/me").json["profile"]
    assert (profile["skills"], profile["resumeUrl"]) == (["Rust"], None)
    assert profile["user"]["phone"] == "+442079460958"
    assert (profile["tags"], profile["portfolioUrl"]) == (ADA["tags"], ADA["portfolioUrl"])
    assert get(company.admin, candidate.id)["profile"]["notes"] == ADA["notes"]
    assert names(company.admin, skill="rust") == [ADA["name"]]


def test_candidates_do_not_change_what_is_not_theirs(company: Company) -> None:
    candidate = company.candidate()
    before = get(company.admin, candidate.id)
    not_theirs: dict[str, Any] = {
        "notes": "Hire me.",
        "lotStatus": "hired",
        "lotStatusHistory": [],
        "experienceYears": 50,
        "name": "Somebody Else",
        "email": "else@example.com",
        "status": "active",
        "role": "admin",
        "user": NOBODY,
        "tags": ["=cmd|' /C calc'!A0"],
    }
    for field, value in not_theirs.items():
        answer = candidate.put("/api/candidates/me", {"skills": ["Rust"], field: value})
        assert answer.status_code == 422, field
    assert get(company.admin, candidate.id) == before


class OlderService:
    """Writes documents as the Node service wrote them."""

    def __init__(self, database: Database[Document]) -> None:
        self.database = database

    def add(self, name: str, **profile: Any) -> Document:
        then = datetime(2024, 5, 1, tzinfo=UTC)
        user = {
            "_id": ObjectId(),
            "name": name,
            "email": f"{name.split()[0].lower()}@example.com",
            "passwordHash": "$2b$10$abcdefghijklmnopqrstuuGn5Qmx7Zl9yqMVpk1yH0nJ2kq3aZ5mW",
            "role": "candidate",
            "status": "active",
            "createdAt": then,
            "updatedAt": then,
            "__v": 0,
        }
        self.database["users"].insert_one(user)
        return self.add_profile({"user": user["_id"], "createdAt": then, "__v": 0, **profile})

    def add_profile(self, profile: Document) -> Document:
        self.database["candidateprofiles"].insert_one(profile)
        return profile


def test_documents_of_the_older_service_are_read_as_they_are(
    company: Company, database: Database[Document]
) -> None:
    profile = OlderService(database).add("Ada Lovelace")
    candidate = get(company.admin, str(profile["user"]))
    shown = candidate["profile"]
    unset = {"resumeUrl", "portfolioUrl", "experienceYears", "notes"}
    assert shown.keys() == {"id", "skills", "tags", "lotStatus", "createdAt"} | unset
    assert {field for field, value in shown.items() if value is None} == unset
    assert (candidate["profile"]["skills"], candidate["profile"]["lotStatus"]) == ([], "unassigned")
    assert names(company.admin) == ["Ada Lovelace"]


def test_the_release_makes_them_fit_to_be_found(
    company: Company, services: Services, database: Database[Document]
) -> None:
    older = OlderService(database)
    older.add("Ada Lovelace", skills=["Python", "SQL"], lotStatus="shortlisted")
    older.add("Bob Noyce", skills=["python"], tags=None)
    older.add_profile({"user": ObjectId(), "skills": ["Python"]})
    database["users"].update_one({"name": "Bob Noyce"}, {"$unset": {"status": ""}})
    for _ in range(2):
        sync_schema(services.repositories)
        assert names(company.admin, skill="python") == ["Ada Lovelace", "Bob Noyce"]
        assert names(company.admin, q="ada@", skill="sql") == ["Ada Lovelace"]
        assert names(company.admin, lotStatus="unassigned") == ["Bob Noyce"]
        assert names(company.admin, status="active") == ["Ada Lovelace", "Bob Noyce"]
    bob = everybody(company.admin, q="bob")[0]
    answer = company.admin.patch(f"{PATH}/{bob['id']}", {"tags": ["x"], "lotStatus": "rejected"})
    assert answer.status_code == 200, answer.text
    history = answer.json["candidate"]["profile"]["lotStatusHistory"]
    assert [entry["status"] for entry in history] == ["rejected"]


def test_the_release_goes_through_a_large_pool(
    company: Company, services: Services, database: Database[Document]
) -> None:
    users = [
        {"_id": ObjectId(), "name": f"Name {n}", "email": f"n{n}@x.example", "role": "candidate"}
        for n in range(220)
    ]
    database["users"].insert_many(users)
    database["candidateprofiles"].insert_many([{"user": user["_id"]} for user in users])
    sync_schema(services.repositories)
    assert database["candidateprofiles"].count_documents({"index.status": "active"}) == 220
    assert names(company.admin, q="219") == ["Name 219"]
