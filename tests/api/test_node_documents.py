"""The Node service's own database: what it left there is read, carried on and ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import bcrypt
import pytest
from bson import ObjectId
from flask import Flask
from pymongo.database import Database

from interview_platform.app import create_app
from interview_platform.auth.throttle import MAIL_LIMIT
from interview_platform.core.mongo import Document, sync_schema
from interview_platform.core.settings import Settings
from interview_platform.wiring import Services
from tests.interviews import at, slot
from tests.service import Person

THEN = datetime(2024, 5, 6, 7, 8, 9, 123000, tzinfo=UTC)
NEXT_YEAR = datetime.now(UTC).replace(microsecond=0) + timedelta(days=365)
PASSWORD = "their old password"


def mongoose(**fields: Any) -> Document:
    """Return a document as Mongoose with `timestamps` writes it."""
    return {"_id": ObjectId(), **fields, "createdAt": THEN, "updatedAt": THEN, "__v": 0}


def user(role: str, name: str, email: str) -> Document:
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    return mongoose(name=name, email=email, passwordHash=hashed, role=role, status="active")


@dataclass
class NodeService:
    """A database as the Node service left it, taken over by this one."""

    app: Flask
    database: Database[Document]
    admin: Person
    interviewer: Person
    candidate: Person
    interviews: dict[str, str]

    def interview(self, name: str) -> str:
        return f"/api/interviews/{self.interviews[name]}"

    def schedule(self, name: str) -> str:
        return f"/api/admin/interviews/{self.interviews[name]}"


@pytest.fixture
def database(new_database: Database[Document]) -> Database[Document]:
    return new_database


@pytest.fixture
def node(settings: Settings, database: Database[Document]) -> Iterator[NodeService]:
    admin = user("admin", "Root", "Root@Example.com")
    interviewer = user("interviewer", "Eve", "eve@example.com")
    candidate = user("candidate", "Ada", "ada@example.com")
    # As that service makes every candidate.
    candidate["status"] = "invited"
    # What a user was like before the service knew states.
    del interviewer["status"]
    profile = mongoose(
        user=candidate["_id"], skills=["python"], experienceYears=3, lotStatus="pending"
    )
    lot = mongoose(
        name="Spring",
        criteria={"experienceMin": 1, "skills": ["python"]},
        candidates=[profile["_id"]],
        status="active",
        createdBy=admin["_id"],
    )
    # Whose account was made the moment before the service was killed.
    without_profile = user("candidate", "Bob", "bob@example.com")
    task = mongoose(
        title="FizzBuzz",
        description="Up to 100.",
        starterCode="for n in numbers:\r\n    pass\r",
        difficulty="easy",
    )
    people = {"candidate": candidate["_id"], "interviewer": interviewer["_id"]}
    interviews = {
        "whole": mongoose(
            **people,
            lot=lot["_id"],
            codingTask=task["_id"],
            meetingRoomId="room-1",
            schedule={"start": NEXT_YEAR, "end": NEXT_YEAR + timedelta(hours=1)},
            status="scheduled",
            createdBy=admin["_id"],
        ),
        "held": mongoose(
            **people,
            meetingRoomId="room-1",
            schedule={"start": THEN, "end": THEN + timedelta(hours=1)},
            status="completed",
            feedback="Fine.",
            attentivenessScore=80,
        ),
        "endless": mongoose(**people, schedule={"start": THEN}, status="scheduled"),
        "undated": mongoose(**people, status="scheduled"),
        "void": mongoose(**people, schedule=None, status="live"),
        "orphaned": mongoose(
            candidate=candidate["_id"],
            interviewer=ObjectId(),
            lot=ObjectId(),
            codingTask=ObjectId(),
            schedule={},
            status="scheduled",
        ),
    }
    database["users"].insert_many([admin, interviewer, candidate, without_profile])
    database["candidateprofiles"].insert_one(profile)
    database["lots"].insert_one(lot)
    database["codingtasks"].insert_one(task)
    database["interviews"].insert_many(interviews.values())
    database["sessionlogs"].insert_many(
        [
            mongoose(
                interview=interviews["held"]["_id"],
                type=kind,
                timestamp=THEN + timedelta(minutes=minute),
                data={"minute": minute},
            )
            for minute, kind in ((2, "code"), (1, "system"), (3, "eye-tracking"))
        ]
    )
    with Services(settings) as services:
        sync_schema(services.repositories)
    app = create_app(settings)
    with app.extensions["services"]:

        def log_in(account: Document) -> Person:
            person = Person(app.test_client(), str(account["_id"]), email=account["email"])
            return person.log_in(PASSWORD)

        yield NodeService(
            app,
            database,
            log_in(admin),
            log_in(interviewer),
            log_in(candidate),
            {name: str(each["_id"]) for name, each in interviews.items()},
        )


def ids(person: Person, path: str, **query: Any) -> list[str]:
    found: list[str] = []
    while True:
        answer = person.get(path, limit=1, **query)
        assert answer.status_code == 200, answer.text
        found += [interview["id"] for interview in answer.json["interviews"]]
        if answer.json["next"] is None:
            return found
        query["after"] = answer.json["next"]


def test_people_log_in_as_before_and_their_hashes_are_renewed(node: NodeService) -> None:
    kept = node.database["users"].find_one({"email": "root@example.com"})
    assert kept is not None
    assert kept["passwordScheme"] == "bcrypt-hmac-sha384"
    assert not bcrypt.checkpw(PASSWORD.encode(), kept["passwordHash"].encode())
    node.admin.log_in(PASSWORD)
    answer = node.admin.get("/api/auth/me")
    assert answer.json["user"]["email"] == "root@example.com"
    assert "passwordHash" not in answer.text


def test_invited_candidates_with_a_password_become_active_by_logging_in(node: NodeService) -> None:
    """One of them is logged in by the fixture, one has never been."""
    assert node.candidate.get("/api/auth/me").json["user"]["status"] == "active"
    path = f"/api/admin/candidates/{node.candidate.id}"
    assert node.admin.get(path).json["candidate"]["status"] == "active"
    active = node.admin.get("/api/admin/candidates", status="active").json["candidates"]
    assert node.candidate.id in [each["id"] for each in active]
    newcomer = user("candidate", "New", "new@example.com") | {"status": "invited"}
    node.database["users"].insert_one(newcomer)
    person = Person(node.app.test_client(), email="new@example.com")
    wrong = person.post("/api/auth/login", {"email": person.email, "password": "not their own"})
    assert (wrong.status_code, wrong.json["message"]) == (401, "Invalid credentials")
    kept = node.database["users"].find_one({"_id": newcomer["_id"]})
    assert kept is not None
    assert kept["status"] == "invited"
    assert person.log_in(PASSWORD).get("/api/auth/me").json["user"]["status"] == "active"


@pytest.mark.parametrize("role", ["admin", "interviewer", "candidate"])
@pytest.mark.parametrize(
    ("status", "expected"), [("active", 200), ("invited", 200), ("inactive", 401)]
)
def test_accounts_in_every_state(node: NodeService, role: str, status: str, expected: int) -> None:
    account = user(role, "Somebody", "somebody@example.com") | {"status": status}
    node.database["users"].insert_one(account)
    body = {"email": account["email"], "password": PASSWORD}
    answer = Person(node.app.test_client()).post("/api/auth/login", body)
    assert answer.status_code == expected, answer.text


def test_the_default_password_opens_nothing_and_asks_for_a_new_one(node: NodeService) -> None:
    """The answer is the same for everybody, the mail too: neither tells whose password it is."""
    hashed = bcrypt.hashpw(b"Temp@1234", bcrypt.gensalt(4)).decode()
    defaults = [
        user("candidate", "Default", f"{status}@example.com")
        | {"status": status, "passwordHash": hashed}
        for status in ("invited", "active", "inactive")
    ]
    node.database["users"].insert_many(defaults)
    anyone = Person(node.app.test_client())
    emails = [*(each["email"] for each in defaults), "ada@example.com", "nobody@example.com"]
    told = set()
    for email in emails:
        for password in ("Temp@1234", "Temp@1234\0Temp@1234", "temp@1234"):
            answer = anyone.post("/api/auth/login", {"email": email, "password": password})
            assert answer.status_code == 401
            if password == "Temp@1234":
                told.add(answer.json["message"])
            else:
                assert answer.json["message"] == "Invalid credentials"
    [message] = told
    assert "a link to choose a new one is on its way" in message
    mails = node.database["notifications"].find({"template": "password_reset"}).sort("_id")
    assert [mail["email"] for mail in mails] == emails
    for _ in range(8):
        answer = anyone.post("/api/auth/login", {"email": emails[0], "password": "Temp@1234"})
    assert answer.status_code == 429
    mails_to_one = {"template": "password_reset", "email": emails[0]}
    assert node.database["notifications"].count_documents(mails_to_one) == MAIL_LIMIT


def test_another_first_admin_is_refused(node: NodeService) -> None:
    body = {"name": "Mallory", "email": "mallory@example.com", "password": "a long password"}
    anyone = Person(node.app.test_client())
    assert anyone.post("/api/auth/register-admin", body).status_code == 403


def test_every_list_holds_every_interview_once(node: NodeService) -> None:
    dated = [node.interviews["whole"], *sorted(_of(node, "held", "endless"), reverse=True)]
    undated = sorted(_of(node, "undated", "void", "orphaned"), reverse=True)
    assert ids(node.admin, "/api/admin/interviews") == dated + undated
    assert ids(node.candidate, "/api/interviews") == dated + undated
    assert ids(node.candidate, "/api/candidates/interviews") == (dated + undated)[::-1]
    assert ids(node.interviewer, "/api/interviews") == [
        each for each in dated + undated if each != node.interviews["orphaned"]
    ]
    assert ids(node.admin, "/api/admin/interviews", **{"from": at(0)}) == dated[:1]


def _of(node: NodeService, *names: str) -> list[str]:
    return [node.interviews[name] for name in names]


def test_what_an_interview_lacks_is_null(node: NodeService) -> None:
    whole = node.admin.get(node.interview("whole")).json["interview"]
    assert whole["candidate"]["name"] == "Ada"
    assert whole["interviewer"]["email"] == "eve@example.com"
    assert whole["lot"]["name"] == "Spring"
    assert whole["codingTask"]["title"] == "FizzBuzz"
    assert whole["codingTask"]["starterCode"] == "for n in numbers:\n    pass\n"
    assert whole["createdBy"] == node.admin.id
    held = node.admin.get(node.interview("held")).json["interview"]
    assert held["feedback"] == "Fine."
    assert held["attentivenessScore"] == 80
    for field in ("scorecard", "startedAt", "endedAt", "codingTask", "lot", "createdBy"):
        assert held[field] is None
    endless = node.candidate.get(node.interview("endless")).json["interview"]
    assert endless["schedule"] == {"start": "2024-05-06T07:08:09.123Z", "end": None}
    for name in ("undated", "void", "orphaned"):
        read = node.candidate.get(node.interview(name)).json["interview"]
        assert read["schedule"] == {"start": None, "end": None}
    orphaned = node.admin.get(node.interview("orphaned")).json["interview"]
    assert orphaned["interviewer"].keys() == orphaned["lot"].keys() == {"id"}
    assert node.interviewer.get(node.interview("orphaned")).status_code == 404


def test_interviews_that_shared_a_room_do_not_any_more(node: NodeService) -> None:
    rooms = {
        name: node.admin.get(node.interview(name)).json["interview"]["meetingRoomId"]
        for name in node.interviews
    }
    newest = max(("whole", "held"), key=node.interviews.__getitem__)
    assert [name for name, room in rooms.items() if room == "room-1"] == [newest]


def test_old_logs_are_numbered_by_time_and_go_on(node: NodeService) -> None:
    logs = node.admin.get(f"{node.interview('held')}/logs", order="asc").json["logs"]
    assert [(entry["seq"], entry["type"], entry["data"]) for entry in logs] == [
        (1, "system", {"minute": 1}),
        (2, "code", {"minute": 2}),
        (3, "eye-tracking", {"minute": 3}),
    ]
    assert logs[0]["timestamp"] == "2024-05-06T07:09:09.123Z"
    assert logs[0]["actor"] is None


def test_old_interviews_are_held_and_cancelled(node: NodeService) -> None:
    for name in ("whole", "endless", "undated"):
        started = node.interviewer.post(f"{node.interview(name)}/start")
        assert started.status_code == 200, started.text
    for name in ("whole", "endless", "undated", "void"):
        ended = node.interviewer.post(f"{node.interview(name)}/end", {"feedback": "Good."})
        assert ended.status_code == 200, ended.text
        assert ended.json["interview"]["feedback"] == "Good."
    cancelled = node.admin.post(f"{node.schedule('orphaned')}/cancel")
    assert cancelled.status_code == 200, cancelled.text
    pool = node.admin.get(f"/api/admin/candidates/{node.candidate.id}").json
    assert pool["candidate"]["profile"]["lotStatus"] == "interviewed"


def test_old_interviews_are_given_a_time_and_an_interviewer(node: NodeService) -> None:
    for hour, name in enumerate(("whole", "endless", "undated")):
        moved = node.admin.patch(node.schedule(name), {"schedule": slot(hour)})
        assert moved.status_code == 200, moved.text
        assert moved.json["interview"]["schedule"] == slot(hour)
    taken_over = node.admin.patch(node.schedule("orphaned"), {"interviewerId": node.interviewer.id})
    assert taken_over.status_code == 200, taken_over.text
    in_the_way = node.admin.patch(node.schedule("orphaned"), {"schedule": slot(0)})
    assert in_the_way.status_code == 409


def test_an_old_interview_without_a_time_is_given_another_interviewer(node: NodeService) -> None:
    for name in ("undated", "orphaned", "endless"):
        answer = node.admin.patch(node.schedule(name), {"interviewerId": node.admin.id})
        assert answer.status_code == 200, answer.text
        assert answer.json["interview"]["interviewer"]["id"] == node.admin.id


def test_candidates_without_a_profile_are_given_one(node: NodeService, settings: Settings) -> None:
    with Services(settings) as services:
        sync_schema(services.repositories)
    assert node.database["candidateprofiles"].count_documents({}) == 2
    listed = node.admin.get("/api/admin/candidates", q="bob").json["candidates"]
    assert [one["email"] for one in listed] == ["bob@example.com"]
    assert listed[0]["profile"]["lotStatus"] == "unassigned"
    person = Person(node.app.test_client(), listed[0]["id"], email="bob@example.com")
    own = person.log_in(PASSWORD).get("/api/candidates/me")
    assert own.json["profile"]["user"]["name"] == "Bob"
    answer = node.admin.patch(f"/api/admin/candidates/{person.id}", {"skills": ["go"]})
    assert answer.status_code == 200, answer.text
    interview = {
        "candidateId": listed[0]["profile"]["id"],
        "interviewerId": node.interviewer.id,
        "schedule": slot(),
    }
    assert node.admin.post("/api/admin/interviews", interview).status_code == 201
    assert node.admin.get("/api/admin/candidates", lotStatus="pending", q="bob").json["candidates"]


def test_people_of_old_interviews_are_booked_for_new_ones(node: NodeService) -> None:
    body = {
        "candidateId": node.candidate.id,
        "interviewerId": node.interviewer.id,
        "schedule": {
            "start": NEXT_YEAR.isoformat(),
            "end": (NEXT_YEAR + timedelta(hours=1)).isoformat(),
        },
    }
    answer = node.admin.post("/api/admin/interviews", body)
    assert answer.status_code == 409
    assert node.interviews["whole"] in answer.json["message"]
    answer = node.admin.post("/api/admin/interviews", {**body, "schedule": slot()})
    assert answer.status_code == 201, answer.text


def test_no_address_is_made_another_s(new_database: Database[Document], settings: Settings) -> None:
    addresses = ["Upper@Example.com", "groß@example.com", "\u212aelvin@example.com"]
    new_database["users"].insert_many(
        [user("candidate", "Somebody", address) for address in addresses]
    )
    with Services(settings) as services:
        sync_schema(services.repositories)
    kept = [each["email"] for each in new_database["users"].find().sort("_id")]
    assert kept == ["upper@example.com", *addresses[1:]]


def test_the_release_can_run_again(node: NodeService, settings: Settings) -> None:
    before = [dict(each) for each in node.database["interviews"].find().sort("_id")]
    with Services(settings) as services:
        sync_schema(services.repositories)
    assert [dict(each) for each in node.database["interviews"].find().sort("_id")] == before
