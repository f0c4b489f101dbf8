"""Accounts, sessions and passwords, over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from bson import ObjectId
from flask import Flask
from pymongo.database import Database

from interview_platform.app import create_app
from interview_platform.auth.accounts import AccountLinks
from interview_platform.core.mongo import Document
from tests.queries import recorded, stages
from tests.service import PASSWORD, Company, Person

NEW_PASSWORD = "a rather different one"


def test_first_admin_registers_and_is_the_only_one_who_can(app: Flask) -> None:
    anyone = Person(app.test_client())
    body = {"name": "Grace", "email": " Grace@Example.COM ", "password": PASSWORD}
    answer = anyone.post("/api/auth/register-admin", body)
    assert answer.status_code == 201
    user = answer.json["user"]
    assert user == {
        "id": user["id"],
        "name": "Grace",
        "email": "grace@example.com",
        "role": "admin",
    }
    refused = anyone.post("/api/auth/register-admin", {**body, "email": "eve@example.com"})
    assert refused.status_code == 403


def test_of_two_first_admins_at_once_one_wins(app: Flask) -> None:
    def register(number: int) -> int:
        body = {"name": "A", "email": f"a{number}@example.com", "password": PASSWORD}
        return Person(app.test_client()).post("/api/auth/register-admin", body).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(register, range(8)))
    assert answers == [201] + [403] * 7


def test_an_admin_registers_another(company: Company) -> None:
    body = {"name": "Alan", "email": "alan@example.com", "password": PASSWORD}
    assert company.admin.post("/api/auth/register-admin", body).status_code == 201
    assert company.admin.post("/api/auth/register-admin", body).status_code == 409
    interviewer = company.staff()
    body["email"] = "other@example.com"
    assert interviewer.post("/api/auth/register-admin", body).status_code == 403


def test_login_answers_as_the_contract_says(company: Company) -> None:
    body = {"email": "GRACE@example.com", "password": PASSWORD}
    answer = company.anyone.post("/api/auth/login", body)
    assert answer.status_code == 200
    assert answer.json["expiresIn"] == 86400
    assert answer.json["user"] == {
        "id": company.admin.id,
        "name": "Grace Hopper",
        "email": "grace@example.com",
        "role": "admin",
    }
    wrong = company.anyone.post("/api/auth/login", {**body, "password": "wrong password"})
    assert (wrong.status_code, wrong.json["message"]) == (401, "Invalid credentials")
    assert wrong.json["requestId"] == wrong.headers["X-Request-Id"]


def test_me_tells_the_own_account(company: Company) -> None:
    me = company.admin.get("/api/auth/me").json["user"]
    assert me["email"] == "grace@example.com"
    assert me["status"] == "active"
    assert me["createdAt"].endswith("Z")


def test_logout_ends_this_session_and_logout_all_every_one(company: Company) -> None:
    second = company.staff()
    first = Person(second.client, second.id, email=second.email).log_in()
    third = Person(second.client, second.id, email=second.email).log_in()
    assert first.post("/api/auth/logout").status_code == 204
    assert first.get("/api/auth/me").status_code == 401
    assert second.get("/api/auth/me").status_code == 200
    assert second.post("/api/auth/logout-all").status_code == 204
    assert {p.get("/api/auth/me").status_code for p in (second, third)} == {401}


def test_password_change_ends_every_session_and_opens_a_new_one(company: Company) -> None:
    one = company.staff()
    two = Person(one.client, one.id, email=one.email).log_in()
    wrong = one.post(
        "/api/auth/password", {"currentPassword": "not it at all", "newPassword": NEW_PASSWORD}
    )
    assert wrong.status_code == 422
    assert "currentPassword" in wrong.json["errors"]["json"]
    answer = one.post(
        "/api/auth/password", {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    )
    assert answer.status_code == 200
    assert {p.get("/api/auth/me").status_code for p in (one, two)} == {401}
    one.token = answer.json["token"]
    assert one.get("/api/auth/me").status_code == 200
    assert one.log_in(NEW_PASSWORD).token


def test_forgotten_passwords_are_accepted_for_known_and_unknown(
    company: Company, database: Database[Document]
) -> None:
    before = database.notifications.count_documents({})
    answers = [
        company.anyone.post("/api/auth/password/forgot", {"email": email})
        for email in ("grace@example.com", "nobody@example.com")
    ]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json["message"] == answers[1].json["message"]
    assert database.notifications.count_documents({}) == before + 2


def test_an_unknown_reset_token_is_refused(company: Company) -> None:
    body = {"token": "never issued", "password": NEW_PASSWORD}
    answer = company.anyone.post("/api/auth/password/reset", body)
    assert answer.status_code == 422
    assert "token" in answer.json["errors"]["json"]


def test_staff_are_created_listed_and_changed(company: Company) -> None:
    interviewer = company.staff(name="Ida", timezone="Europe/Berlin", phone="+49 30 123456")
    listed = company.admin.get("/api/admin/users", role="interviewer").json["users"]
    assert [(user["name"], user["phone"]) for user in listed] == [("Ida", "+4930123456")]
    path = f"/api/admin/users/{interviewer.id}"
    changed = company.admin.patch(path, {"name": "Ida B.", "notificationChannel": "sms"})
    assert changed.json["user"]["name"] == "Ida B."
    assert interviewer.get("/api/auth/me").json["user"]["notificationChannel"] == "sms"
    again = company.admin.post(
        "/api/admin/users",
        {"name": "X", "email": interviewer.email.upper(), "role": "interviewer"},
    )
    assert again.status_code == 409


def test_staff_without_a_password_are_invited(
    company: Company, database: Database[Document]
) -> None:
    body = {"name": "Ina", "email": "ina@example.com", "role": "interviewer"}
    user = company.admin.post("/api/admin/users", body).json["user"]
    assert user["status"] == "invited"
    row = database.notifications.find_one({"template": "account_invitation"})
    assert row is not None
    assert str(row["user"]) == user["id"]
    login = company.anyone.post(
        "/api/auth/login", {"email": "ina@example.com", "password": PASSWORD}
    )
    assert login.status_code == 401


@pytest.mark.parametrize("change", [{"status": "inactive"}, {"role": "admin"}])
def test_deactivation_and_a_new_role_take_hold_on_the_next_request(
    company: Company, change: Document
) -> None:
    interviewer = company.staff()
    assert interviewer.get("/api/auth/me").status_code == 200
    path = f"/api/admin/users/{interviewer.id}"
    assert company.admin.patch(path, change).status_code == 200
    assert interviewer.get("/api/auth/me").status_code == 401
    refreshed = company.anyone.post(
        "/api/auth/refresh", {"refreshToken": interviewer.refresh_token}
    )
    assert refreshed.status_code == 401


def test_a_change_that_changes_nothing_ends_no_session(company: Company) -> None:
    interviewer, candidate = company.staff(), company.candidate()
    same = {"role": "interviewer", "status": "active", "name": interviewer.name}
    path = f"/api/admin/users/{interviewer.id}"
    assert company.admin.patch(path, same).status_code == 200
    path = f"/api/admin/candidates/{candidate.id}"
    assert company.admin.patch(path, {"status": "active"}).status_code == 200
    for person in (interviewer, candidate):
        assert person.get("/api/auth/me").status_code == 200


def test_an_account_without_a_password_is_invited_again_instead_of_activated(
    company: Company, database: Database[Document]
) -> None:
    staff = {"name": "Ina", "email": "ina@example.com", "role": "interviewer"}
    candidate = {"name": "Cleo", "email": "cleo@example.com"}
    for path, body in (("users", staff), ("candidates", candidate)):
        created = company.admin.post(f"/api/admin/{path}", body).json["user"]
        for status in ("active", "inactive", "active"):
            answer = company.admin.patch(f"/api/admin/{path}/{created['id']}", {"status": status})
            assert answer.status_code == 200
        known = answer.json.get("user") or answer.json["candidate"]
        assert known["status"] == "invited"
        rows = {"template": "account_invitation", "user": ObjectId(created["id"])}
        assert database.notifications.count_documents(rows) == 3


def test_a_new_password_and_a_deactivation_void_links_that_were_sent(
    company: Company, links: AccountLinks
) -> None:
    person = company.staff()

    def use(link: str) -> int:
        body = {"token": link, "password": NEW_PASSWORD}
        return company.anyone.post("/api/auth/password/reset", body).status_code

    before = links.issue(ObjectId(person.id), "reset")
    change = {"currentPassword": PASSWORD, "newPassword": "another one of mine"}
    assert person.post("/api/auth/password", change).status_code == 200
    assert use(before) == 422
    before = links.issue(ObjectId(person.id), "invitation")
    for status in ("inactive", "active"):
        company.admin.patch(f"/api/admin/users/{person.id}", {"status": status})
    assert use(before) == 422
    assert use(links.issue(ObjectId(person.id), "reset")) == 204


def test_a_new_role_leaves_an_invitation_as_it_is(company: Company, links: AccountLinks) -> None:
    body = {"name": "Ina", "email": "ina@example.com", "role": "interviewer"}
    invited = company.admin.post("/api/admin/users", body).json["user"]
    link = links.issue(ObjectId(invited["id"]), "invitation")
    path = f"/api/admin/users/{invited['id']}"
    assert company.admin.patch(path, {"role": "admin"}).status_code == 200
    taken = {"token": link, "password": NEW_PASSWORD}
    assert company.anyone.post("/api/auth/password/reset", taken).status_code == 204
    entered = {"email": body["email"], "password": NEW_PASSWORD}
    answer = company.anyone.post("/api/auth/login", entered)
    assert answer.json["user"]["role"] == "admin"


@pytest.mark.parametrize("change", [{"status": "inactive"}, {"role": "interviewer"}])
def test_the_last_admin_stays_one(company: Company, change: Document) -> None:
    path = f"/api/admin/users/{company.admin.id}"
    assert company.admin.patch(path, change).status_code == 409
    assert company.admin.get("/api/auth/me").status_code == 200


def test_two_admins_cannot_deactivate_each_other_at_once(company: Company) -> None:
    other = company.staff("admin")

    def deactivate(pair: tuple[Person, Person]) -> int:
        actor, target = pair
        path = f"/api/admin/users/{target.id}"
        return actor.patch(path, {"status": "inactive"}).status_code

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(deactivate, [(company.admin, other), (other, company.admin)]))
    assert answers[0] == 200
    assert answers[1] in (401, 409)


def test_pages_go_through_all_and_end(company: Company) -> None:
    made = {company.staff().id for _ in range(5)}
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = company.admin.get("/api/admin/users", limit=2, **after).json
        seen += [user["id"] for user in page["users"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert len(seen) == len(set(seen)) == 6
    assert made < set(seen)
    bad = company.admin.get("/api/admin/users", after="bm9uc2Vuc2U")
    assert (bad.status_code, list(bad.json["errors"])) == (422, ["query"])


def test_no_look_up_of_accounts_reads_a_whole_collection(
    company: Company, database: Database[Document]
) -> None:
    interviewer = company.staff()
    with recorded(database) as commands:
        # A client of the recording, since only those made after it began are heard.
        app = create_app(company.app.extensions["services"].settings)
        with app.extensions["services"]:
            person = Person(app.test_client(), email=interviewer.email).log_in()
            person.get("/api/auth/me")
            person.post("/api/auth/refresh", {"refreshToken": person.refresh_token})
            admin = Person(app.test_client(), token=company.admin.token)
            for query in ({}, {"role": "interviewer"}, {"status": "active"}):
                assert admin.get("/api/admin/users", limit=1, **query).status_code == 200
            admin.post("/api/auth/logout")
    finds = [command for command in commands if "find" in command]
    assert {command["find"] for command in finds} >= {"users", "sessions"}
    for command in finds:
        assert "COLLSCAN" not in stages(database, command), command
