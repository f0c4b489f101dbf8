"""Statements 5 and 7: which tokens are refused, and how they are renewed."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import jwt
import pytest
import requests
from bson import ObjectId
from pymongo.database import Database

from interview_platform.auth.tokens import LEEWAY
from interview_platform.core.mongo import Document
from interview_platform.core.settings import Settings
from tests import clock
from tests.live import DEADLINE, WebProcess, wait_until
from tests.meeting import StartWeb
from tests.service import PASSWORD, Answer, Company, Person

KEY = "another secret of the tests, just as long as the real one is"


def forged(settings: Settings, good: str, **changes: Any) -> str:
    """Return the good token with claims changed, signed with the right key."""
    claims = jwt.decode(good, options={"verify_signature": False})
    claims.update(changes)
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, settings.jwt_secret, "HS256")


def bad_tokens(settings: Settings, person: Person) -> dict[str, str]:
    """Return tokens that must all be refused, by what is wrong with them."""
    good, now = person.token, datetime.now(UTC)
    claims = jwt.decode(good, options={"verify_signature": False})
    head, body, _ = good.split(".")
    return {
        "alg none": jwt.encode(claims, "", "none"),
        "no signature": f"{head}.{body}.",
        "other key": jwt.encode(claims, KEY, "HS256"),
        "other algorithm": jwt.encode(claims, settings.jwt_secret, "HS384"),
        "other audience": forged(settings, good, aud="somebody-else"),
        "no audience": forged(settings, good, aud=None),
        "other issuer": forged(settings, good, iss="somebody-else"),
        "no issuer": forged(settings, good, iss=None),
        "other type": forged(settings, good, type="something"),
        "expired": forged(settings, good, exp=int((now - timedelta(minutes=1)).timestamp())),
        "never ends": forged(settings, good, exp=None),
        "not yet valid": forged(settings, good, nbf=int((now + timedelta(hours=1)).timestamp())),
        "refresh token": person.refresh_token,
        "not yet valid, by a little": forged(
            settings, good, nbf=int((now + timedelta(seconds=30)).timestamp())
        ),
        "issued in the future": forged(
            settings, good, iat=int((now + timedelta(hours=1)).timestamp())
        ),
        "no session": forged(settings, good, sid=None),
        "unknown session": forged(settings, good, sid="65f0c0ffee65f0c0ffee65f0"),
        "another's session": forged(settings, good, sub="65f0c0ffee65f0c0ffee65f0"),
        "not a token": "nonsense",
    }


def test_5_forged_tokens_are_refused(company: Company, settings: Settings) -> None:
    interviewer = company.staff()
    for fault, token in bad_tokens(settings, interviewer).items():
        answer = Person(interviewer.client, token=token).get("/api/auth/me")
        assert answer.status_code == 401, fault
        assert answer.json["message"] == "Invalid token", fault
    assert interviewer.get("/api/auth/me").status_code == 200


def test_5_a_token_that_was_good_is_refused_from_its_end_on(
    company: Company, settings: Settings
) -> None:
    interviewer = company.staff()
    # In a second, with the leeway for clocks that differ.
    ends = int(time.time()) - LEEWAY + 2
    token = forged(settings, interviewer.token, exp=ends)
    mayfly = Person(interviewer.client, token=token)
    assert mayfly.get("/api/auth/me").status_code == 200
    wait_until(lambda: mayfly.get("/api/auth/me").status_code == 401, "the token's end")


@pytest.mark.parametrize("header", ["Basic abc", "Bearer", "Bearer ", "bearer\t"])
def test_5_other_schemes_are_refused(company: Company, header: str) -> None:
    answer = company.anyone.call("GET", "/api/auth/me", headers={"Authorization": header})
    assert answer.status_code == 401


def refresh(person: Person, token: str) -> Answer:
    return Person(person.client).post("/api/auth/refresh", {"refreshToken": token})


def age_rotations(database: Database[Document], age: timedelta) -> None:
    """Have every refresh token that was replaced have been so earlier, by `age`."""
    for session in database.sessions.find({"retired": {"$exists": True}}):
        retired = [{**each, "at": each["at"] - age} for each in session["retired"]]
        database.sessions.update_one({"_id": session["_id"]}, {"$set": {"retired": retired}})


def renewed(person: Person, answer: Answer) -> Person:
    """Return the person with the tokens of a refresh, which must have succeeded."""
    assert answer.status_code == 200, answer.text
    return replace(person, token=answer.json["token"], refresh_token=answer.json["refreshToken"])


def refresh_id(token: str) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    found: str = claims["rid"]
    return found


def test_a_replaced_refresh_token_ends_the_session_after_the_grace(
    company: Company, database: Database[Document]
) -> None:
    person = company.staff()
    first = person.refresh_token
    person = renewed(person, refresh(person, first))
    assert person.get("/api/auth/me").status_code == 200
    age_rotations(database, timedelta(seconds=21))
    assert refresh(person, first).status_code == 401
    assert person.get("/api/auth/me").status_code == 401
    assert refresh(person, person.refresh_token).status_code == 401
    reused = {"action": "session.refresh-reused", "actor": ObjectId(person.id)}
    assert database.auditentries.count_documents(reused) == 1


def test_a_replaced_refresh_token_stays_usable_for_the_grace(
    company: Company, database: Database[Document]
) -> None:
    person = company.staff()
    first = person.refresh_token
    one = renewed(person, refresh(person, first))
    age_rotations(database, timedelta(seconds=10))
    other = renewed(person, refresh(person, first))
    assert refresh_id(one.refresh_token) == refresh_id(other.refresh_token)
    # And where the one was faster by two, all end up with the same token.
    further = renewed(one, refresh(one, one.refresh_token))
    late = renewed(other, refresh(other, first))
    assert refresh_id(further.refresh_token) == refresh_id(late.refresh_token)
    for each in (person, one, other, further, late):
        assert each.get("/api/auth/me").status_code == 200
    last = renewed(late, refresh(late, late.refresh_token))
    assert refresh_id(last.refresh_token) != refresh_id(late.refresh_token)


def test_every_tab_of_many_gets_the_one_successor(company: Company) -> None:
    person, ready = company.staff(), Barrier(6)

    def open_tab(_: int) -> Answer:
        tab = Person(company.app.test_client())
        ready.wait()
        return tab.post("/api/auth/refresh", {"refreshToken": person.refresh_token})

    with ThreadPoolExecutor(6) as pool:
        tabs = [renewed(person, answer) for answer in pool.map(open_tab, range(6))]
    assert len({refresh_id(tab.refresh_token) for tab in tabs}) == 1
    assert {tab.get("/api/auth/me").status_code for tab in tabs} == {200}


def test_refreshes_over_two_processes_keep_the_session(
    company: Company, start_web: StartWeb
) -> None:
    """One host's clock is a minute ahead; at every gap, both tabs go on with one session."""
    webs = [start_web(), start_web(**{clock.OFFSET: "60"})]

    def refresh_at(web: WebProcess, token: str, gap: float) -> requests.Response:
        time.sleep(gap)
        body = {"refreshToken": token}
        return requests.post(f"{web.url}/api/auth/refresh", json=body, timeout=DEADLINE)

    def is_logged_in(web: WebProcess, token: str) -> bool:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.get(f"{web.url}/api/auth/me", headers=headers, timeout=DEADLINE).ok

    clocks = [web_time(web) for web in webs]
    assert 55 < clocks[1] - clocks[0] < 65
    token = company.staff().refresh_token
    for gap in (0, 0.005, 0.05, 0.3, 1.0):
        # Each process is the later one in its turn.
        for first, second in (webs, webs[::-1]):
            with ThreadPoolExecutor(2) as pool:
                answers = list(pool.map(refresh_at, (first, second), [token] * 2, (0, gap)))
            assert [answer.status_code for answer in answers] == [200, 200], gap
            told = [answer.json() for answer in answers]
            assert len({refresh_id(each["refreshToken"]) for each in told}) == 1
            for web in webs:
                assert all(is_logged_in(web, each["token"]) for each in told)
            token = told[0]["refreshToken"]


