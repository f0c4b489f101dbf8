"""Statements 11, 12 and 14: what passwords are, and what guessing them brings."""

from __future__ import annotations

import hmac
import time
import unicodedata
from base64 import b64encode
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import bcrypt
import pytest
from bson import ObjectId
from flask import Flask
from pymongo.database import Database

from interview_platform.app import create_app
from interview_platform.auth.accounts import AccountLinks
from interview_platform.core.mongo import Document
from interview_platform.core.security import PasswordHash
from interview_platform.core.settings import Settings
from interview_platform.wiring import Services
from tests.service import PASSWORD, Company, Person


def register(app: Flask, password: str, email: str = "a@example.com") -> int:
    body = {"name": "A", "email": email, "password": password}
    return Person(app.test_client()).post("/api/auth/register-admin", body).status_code


def login(person: Person, email: str, password: str, **headers: str) -> int:
    body = {"email": email, "password": password}
    return person.post("/api/auth/login", body, headers=headers).status_code


@pytest.mark.parametrize(
    "password",
    [
        "short77",
        "x" * 257,
        "password123",
        "PASSWORD",
        "iloveyou",
        "12345678",
        "Temp@1234",
        "temp@1234",
    ],
)
def test_11_passwords_that_are_refused(app: Flask, password: str) -> None:
    assert register(app, password) == 422


def test_11_a_lone_surrogate_is_no_character(app: Flask) -> None:
    body = r'{"name": "A", "email": "a@example.com", "password": "ab\ud800cdefgh"}'
    answer = Person(app.test_client()).call(
        "POST", "/api/auth/register-admin", data=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "password",
    ["aaaabbbb", "пароль на кириллице", "nul\0in the middle", "  spaces count  ", "x" * 256],
)
def test_11_passwords_that_are_taken_exactly_as_they_are(app: Flask, password: str) -> None:
    assert register(app, password) == 201
    person = Person(app.test_client())
    assert login(person, "a@example.com", password) == 200
    for other in (password[:-1], password + "x", password.strip() + "y", password.swapcase()):
        if other != password and len(other) <= 256:
            assert login(person, "a@example.com", other) == 401


def test_11_nothing_beyond_72_bytes_is_cut_off(app: Flask) -> None:
    assert register(app, "é" * 100 + "1") == 201
    person = Person(app.test_client())
    assert login(person, "a@example.com", "é" * 100 + "2") == 401
    assert login(person, "a@example.com", "é" * 100 + "1") == 200


COMPOSED = "Gänsefüßchen für alle"
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


@pytest.mark.parametrize("chosen", [COMPOSED, DECOMPOSED])
@pytest.mark.parametrize("typed", [COMPOSED, DECOMPOSED])
def test_a_password_opens_in_whichever_form_it_is_composed(
    app: Flask, database: Database[Document], chosen: str, typed: str
) -> None:
    assert register(app, chosen) == 201
    assert login(Person(app.test_client()), "a@example.com", typed) == 200
    assert login(Person(app.test_client()), "a@example.com", typed.replace("ä", "a")[:-1]) == 401


@pytest.mark.parametrize(
    ("chosen", "typed"),
    [
        # Hangul: three letters, or one syllable of them.
        ("\u1112\u1161\u11ab" * 8, "\ud55c" * 8),
        # Marks in another order.
        ("q\u0323\u0307" * 8, "q\u0307\u0323" * 8),
        # The sign for ohm is the letter.
        ("\u2126" * 8, "\u03a9" * 8),
        # Longer in NFC than as typed.
        ("\u0958" * 256, "\u0958" * 256),
    ],
)
def test_passwords_that_unicode_calls_equal_are_equal(app: Flask, chosen: str, typed: str) -> None:
    assert register(app, chosen) == 201
    for password in (chosen, typed):
        assert login(Person(app.test_client()), "a@example.com", password) == 200


@pytest.mark.parametrize("typed", ["\uff41" * 8, "\ufb01" * 8, "\u2460" * 8])
def test_passwords_that_only_look_alike_are_not_equal(app: Flask, typed: str) -> None:
    """Full-width letters, ligatures and circled digits are characters of their own."""
    assert register(app, typed) == 201
    alike = unicodedata.normalize("NFKC", typed)
    assert login(Person(app.test_client()), "a@example.com", alike) == 401


def test_length_is_counted_in_composed_characters(app: Flask) -> None:
    assert register(app, "e\u0301" * 7) == 422
    assert register(app, "e\u0301" * 8) == 201


