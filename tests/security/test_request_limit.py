"""How many requests one person may send a second, over all processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import pytest
import requests
from redis import Redis

from interview_platform.core.errors import TooManyRequests
from interview_platform.core.ratelimit import RateLimit
from interview_platform.local.stores import free_port
from tests.live import WebProcess, wait_until
from tests.meeting import StartWeb
from tests.service import Company, Person

ME = "/api/auth/me"


def get(web: WebProcess, person: Person, path: str = ME) -> requests.Response:
    headers = {"Authorization": f"Bearer {person.token}"}
    return requests.get(web.url + path, headers=headers, timeout=30)


def until_refused(
    call: Callable[[], requests.Response], most: int
) -> tuple[int, requests.Response]:
    """Return how many calls were answered before one was refused, and its answer."""
    for number in range(most):
        answer = call()
        if answer.status_code == 429:
            return number, answer
        assert answer.status_code == 200, answer.text
    raise AssertionError(f"none of {most} calls was refused")


def test_a_person_s_requests_are_limited_and_no_one_else_s(
    company: Company, start_web: StartWeb
) -> None:
    web = start_web(REQUESTS_PER_SECOND="5")
    candidate = company.candidate()
    accepted, refused = until_refused(lambda: get(web, candidate), 200)
    # 25 at once, and more while these went out.
    assert accepted >= 25
    assert refused.json()["message"] == "Too many requests, try again later"
    assert refused.json().keys() == {"code", "status", "message", "requestId"}
    wait = int(refused.headers["Retry-After"])
    assert wait == 1
    assert get(web, company.admin).status_code == 200
    # Another session of the same person has no more.
    session = Person(candidate.client, email=candidate.email).log_in()
    statuses = [get(web, session).status_code for _ in range(5)]
    assert 429 in statuses
    time.sleep(wait)
    assert get(web, candidate).status_code == 200


def test_large_and_expensive_requests_count_for_several(
    company: Company, start_web: StartWeb
) -> None:
    web = start_web(REQUESTS_PER_SECOND="5")
    exporting, sending = company.candidate(), company.candidate()
    accepted, _ = until_refused(lambda: get(web, exporting, "/api/candidates/me/export"), 20)
    assert accepted <= 4

    def send(body: bytes | Iterator[bytes]) -> int:
        headers = {
            "Authorization": f"Bearer {sending.token}",
            "Content-Type": "application/json",
        }
        url = f"{web.url}/api/candidates/me"
        return requests.put(url, data=body, headers=headers, timeout=30).status_code

    padding = b" " * 60_000
    assert [send(b"{}" + padding) for _ in range(3)] == [422, 422, 422]
    assert 429 in [send(b"{}" + padding) for _ in range(5)]
    time.sleep(2)
    # Of unannounced length, it counts for as much as it could hold.
    assert 429 in [send(iter([b"{}"])) for _ in range(3)]


def test_the_limit_holds_over_processes(company: Company, start_web: StartWeb) -> None:
    webs = [start_web(REQUESTS_PER_SECOND="20") for _ in range(2)]
    candidate = company.candidate()
    end = time.monotonic() + 60
    for web in webs:
        until_refused(lambda web=web: get(web, candidate), 2_000)  # type: ignore[misc]
    accepted: list[float] = []

    def flood(web: WebProcess) -> None:
        while time.monotonic() < end:
            if get(web, candidate).status_code == 200:
                accepted.append(time.monotonic())

    with ThreadPoolExecutor(4) as pool:
        end = time.monotonic() + 8
        list(pool.map(flood, [*webs, *webs]))
    # Once the processes know of each other, they divide the rate.
    began = end - 4
    rate = sum(moment > began for moment in accepted) / 4
    assert 8 < rate < 32


def test_a_session_that_has_ended_takes_nothing(company: Company, start_web: StartWeb) -> None:
    web = start_web(REQUESTS_PER_SECOND="1")
    candidate = company.candidate()
    old = Person(candidate.client, email=candidate.email).log_in()
    assert old.post("/api/auth/logout").status_code == 204
    assert {get(web, old).status_code for _ in range(30)} == {401}
    assert get(web, candidate).status_code == 200


def test_a_page_that_calls_much_at_once_is_not_limited(company: Company, web: WebProcess) -> None:
    paths = cycle(["/api/admin/dashboard", "/api/admin/candidates", "/api/admin/lots", ME])
    with ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(get, web, company.admin, next(paths)) for _ in range(300)]
        assert {call.result().status_code for call in calls} == {200}


def test_each_process_limits_alone_while_redis_is_away(caplog: pytest.LogCaptureFixture) -> None:
    with Redis(port=free_port(), socket_connect_timeout=1) as away:
        limit = RateLimit(away, "limits:test", rate=1, burst=5)
        for _ in range(5):
            limit.take("ada")
        for refused in (limit.take, limit.check):
            with pytest.raises(TooManyRequests) as error:
                refused("ada")
            assert error.value.retry_after == 1
        limit.take("ben")
        wait_until(lambda: "limits alone" in caplog.text, "the warning")
        wait_until(lambda: allowed(limit, "ada"), "another token")
    assert caplog.text.count("limits alone") == 1


def allowed(limit: RateLimit, holder: str) -> bool:
    try:
        limit.take(holder)
    except TooManyRequests:
        return False
    return True
