"""One mailbox is one account, however its address is spelled."""

from __future__ import annotations

from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from interview_platform.core.mongo import Document, sync_schema
from interview_platform.wiring import Services
from tests.pool import send_csv
from tests.service import PASSWORD, Company, Person

KEPT = "ada@xn--bcher-kva.example"
SAME_MAILBOX = [
    "ada@bücher.example",
    "Ada@BÜCHER.Example",
    "ada@bu\u0308cher.example",  # decomposed
    "ada@XN--BCHER-KVA.example",
    "ada@ｂüｃｈｅｒ.ｅｘａｍｐｌｅ",  # noqa: RUF001
    "ada@bücher\u3002example",  # an ideographic full stop
    *(
        f"ada@bü{hidden}cher.example"
        for hidden in "\u200b\u2060\ufeff\u00ad\ufe0f\ufe00\u034f\u115f\u3164\U000e0100"
    ),
]
# What is removed from no name of a domain, since it may be a part of it or is no text.
REFUSED_IN_DOMAINS = "\u200c\u200d\u200e\u202a\u202c\u202e\u2066\u0000\u0007\u0085\u2028\ue000"
HIDDEN = (
    "\u200b\u200c\u200d\u200e\u2060\ufeff\u00ad\u202c\u202e\u034f\u115f\u3164\uffa0\u0007\u0085"
)

DIFFERENT_MAILBOXES = [
    "ada@buecher.example",
    "ada@bucher.example",
    "ada@büchér.example",
    "ada@straße.example",
    "ada@strasse.example",
    "ädä@bücher.example",
    "ad.a@bücher.example",
    "ada@r3---sn.example",
]
REFUSED = [
    *(f"ada@ex{character}ample.com" for character in REFUSED_IN_DOMAINS),
    *(f"a{character}da@example.com" for character in HIDDEN),
    '"ada"@example.com',
    '"a\u0007a"@example.com',
    "ａｄａ@example.com",  # noqa: RUF001
    "groß@example.com",
    "ÄDA@example.com",
    "ada@\U0001f4a9.example",
    "ada@xn--a.example",
    "ada@xn--bcher-KVA\u00e9.example",
    "ada@א1a.example",
    "ada@" + "ü" * 64 + ".example",
    "ada@ü..example",
    "ada@[IPv6:::1]",
    "ada",
    "@example.com",
]


def candidate(email: str, **fields: Any) -> dict[str, Any]:
    return {"name": "Ada", "email": email, "password": PASSWORD, **fields}


def faults(answer: Any) -> list[str]:
    assert answer.status_code == 422, answer.text
    assert list(answer.json["errors"]["json"]) == ["email"]
    found: list[str] = answer.json["errors"]["json"]["email"]
    return found


def test_every_spelling_of_an_address_is_one_account(
    company: Company, database: Database[Document]
) -> None:
    path = "/api/admin/candidates"
    made = company.admin.post(path, candidate(SAME_MAILBOX[0]))
    assert made.json["user"]["email"] == KEPT
    for email in SAME_MAILBOX:
        assert company.admin.post(path, candidate(email)).status_code == 409, email
        staff = {"name": "Ada", "email": email, "role": "interviewer"}
        assert company.admin.post("/api/admin/users", staff).status_code == 409, email
        admin = {"name": "Ada", "email": email, "password": PASSWORD}
        assert company.admin.post("/api/auth/register-admin", admin).status_code == 409, email
        person = Person(company.app.test_client(), email=email).log_in()
        assert person.get("/api/auth/me").json["user"]["id"] == made.json["user"]["id"]
    assert database["users"].count_documents({"role": "candidate"}) == 1


def test_addresses_of_other_mailboxes_are_other_accounts(company: Company) -> None:
    for email in [SAME_MAILBOX[0], *DIFFERENT_MAILBOXES]:
        answer = company.admin.post("/api/admin/candidates", candidate(email))
        assert answer.status_code == 201, (email, answer.text)


@pytest.mark.parametrize("email", REFUSED, ids=ascii)
def test_an_address_that_has_no_one_form_is_refused(company: Company, email: str) -> None:
    assert faults(company.admin.post("/api/admin/candidates", candidate(email)))
    assert faults(company.anyone.post("/api/auth/register-admin", candidate(email)))
    staff = {"name": "Ada", "email": email, "role": "admin"}
    assert faults(company.admin.post("/api/admin/users", staff))
    quoted = email.replace('"', '""')
    imported = send_csv(company.admin, f'name,email\nAda,"{quoted}"\n')
    assert [[*row["errors"]] for row in imported.json["rejected"]] == [["email"]]


MESSAGES = [
    *(
        (f"a{character}da@example.com", "Before the @ there must be no invisible characters.")
        for character in HIDDEN
    ),
    ("ada@ex\u202eample.com", "The part behind the @ is not the name of a domain."),
    ("ada@ex\u200cample.com", "The part behind the @ is not the name of a domain."),
]


def test_what_is_wrong_with_an_address_is_told(company: Company) -> None:
    for email, message in MESSAGES:
        assert faults(company.admin.post("/api/admin/candidates", candidate(email))) == [message]