@pytest.mark.parametrize("scheme", ["bcrypt", "bcrypt-hmac-sha384"])
def test_a_hash_of_a_decomposed_password_is_renewed(
    company: Company, database: Database[Document], scheme: str
) -> None:
    """Hashes from before were of what was received: what a keyboard typed then opens still."""
    person = company.staff()
    prepared = DECOMPOSED.encode()
    if scheme != "bcrypt":
        prepared = b64encode(hmac.digest(b"", prepared, "sha384"))
    kept = bcrypt.hashpw(prepared, bcrypt.gensalt(4)).decode()
    database.users.update_one(
        {"_id": ObjectId(person.id)}, {"$set": {"passwordHash": kept, "passwordScheme": scheme}}
    )
    assert login(company.anyone, person.email, COMPOSED) == 401
    assert login(company.anyone, person.email, DECOMPOSED) == 200
    assert login(company.anyone, person.email, COMPOSED) == 200
    # Renewed once: it is of the composed form now, whatever is typed.
    renewed = database.users.find_one({"_id": ObjectId(person.id)})
    assert login(company.anyone, person.email, DECOMPOSED) == 200
    assert database.users.find_one({"_id": ObjectId(person.id)}, {"passwordHash": True}) == {
        "_id": ObjectId(person.id),
        "passwordHash": renewed["passwordHash"] if renewed else None,
    }


