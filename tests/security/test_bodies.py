"""Statement 15: bodies of unannounced length, and bodies that are no bodies, on a live process."""

from __future__ import annotations

import json
import socket
from http.client import HTTPResponse
from typing import Any

import pytest

from interview_platform.candidates.csv_import import MAX_BYTES
from interview_platform.core.schemas import MAX_BODY_BYTES
from tests.live import DEADLINE, WebProcess
from tests.service import Company

LOGIN = "/api/auth/login"
IMPORT = "/api/admin/candidates/import"
FORM = "multipart/form-data; boundary=xxx"
END = b"0\r\n\r\n"


def post(
    web: WebProcess, path: str, content_type: str, body: bytes, token: str = ""
) -> tuple[int, Any]:
    """Send `body`, which says its own chunks, and return the answer's status and JSON."""
    head = (
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Content-Type: {content_type}",
        "Transfer-Encoding: chunked",
        *([f"Authorization: Bearer {token}"] if token else []),
    )
    with socket.create_connection(("127.0.0.1", web.port), DEADLINE) as connection:
        connection.sendall("\r\n".join((*head, "", "")).encode() + body)
        connection.shutdown(socket.SHUT_WR)
        with HTTPResponse(connection, method="POST") as answer:
            answer.begin()
            return answer.status, json.loads(answer.read())


def chunked(body: bytes) -> bytes:
    pieces = [body[start : start + 60_000] for start in range(0, len(body), 60_000)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + END


def login(padding: int) -> bytes:
    return b'{"email": "a@example.com", "password": "x"' + b" " * padding + b"}"


def test_15_a_body_of_unannounced_length_has_the_same_bound(web: WebProcess) -> None:
    assert post(web, LOGIN, "application/json", chunked(login(1000)))[0] == 401
    status, answer = post(web, LOGIN, "application/json", chunked(login(MAX_BODY_BYTES)))
    assert (status, answer["code"]) == (413, 413)


def test_15_an_import_is_taken_whole_or_not_at_all(company: Company, web: WebProcess) -> None:
    token = company.admin.token
    row = b"Ada,ada%d@example.com,%s\n"
    file = b"name,email,notes\n" + b"".join(row % (n, b"x" * 5_000) for n in range(3))
    status, report = post(web, f"{IMPORT}?dryRun=true", "text/csv", chunked(file), token)
    assert (status, report["created"]) == (200, 3)

    file += b"\n" * MAX_BYTES
    assert post(web, IMPORT, "text/csv", chunked(file), token)[0] == 413
    assert company.admin.get("/api/admin/candidates").json["candidates"] == []


def test_15_a_form_says_how_long_it_is(company: Company, web: WebProcess) -> None:
    form = b'--xxx\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    body = chunked(form + b"name,email\r\n--xxx--\r\n")
    assert post(web, IMPORT, FORM, body, company.admin.token)[0] == 411


def test_20_a_form_has_few_parts(company: Company) -> None:
    part = b'--xxx\r\nContent-Disposition: form-data; name="%d"\r\n\r\n\r\n'
    file = (
        b'--xxx\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        b"name,email\r\n"
    )
    for others, status in ((9, 200), (10, 413), (50_000, 413)):
        form = b"".join(part % number for number in range(others)) + file + b"--xxx--\r\n"
        answer = company.admin.call(
            "POST", f"{IMPORT}?dryRun=true", data=form, headers={"Content-Type": FORM}
        )
        assert answer.status_code == status, others


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\n{}\r\n" + END,
        b"2\r\n{}xx" + END,
        b"2\r\n{}\r\n",
        b"100\r\n{}",
        b"-2\r\n{}\r\n" + END,
    ],
    ids=["no size", "no end of a chunk", "no last chunk", "cut off", "negative size"],
)
def test_15_malformed_chunks_are_a_bad_request(web: WebProcess, body: bytes) -> None:
    status, answer = post(web, LOGIN, "application/json", body)
    assert (status, set(answer)) == (400, {"code", "status", "message", "requestId"})