@pytest.mark.parametrize("offset", ["-60", "60"])
def test_the_grace_is_told_by_the_clock_of_the_store(
    company: Company, database: Database[Document], start_web: StartWeb, offset: str
) -> None:
    web = start_web(**{clock.OFFSET: offset})

    def refresh_there(token: str) -> requests.Response:
        body = {"refreshToken": token}
        return requests.post(f"{web.url}/api/auth/refresh", json=body, timeout=DEADLINE)

    person = company.staff()
    assert refresh_there(person.refresh_token).status_code == 200
    age_rotations(database, timedelta(seconds=10))
    assert refresh_there(person.refresh_token).status_code == 200
    age_rotations(database, timedelta(seconds=11))
    assert refresh_there(person.refresh_token).status_code == 401
    assert person.get("/api/auth/me").status_code == 401


def web_time(web: WebProcess) -> float:
    """Return the time of day that a web process believes in."""
    body = {"email": "grace@example.com", "password": PASSWORD}
    answer = requests.post(f"{web.url}/api/auth/login", json=body, timeout=DEADLINE)
    claims = jwt.decode(answer.json()["token"], options={"verify_signature": False})
    return float(claims["iat"])


def test_7_an_access_token_does_not_refresh(company: Company) -> None:
    answer = company.anyone.post("/api/auth/refresh", {"refreshToken": company.admin.token})
    assert answer.status_code == 401
    assert company.admin.get("/api/auth/me").status_code == 200
