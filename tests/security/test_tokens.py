"""Statements 5 and 7: which tokens are refused, and how they are renewed."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import jwt
import pytest

from interview_platform.auth.tokens import LEEWAY
from interview_platform.core.settings import Settings
from tests.live import wait_until
from tests.service import Answer, Company, Person

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


def test_7_a_refresh_token_is_used_once_and_reuse_ends_the_session(company: Company) -> None:
    person = company.staff()
    first = person.refresh_token
    answer = company.anyone.post("/api/auth/refresh", {"refreshToken": first})
    assert answer.status_code == 200
    renewed = Person(person.client, token=answer.json["token"])
    assert renewed.get("/api/auth/me").status_code == 200
    # The store counts in milliseconds, and what begins within the same one counts as at once.
    time.sleep(0.01)
    reused = company.anyone.post("/api/auth/refresh", {"refreshToken": first})
    assert reused.status_code == 401
    assert renewed.get("/api/auth/me").status_code == 401
    successor = answer.json["refreshToken"]
    last = company.anyone.post("/api/auth/refresh", {"refreshToken": successor})
    assert last.status_code == 401


def test_7_two_refreshes_at_once_make_one_successor_that_works(company: Company) -> None:
    def refresh(token: str, ready: Barrier) -> Answer:
        client = Person(company.app.test_client())
        ready.wait()
        return client.post("/api/auth/refresh", {"refreshToken": token})

    def successor_works(_: int) -> bool:
        person, ready = company.staff(), Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            tries = [pool.submit(refresh, person.refresh_token, ready) for _ in range(2)]
        won, lost = sorted((each.result() for each in tries), key=lambda one: one.status_code)
        assert (won.status_code, lost.status_code) == (200, 401)
        successor = Person(person.client, token=won.json["token"])
        return successor.get("/api/auth/me").status_code == 200

    # Where one is done before the other begins, that is no refresh at once but a reuse.
    assert any(successor_works(attempt) for attempt in range(5))


def test_7_an_access_token_does_not_refresh(company: Company) -> None:
    answer = company.anyone.post("/api/auth/refresh", {"refreshToken": company.admin.token})
    assert answer.status_code == 401
    assert company.admin.get("/api/auth/me").status_code == 200