def test_an_import_names_the_rows_of_one_mailbox(company: Company) -> None:
    rows = "\n".join(f'Ada,"{email}"' for email in SAME_MAILBOX)
    answer = send_csv(company.admin, f"name,email\n{rows}\n")
    assert (answer.json["created"], answer.json["rejected"]) == (1, [])
    assert answer.json["duplicates"] == [
        {"line": line, "email": KEPT, "firstLine": 2} for line in range(3, len(SAME_MAILBOX) + 2)
    ]


def test_every_spelling_asks_for_the_same_link(
    company: Company, database: Database[Document]
) -> None:
    company.admin.post("/api/admin/candidates", candidate(KEPT))
    for email in SAME_MAILBOX[:5]:
        asked = company.anyone.post("/api/auth/password/forgot", {"email": email})
        assert asked.status_code == 202
    assert database["notifications"].distinct("email") == [KEPT]
    # They are counted as one, so that one mailbox gets a few at most.
    company.anyone.post("/api/auth/password/forgot", {"email": SAME_MAILBOX[5]})
    assert database["notifications"].count_documents({}) == 5


def test_guesses_under_every_spelling_are_counted_together(company: Company) -> None:
    spellings = (SAME_MAILBOX * 2)[:11]
    statuses = [
        company.anyone.post(
            "/api/auth/login", {"email": email, "password": "a wrong one"}
        ).status_code
        for email in spellings
    ]
    assert statuses == [401] * 10 + [429]


def test_an_erasure_is_confirmed_by_any_spelling(company: Company) -> None:
    for email in SAME_MAILBOX[:4]:
        made = company.admin.post("/api/admin/candidates", candidate(KEPT)).json["user"]
        path = f"/api/admin/candidates/{made['id']}/erase"
        wrong = company.admin.post(path, {"confirm": "ada@bucher.example"})
        assert wrong.status_code == 422
        assert company.admin.post(path, {"confirm": email}).status_code == 204, email


def old_account(services: Services, email: str) -> Document:
    """Insert an account whose address is as an earlier version has kept it."""
    kept = services.hasher.hash(f"the password of {email}")
    user = {
        "_id": ObjectId(),
        "name": email,
        "email": email,
        "role": "candidate",
        "status": "active",
        "passwordHash": kept.value,
        "passwordScheme": kept.scheme,
    }
    services.store["users"].insert_one(user)
    return user


def test_the_release_phase_gives_older_accounts_the_one_form(
    company: Company, services: Services
) -> None:
    older = {
        "ada@bücher.example": KEPT,
        "Bo@BU\u0308cher\u200b.example": "bo@xn--bcher-kva.example",
        "groß@Bücher.example": "groß@xn--bcher-kva.example",
        # IDNA has no form for them: only A to Z are put in lower case.
        "Cy@☃.example": "cy@☃.example",
        "Di@under_score.example": "di@under_score.example",
        '"e e"@example.com': '"e e"@example.com',
    }
    users = [old_account(services, email) for email in older]
    services.store["notifications"].insert_one(
        {"channel": "email", "status": "sent", "user": None, "email": "ada@bücher.example"}
    )
    for _ in range(2):
        sync_schema(services.repositories)
        found = services.users.by_ids(user["_id"] for user in users)
        assert [found[user["_id"]]["email"] for user in users] == list(older.values())
    assert services.store["notifications"].distinct("email") == [KEPT]
    for email in older:
        Person(company.app.test_client(), email=email).log_in(f"the password of {email}")


def test_accounts_of_one_mailbox_are_reported_and_left_alone(
    company: Company, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    spellings = [KEPT, "ada@bücher.example", "Ada@bu\u0308cher.example"]
    others = ["Bo@example.com", "BO@example.com"]
    users = {email: old_account(services, email) for email in [*spellings, *others]}
    for _ in range(2):
        caplog.clear()
        sync_schema(services.repositories)
        reports = [record.getMessage() for record in caplog.records if "share" in record.message]
        assert len(reports) == 2
        for report, group in zip(reports, (spellings, others), strict=True):
            assert all(str(users[email]["_id"]) in report for email in group)
            assert "@" not in report
    kept = services.users.by_ids(user["_id"] for user in users.values())
    assert [kept[user["_id"]]["email"] for user in users.values()] == list(users)

    # Who types an address as it is kept gets to that account, anybody else to the canonical one.
    for email in users:
        person = Person(company.app.test_client(), email=email)
        person.log_in(f"the password of {email}")
        assert person.get("/api/auth/me").json["user"]["name"] == email
    for email in ("ADA@BÜCHER.example", "ada@BÜcher.example"):
        Person(company.app.test_client(), email=email).log_in(f"the password of {KEPT}")
        company.anyone.post("/api/auth/password/forgot", {"email": email})
    company.anyone.post("/api/auth/password/forgot", {"email": "ada@bücher.example"})
    asked = services.store["notifications"].find().sort("_id")
    assert [row["email"] for row in asked] == [KEPT, KEPT, "ada@bücher.example"]
    erase = f"/api/admin/candidates/{users['ada@bücher.example']['_id']}/erase"
    assert company.admin.post(erase, {"confirm": "ada@bücher.example"}).status_code == 204