def test_how_often_is_hashed_depends_on_the_password_alone(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = company.staff().email
    checked: list[bytes] = []
    check = bcrypt.checkpw

    def count(password: bytes, hashed: bytes) -> bool:
        checked.append(password)
        return check(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", count)
    for password, times in (("wrong but plain", 1), (DECOMPOSED, 2), (COMPOSED, 1)):
        for email in (known, "nobody@example.com"):
            checked.clear()
            assert login(company.anyone, email, password) == 401
            assert len(checked) == times


def test_a_plain_hash_is_not_opened_by_a_repetition(
    company: Company, database: Database[Document]
) -> None:
    person = company.staff()
    plain = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    database.users.update_one(
        {"_id": ObjectId(person.id)},
        {"$set": {"passwordHash": plain}, "$unset": {"passwordScheme": ""}},
    )
    for alias in (f"{PASSWORD}\0{PASSWORD}", f"{PASSWORD}\0", f"{PASSWORD}\0{PASSWORD}\0"):
        assert login(company.anyone, person.email, alias) == 401
    assert login(company.anyone, person.email, PASSWORD) == 200


def test_11_hashes_of_the_replaced_service_verify_and_are_renewed(
    company: Company, database: Database[Document]
) -> None:
    plain = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    user_id = ObjectId()
    database.users.insert_one(
        {
            "_id": user_id,
            "name": "Old Timer",
            "email": "old@example.com",
            "role": "interviewer",
            "status": "active",
            "passwordHash": plain,
        }
    )
    assert login(company.anyone, "old@example.com", "not the password") == 401
    assert login(company.anyone, "old@example.com", PASSWORD) == 200
    renewed = database.users.find_one({"_id": user_id})
    assert renewed is not None
    assert renewed["passwordHash"] != plain
    assert renewed["passwordScheme"] == "bcrypt-hmac-sha384"
    assert login(company.anyone, "old@example.com", PASSWORD) == 200


def test_12_unknown_and_known_addresses_answer_alike(company: Company) -> None:
    known = [company.staff().email for _ in range(4)]
    answers = set()
    for email in [*known, "nobody@example.com"]:
        body = {"email": email, "password": "not the password"}
        answer = company.anyone.post("/api/auth/login", body)
        answers.add((answer.status_code, answer.json["message"]))
    assert answers == {(401, "Invalid credentials")}


def test_12_nor_can_they_be_told_apart_by_time(company: Company) -> None:
    known = company.staff().email
    # Noise may be unlucky once; what tells accounts apart does so every time.
    assert any(0.45 <= separation(company, known, 200) <= 0.55 for _ in range(3))


def test_12_nor_by_a_cheaper_hash_of_the_replaced_service(
    settings: Settings, services: Services, database: Database[Document]
) -> None:
    """Few tries, since hashes of a real cost are slow; a quarter of the time would tell at once."""
    app = create_app(replace(settings, bcrypt_salt_rounds=10))
    with app.extensions["services"]:
        company = Company(app)
        plain = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(8)).decode()
        database.users.update_one(
            {"_id": ObjectId(company.admin.id)},
            {"$set": {"passwordHash": plain}, "$unset": {"passwordScheme": ""}},
        )
        areas = (separation(company, company.admin.email, 40) for _ in range(3))
        assert any(0.3 <= area <= 0.7 for area in areas)


def separation(company: Company, known: str, tries: int) -> float:
    """Return the area under the ROC curve of a classifier by time, over interleaved tries."""
    times: dict[bool, list[float]] = {True: [], False: []}
    for number in range(tries * 2):
        is_known = number % 2 == 0
        # Nobody is slowed: what was counted is forgotten before each try.
        email = known if is_known else f"nobody{number}@example.com"
        _forget_attempts(company)
        started = time.perf_counter()
        assert login(company.anyone, email, "not the password") == 401
        times[is_known].append(time.perf_counter() - started)
    wins = sum(a > b for a in times[True] for b in times[False])
    return wins / (len(times[True]) * len(times[False]))


def test_14_guessing_is_refused_after_a_while(company: Company) -> None:
    victim = company.staff()
    answers = [login(company.anyone, victim.email, f"guess number {n}") for n in range(12)]
    assert answers[:10] == [401] * 10
    assert answers[10:] == [429, 429]
    body = {"email": victim.email, "password": PASSWORD}
    refused = company.anyone.post("/api/auth/login", body)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 900


def test_14_a_third_party_cannot_lock_a_victim_out(company: Company) -> None:
    victim = company.staff()
    for number in range(30):
        client = Person(company.app.test_client())
        environ = {"REMOTE_ADDR": f"192.0.2.{number // 8}"}
        body = {"email": victim.email, "password": "a wrong guess"}
        client.call("POST", "/api/auth/login", body, environ_base=environ)
    assert login(company.anyone, victim.email, PASSWORD) == 200


def test_14_forwarded_addresses_count_only_from_trusted_proxies(company: Company) -> None:
    victim = company.staff()
    answers = [
        login(
            company.anyone,
            victim.email,
            "a wrong guess",
            **{"X-Forwarded-For": f"198.51.100.{number}"},
        )
        for number in range(11)
    ]
    assert answers[-1] == 429


def _forget_attempts(company: Company) -> None:
    services = company.app.extensions["services"]
    for key in services.redis.scan_iter("throttle:*"):
        services.redis.delete(key)


def test_14_an_ipv6_customer_is_one_address(company: Company) -> None:
    victim = company.staff()
    answers = []
    for number in range(12):
        environ = {"REMOTE_ADDR": f"2001:db8:1:2::{number:x}"}
        body = {"email": victim.email, "password": "a wrong guess"}
        answer = company.anyone.call("POST", "/api/auth/login", body, environ_base=environ)
        answers.append(answer.status_code)
    assert answers == [401] * 10 + [429] * 2


def test_14_nobody_has_the_service_hash_for_nothing(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls that ask for no token are refused before they cost anything, and are counted."""
    hasher = company.app.extensions["services"].hasher
    hashed: list[str] = []
    monkeypatch.setattr(hasher, "hash", hashed.append)
    admin = {"name": "A", "email": "a@example.com", "password": "a password of length"}
    link = {"token": "never issued", "password": "a password of length"}
    answers = [company.anyone.post("/api/auth/register-admin", admin) for _ in range(101)]
    answers += [company.anyone.post("/api/auth/password/reset", link) for _ in range(101)]
    assert hashed == []
    counted = Counter(answer.status_code for answer in answers)
    # Registering the first admin was one call more.
    assert counted == {403: 99, 422: 100, 429: 3}


def test_logins_at_one_old_hash_at_once_all_succeed(
    company: Company, database: Database[Document]
) -> None:
    person = company.staff()
    plain = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    database.users.update_one(
        {"_id": ObjectId(person.id)},
        {"$set": {"passwordHash": plain}, "$unset": {"passwordScheme": ""}},
    )

    def log_in(_: int) -> int:
        return login(Person(company.app.test_client()), person.email, PASSWORD)

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(log_in, range(6))) == {200}


@pytest.mark.parametrize("overtaken_by", ["reset", "logout-all"])
def test_6_a_password_change_that_was_overtaken_changes_nothing(
    company: Company,
    links: AccountLinks,
    monkeypatch: pytest.MonkeyPatch,
    overtaken_by: str,
) -> None:
    person = company.staff()
    hasher = company.app.extensions["services"].hasher
    hash_it = hasher.hash

    def overtaken(password: str) -> PasswordHash:
        monkeypatch.setattr(hasher, "hash", hash_it)
        if overtaken_by == "reset":
            body = {"token": links.issue(ObjectId(person.id), "reset"), "password": "the owner's"}
            assert company.anyone.post("/api/auth/password/reset", body).status_code == 204
        else:
            assert person.post("/api/auth/logout-all").status_code == 204
        renewed: PasswordHash = hash_it(password)
        return renewed

    monkeypatch.setattr(hasher, "hash", overtaken)
    change = {"currentPassword": PASSWORD, "newPassword": "somebody else's"}
    assert person.post("/api/auth/password", change).status_code == 401
    assert login(company.anyone, person.email, "somebody else's") == 401
    stands = "the owner's" if overtaken_by == "reset" else PASSWORD
    assert login(company.anyone, person.email, stands) == 200
