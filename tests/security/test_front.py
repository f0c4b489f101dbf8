"""Statements 10 and 25, as far as gunicorn and the proxies before it go, and its settings."""

from __future__ import annotations

import json
import socket
import subprocess
from http.client import HTTPResponse
from pathlib import Path

import pytest
import requests

from interview_platform.app import create_app
from interview_platform.core.headers import PLAIN_HEADERS
from interview_platform.core.settings import Settings
from interview_platform.local.stores import free_port
from tests.live import (
    ROOT,
    RefusedError,
    SocketPerson,
    WebProcess,
    environment,
    procfile_command,
    wait_until,
)
from tests.meeting import StartWeb
from tests.service import Company

HEAD = "GET /api HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (f"GET /api?canary={'x' * 9000} HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (f"{HEAD}Canary: {'x' * 9000}\r\n\r\n", 431),
        (f"{HEAD}Content-Length: canary\r\n\r\n", 400),
        (f"{HEAD}canary\r\n\r\n", 400),
        (f"{HEAD}Transfer-Encoding: canary\r\n\r\n", 501),
        ("GET /canary\r\n\r\n", 400),
        ("canary\r\n\r\n", 400),
        ("GET /canary HTTP/7.7\r\n\r\n", 400),
    ],
    ids=lambda value: str(value)[:40],
)
def test_25_what_cannot_be_read_is_refused_in_the_one_shape(
    web: WebProcess, request_text: str, status: int
) -> None:
    with socket.create_connection(("127.0.0.1", web.port), timeout=10) as connection:
        connection.sendall(request_text.encode())
        answer = HTTPResponse(connection)
        answer.begin()
        body = json.loads(answer.read())
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/json"
    assert PLAIN_HEADERS.items() <= dict(answer.headers).items()
    assert body == {
        "code": status,
        "status": body["status"],
        "message": body["status"],
        "requestId": answer.headers["X-Request-Id"],
    }
    assert len(body["requestId"]) == 32
    assert "canary" not in web.log.read_text()
    assert body["requestId"] in web.log.read_text()


LISTED = "http://localhost:3000"
OWN = "https://interviews.example"


@pytest.mark.parametrize(
    ("env", "taken"),
    [
        ({"APP_ENV": "production", "PUBLIC_BASE_URL": "https://Interviews.Example:443/"}, {OWN}),
        ({"APP_ENV": "production", "PUBLIC_BASE_URL": ""}, set()),
        (
            {"APP_ENV": "development", "PUBLIC_BASE_URL": ""},
            {"http://127.0.0.1:PORT", "http://localhost:PORT", "http://[::1]:PORT"},
        ),
    ],
    ids=["its address is set", "no address is set", "development"],
)
def test_10_the_service_s_own_origin_is_a_setting_and_never_the_host_header(
    company: Company, start_web: StartWeb, env: dict[str, str], taken: set[str]
) -> None:
    web = start_web(TRUSTED_PROXIES="1", **env)
    polling = f"{web.url}/socket.io/?EIO=4&transport=polling"
    own = f"http://127.0.0.1:{web.port}"
    taken = {origin.replace("PORT", str(web.port)) for origin in taken} | {LISTED}
    origins = {
        *taken,
        own,
        OWN,
        *("http://evil.test", "https://evil.test", "http://evil.test:80", "null", "file://"),
        *(f"{LISTED}.evil.test", f"{LISTED}@evil.test", f"{LISTED}/", "http://localhost"),
        *(f"{OWN}/", f"{OWN}:444", "http://interviews.example", f"{OWN}, {LISTED}", "*"),
        *(f"http://localhost:{web.port + 1}", "http://127.0.0.1", f"https://localhost:{web.port}"),
    }
    for origin in origins:
        host = origin.rpartition("//")[2]
        for claimed in ({}, {"Host": host}, {"X-Forwarded-Host": host}, {"Forwarded": host}):
            headers = {**claimed, "Origin": origin, "X-Forwarded-Proto": "https"}
            answer = requests.get(polling, headers=headers, timeout=5)
            assert answer.status_code == (200 if origin in taken else 400), (origin, claimed)
            allowed = answer.headers.get("Access-Control-Allow-Origin")
            assert allowed == (origin if origin in taken else None)
        if origin not in taken:
            with pytest.raises(RefusedError):
                SocketPerson(web.url, company.admin.token, headers={"Origin": origin})
    for origin in taken:
        person = SocketPerson(web.url, company.admin.token, headers={"Origin": origin})
        assert person.connected
        person.leave()
    # As other clients than browsers may spell it.
    assert requests.get(polling, headers={"Origin": "HTTP://LocalHost:3000"}, timeout=5).ok


def test_no_answer_names_the_host_of_its_request(settings: Settings) -> None:
    client = create_app(settings).test_client()
    for path in (
        *("/", "/health", "/health/", "/api", "/api/", "/api/docs", "/api/docs/", "/api//docs"),
        *("/api/docs/index.html", "/api/docs/oauth2-redirect.html", "/api/openapi.json"),
        *("/api/interviews", "/api/interviews/", "/api/../api/docs"),
    ):
        headers = {"Host": "evil.example.com", "X-Forwarded-Host": "evil.example.com"}
        answer = client.get(path, headers=headers, buffered=True)
        assert "evil" not in answer.text, path
        assert "evil" not in str(answer.headers), path
        assert answer.status_code < 300 or answer.status_code >= 400, path
    assert "swagger-ui" in client.get("/api/docs").text


def test_web_reads_its_address_from_env_file(
    company: Company, settings: Settings, tmp_path: Path
) -> None:
    for name in ("gunicorn.conf.py", "wsgi.py", "interview_platform"):
        (tmp_path / name).symlink_to(ROOT / name)
    port = free_port()
    (tmp_path / ".env").write_text(f"HOST=127.0.0.2\nPORT={port}\nWEB_CONCURRENCY=2\n")
    env = environment(settings)
    for name in ("HOST", "PORT", "PYTHONPATH"):
        del env[name]
    with subprocess.Popen(
        procfile_command("web"), cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_until(lambda: answers(f"http://127.0.0.2:{port}/health"), "the web process")
        finally:
            process.terminate()
            assert process.stderr is not None
            told = process.stderr.read()
    assert told.count("Booting worker") == 2


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).ok
    except requests.RequestException:
        return False
