"""What a balancer and a scraper ask for."""

from __future__ import annotations

import logging

import pytest

from tests.service import Answer, Company

LISTED = {"Origin": "http://localhost:3000"}


def counted(company: Company) -> dict[str, float]:
    """Return the metrics of the process, by name and labels."""
    lines = company.anyone.get("/metrics").text.splitlines()
    samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


def told(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    headers = dict(answer.headers)
    assert headers.pop("X-Request-Id")
    others = {name: value for name, value in headers.items() if "Access-Control" not in name}
    others.pop("Vary", None)
    return answer.status_code, others, answer.data


def test_liveness_is_told_alike_to_a_balancer_and_to_a_page(company: Company) -> None:
    plain = company.anyone.call("GET", "/health")
    assert plain.json == {"status": "ok"}
    page = company.anyone.call("GET", "/health", headers=LISTED)
    assert page.headers["Access-Control-Allow-Origin"] == LISTED["Origin"]
    assert told(plain) == told(page)
    assert company.anyone.call("HEAD", "/health").status_code == 200
    assert company.anyone.post("/health").status_code == 405


def test_liveness_is_answered_under_the_id_that_is_given(company: Company) -> None:
    given = company.anyone.call("GET", "/health", headers={"X-Request-Id": "balancer-7"})
    assert given.headers["X-Request-Id"] == "balancer-7"
    odd = company.anyone.call("GET", "/health", headers={"X-Request-Id": "a b"})
    assert odd.headers["X-Request-Id"] != "a b"


def test_liveness_is_counted_and_logged(company: Company, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            company.anyone.get("/health")
        company.anyone.call("GET", "/health", headers=LISTED)
    lines = [record.getMessage() for record in caplog.records]
    assert len([line for line in lines if line.startswith("GET /health 200 ")]) == 4
    metrics = counted(company)
    assert metrics['http_request_seconds_count{method="GET",route="health.live"}'] == 4
    assert metrics['http_responses_total{status="200"}'] >= 4
