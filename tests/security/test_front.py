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
    assert body == {
        "code": status,
        "status": body["status"],
        "message": body["status"],
        "requestId": answer.headers["X-Request-Id"],
    }
    assert len(body["requestId"]) == 32
    assert "canary" not in web.log.read_text()
    assert body["requestId"] in web.log.read_text()


def test_10_a_host_that_is_only_claimed_makes_no_origin(
    company: Company, start_web: StartWeb
) -> None:
    web = start_web(TRUSTED_PROXIES="1")
    claimed = {"Origin": "http://evil.example.com", "X-Forwarded-Host": "evil.example.com"}
    with pytest.raises(RefusedError):
        SocketPerson(web.url, company.admin.token, headers=claimed)


def test_the_page_of_the_api_names_no_host(settings: Settings) -> None:
    client = create_app(settings).test_client()
    for path in ("/api/docs", "/api/docs/"):
        page = client.get(path, headers={"Host": "evil.example.com"})
        assert page.status_code == 200
        assert "swagger-ui" in page.text
        assert "evil" not in page.text


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
