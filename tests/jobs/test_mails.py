"""From a call of the API to the provider's door, and back by the links in the mail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import bcrypt
import pytest

from interview_platform.app import create_app
from tests.jobs.conftest import OpenDesk
from tests.jobs.desk import working
from tests.live import wait_until
from tests.providers import Provider
from tests.service import PASSWORD, Company, Person

NEW_PASSWORD = "something quite new"


@pytest.fixture(scope="module")
def company(open_desk: OpenDesk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """A company with a worker, which sends its mail to `sendgrid`."""
    desk = open_desk(BCRYPT_SALT_ROUNDS="4", LOG_LEVEL="warning")
    app = create_app(desk.settings)
    with app.extensions["services"], working(desk, tmp_path_factory.mktemp("log") / "worker.log"):
        yield Company(app)


def mail_text(sendgrid: Provider, to: str, number: int = 1) -> str:
    """Return the text of the mail of this number that reached `to`."""
    wait_until(lambda: len(sendgrid.to(to)) >= number, f"mail {number} to {to}")
    message = sendgrid.to(to)[number - 1].message
    parts = {part["type"]: part["value"] for part in message["content"]}
    text: str = parts["text/plain"]
    return text


def link_of(text: str) -> dict[str, str]:
    """Return what the one-use link in a mail's text carries behind its #."""
    match = re.search(r"https://app\.example\.com/welcome#(\S+)", text)
    assert match is not None, text
    return {name: values[0] for name, values in parse_qs(match[1]).items()}


def test_an_invited_candidate_sets_a_password_once(company: Company, sendgrid: Provider) -> None:
    body = {"name": "Invited One", "email": "invited@example.com"}
    created = company.admin.post("/api/admin/candidates", body)
    assert created.json["user"]["status"] == "invited"
    link = link_of(mail_text(sendgrid, "invited@example.com"))
    assert link["purpose"] == "invitation"
    use = {"token": link["token"], "password": NEW_PASSWORD}
    assert company.anyone.post("/api/auth/password/reset", use).status_code == 204
    person = Person(company.app.test_client(), email="invited@example.com").log_in(NEW_PASSWORD)
    assert person.get("/api/candidates/me").status_code == 200
    again = company.anyone.post("/api/auth/password/reset", use)
    assert again.status_code == 422


def test_a_forgotten_password_is_set_anew_and_ends_every_session(
    company: Company, sendgrid: Provider
) -> None:
    person = company.staff()
    asked = company.anyone.post("/api/auth/password/forgot", {"email": person.email.upper()})
    assert asked.status_code == 202
    nobody = company.anyone.post("/api/auth/password/forgot", {"email": "nobody@example.com"})
    assert nobody.status_code == 202
    link = link_of(mail_text(sendgrid, person.email))
    assert link["purpose"] == "reset"
    weak = {"token": link["token"], "password": "password123"}
    assert company.anyone.post("/api/auth/password/reset", weak).status_code == 422
    use = {"token": link["token"], "password": NEW_PASSWORD}
    assert company.anyone.post("/api/auth/password/reset", use).status_code == 204
    assert person.get("/api/auth/me").status_code == 401
    person.log_in(NEW_PASSWORD)
    assert sendgrid.to("nobody@example.com") == []


def test_the_default_password_of_the_node_service_leads_to_a_new_one(
    company: Company, sendgrid: Provider
) -> None:
    services = company.app.extensions["services"]
    for name, status in (("given", "invited"), ("closed", "inactive")):
        services.users.add(
            {
                "name": "Cleo",
                "email": f"{name}@example.com",
                "role": "candidate",
                "status": status,
                "passwordHash": bcrypt.hashpw(b"Temp@1234", bcrypt.gensalt(4)).decode(),
            }
        )
    for email in ("closed@example.com", "stranger@example.com", "given@example.com"):
        login = {"email": email, "password": "Temp@1234"}
        assert company.anyone.post("/api/auth/login", login).status_code == 401
    link = link_of(mail_text(sendgrid, "given@example.com"))
    again = {"token": link["token"], "password": "Temp@1234"}
    assert company.anyone.post("/api/auth/password/reset", again).status_code == 422
    use = {"token": link["token"], "password": NEW_PASSWORD}
    assert company.anyone.post("/api/auth/password/reset", use).status_code == 204
    person = Person(company.app.test_client(), email="given@example.com").log_in(NEW_PASSWORD)
    assert person.get("/api/auth/me").json["user"]["status"] == "active"
    assert sendgrid.to("closed@example.com") == sendgrid.to("stranger@example.com") == []


def test_a_deactivated_account_cannot_come_back_by_a_link(
    company: Company, sendgrid: Provider
) -> None:
    person = company.staff()
    company.anyone.post("/api/auth/password/forgot", {"email": person.email})
    link = link_of(mail_text(sendgrid, person.email))
    path = f"/api/admin/users/{person.id}"
    assert company.admin.patch(path, {"status": "inactive"}).status_code == 200
    use = {"token": link["token"], "password": NEW_PASSWORD}
    assert company.anyone.post("/api/auth/password/reset", use).status_code == 422


def test_both_sides_are_told_of_an_interview_in_their_own_time(
    company: Company, sendgrid: Provider
) -> None:
    interviewer = company.staff(timezone="America/New_York")
    candidate = company.candidate(timezone="Europe/Berlin")
    day = (datetime.now(UTC) + timedelta(days=30)).date()
    body = {
        "candidateId": candidate.id,
        "interviewerId": interviewer.id,
        "schedule": {"start": f"{day}T15:00:00Z", "end": f"{day}T16:00:00Z"},
    }
    answer = company.admin.post("/api/admin/interviews", body)
    assert answer.status_code == 201
    to_candidate = mail_text(sendgrid, candidate.email)
    to_interviewer = mail_text(sendgrid, interviewer.email)
    assert interviewer.name in to_candidate
    assert candidate.name in to_interviewer
    for text, zone in ((to_candidate, "Europe/Berlin"), (to_interviewer, "America/New_York")):
        assert local_time(f"{day}T15:00:00+00:00", zone) in text
    path = f"/api/admin/interviews/{answer.json['interview']['id']}/cancel"
    assert company.admin.post(path, {"reason": "A burst pipe"}).status_code == 200
    assert "A burst pipe" in mail_text(sendgrid, candidate.email, 2)
    assert sendgrid.faults == []


def local_time(moment: str, zone: str) -> str:
    """Return the hour and minute that a clock in `zone` shows at `moment`."""
    local = datetime.fromisoformat(moment).astimezone(ZoneInfo(zone))
    return f"{local:%H:%M}"


def test_a_domain_in_other_letters_is_written_to_in_ascii(
    company: Company, sendgrid: Provider
) -> None:
    invited = {"name": "Zoë", "email": "zoe@bücher.example"}
    assert company.admin.post("/api/admin/candidates", invited).status_code == 201
    text = mail_text(sendgrid, "zoe@xn--bcher-kva.example")
    assert link_of(text)["purpose"] == "invitation"
    assert sendgrid.faults == []


def test_the_password_of_the_tests_is_no_default(company: Company) -> None:
    body = {"name": "Invited Two", "email": "two@example.com"}
    company.admin.post("/api/admin/candidates", body)
    for password in (PASSWORD, "password", "candidate", "two@example.com"):
        login = {"email": "two@example.com", "password": password}
        assert company.anyone.post("/api/auth/login", login).status_code == 401
