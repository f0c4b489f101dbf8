"""Clients that send half of a request, read half of a response, or hold many connections."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from http.client import HTTPResponse

import requests

from interview_platform.core.connections import BODY_PATIENCE, HEAD_TIMEOUT, STALL_TIMEOUT
from tests.live import WebProcess, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.raw import SMALL_BUFFER, polling_session, worker_of

HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
UPGRADE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
)
BUNDLE = b"GET /api/docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
# What the machine may add to a deadline.
SLACK = 12.0


def login(*headers: bytes, path: bytes = b"/api/auth/login") -> bytes:
    head = (b"POST %b HTTP/1.1" % path, b"Host: x", b"Content-Type: application/json", *headers)
    return b"\r\n".join((*head, b"", b""))


ANNOUNCED = login(b"Content-Length: 1000")

HALF_SENT: dict[str, tuple[bytes, bytes, tuple[int, ...]]] = {
    # What is sent at once, what follows each second, and the statuses of the answers.
    "nothing": (b"", b"", ()),
    "half a request line": (b"GET /hea", b"", (408,)),
    "a request line by drops": (b"GET /", b"x", (408,)),
    "a head without its end": (HEALTH[:-2], b"", (408,)),
    "headers by drops": (HEALTH[:-2], b"A: b\r\n", (408,)),
    "half an upgrade": (UPGRADE, b"", (408,)),
    "half a second request": (HEALTH + HEALTH[:-2], b"", (200, 408)),
    "no body": (ANNOUNCED, b"", (408,)),
    "half a body": (ANNOUNCED + b"{" + b" " * 500, b"", (408,)),
    "a body by drops": (ANNOUNCED + b"{", b" ", (408,)),
    "chunks by drops": (login(b"Transfer-Encoding: chunked"), b"1\r\n \r\n", (408,)),
    "no body after all": (
        login(b"Content-Length: 1000", b"Expect: 100-continue"),
        b"",
        (100, 408),
    ),
    "a body that nobody reads": (
        login(b"Content-Length: 1000", path=b"/api/nowhere"),
        b" ",
        (404,),
    ),
    "more than was announced": (login(b"Content-Length: 2") + b"{}{}", b"", (422, 408)),
}


def statuses(received: bytes) -> tuple[int, ...]:
    """Return the statuses of the answers in `received`; refusals have the contract's form."""
    found = []
    for part in received.split(b"HTTP/1.1 ")[1:]:
        found.append(int(part[:3]))
        if found[-1] == 408:
            head, _, body = part.partition(b"\r\n\r\n")
            assert b"Connection: close" in head
            error = json.loads(body)
            assert (error["code"], error["status"]) == (408, "Request Timeout")
            assert f"X-Request-Id: {error['requestId']}".encode() in head
    return tuple(found)


def send_half(web: WebProcess, first: bytes, rest: bytes) -> tuple[bytes, float]:
    """Send a part of a request; returns all that comes back, and the seconds to the end."""
    began = time.monotonic()
    received = b""
    with connected(web) as connection, suppress(ConnectionError):
        connection.sendall(first)
        connection.settimeout(1)
        while time.monotonic() < began + 60:
            try:
                data = connection.recv(65536)
                if not data:
                    return received, time.monotonic() - began
                received += data
            except TimeoutError:
                connection.sendall(rest)
    return received, time.monotonic() - began


@contextmanager
def connected(web: WebProcess, *options: tuple[int, int, int]) -> Iterator[socket.socket]:
    with socket.socket() as connection:
        for option in options:
            connection.setsockopt(*option)
        connection.settimeout(5)
        connection.connect(("127.0.0.1", web.port))
        yield connection


def answer_of(connection: socket.socket) -> int:
    answer = HTTPResponse(connection)
    answer.begin()
    answer.read()
    return answer.status


def upload(web: WebProcess) -> int:
    """Send a body over a slow link, for longer than a silent one may take."""
    body = b'{"email": "a@example.com", "password": "x"' + b" " * 40_000 + b"}"
    with connected(web) as connection:
        connection.sendall(login(b"Content-Length: %d" % len(body)))
        pieces = int(BODY_PATIENCE + 5)
        size = len(body) // pieces + 1
        for start in range(0, len(body), size):
            time.sleep(1)
            connection.sendall(body[start : start + size])
        return answer_of(connection)


def stay(web: WebProcess) -> tuple[int, int]:
    """Keep a connection for longer than a request may take to arrive."""
    with connected(web) as connection:
        connection.sendall(HEALTH)
        first = answer_of(connection)
        time.sleep(BODY_PATIENCE + 5)
        connection.sendall(HEALTH[:10])
        time.sleep(2)
        connection.sendall(HEALTH[10:])
        return first, answer_of(connection)


def poll(web: WebProcess, token: str) -> str:
    """Wait for the next sign of life, which comes later than a body may take."""
    session = polling_session(web.url)
    hello = f"40/interview,{json.dumps({'token': token})}"
    assert requests.post(session, data=hello, timeout=5).ok
    assert requests.get(session, timeout=5).text.startswith("40/interview,")
    return requests.get(session, timeout=60).text


def not_read(web: WebProcess) -> None:
    """Ask for more than the system holds, and read nothing of it."""
    with connected(web, SMALL_BUFFER) as connection:
        connection.sendall(BUNDLE * 6)
        told = partial(_told, web, "does not read it")
        wait_until(told, "the end of a response", STALL_TIMEOUT + SLACK)


def _told(web: WebProcess, line: str) -> bool:
    return line in web.log.read_text()


def open_files(web: WebProcess) -> int:
    return len(list((worker_of(web) / "fd").iterdir()))


def half_posted(web: WebProcess) -> tuple[bytes, float]:
    path = polling_session(web.url).removeprefix(web.url)
    post = login(b"Content-Length: 1000", path=path.encode())
    return send_half(web, post + b"40/interview,", b" ")


def test_no_client_is_waited_for_without_end_and_slow_links_are_served(
    connect: Connect, meeting: Meeting, start_web: StartWeb
) -> None:
    web = start_web(LOG_LEVEL="info")
    member = connect(meeting.candidate, web.url)
    assert member.join(meeting.id)["ok"]
    files = open_files(web)
    with ThreadPoolExecutor(40) as pool:
        halves = {
            name: pool.submit(send_half, web, first, rest)
            for name, (first, rest, _) in HALF_SENT.items()
        }
        posted = pool.submit(half_posted, web)
        stalled = pool.submit(not_read, web)
        uploaded = pool.submit(upload, web)
        stayed = pool.submit(stay, web)
        polled = pool.submit(poll, web, meeting.interviewer.token)
        for name, half in halves.items():
            received, seconds = half.result()
            assert statuses(received) == HALF_SENT[name][2], name
            assert seconds < HEAD_TIMEOUT + BODY_PATIENCE + SLACK, name
        # Engine.IO has its own word for it.
        assert statuses(posted.result()[0]) == (400,)
        assert uploaded.result() == 401
        assert stayed.result() == (200, 200)
        assert polled.result() == "2"
        stalled.result()
    assert member.call("chatMessage", {"interviewId": meeting.id, "message": "here"})["ok"]
    # The service's own connections to its stores may have grown meanwhile.
    wait_until(lambda: open_files(web) < files + 10, "the end of the clients' connections")
    log = web.log.read_text()
    assert "Traceback" not in log
    assert log.count("does not read it") == 1


def held(web: WebProcess, stack: ExitStack, first: bytes, count: int) -> list[socket.socket]:
    """Have connections that have sent `first` and go on, for as long as `stack` is open."""
    found = []
    for _ in range(count):
        connection = stack.enter_context(connected(web))
        connection.sendall(first)
        found.append(connection)
    return found


def status_now(web: WebProcess, **headers: str) -> int:
    return requests.get(f"{web.url}/api", headers=headers, timeout=5).status_code


def test_one_address_has_so_many_connections_and_idle_ones_make_room(start_web: StartWeb) -> None:
    web = start_web(CONNECTIONS_PER_ADDRESS="8")
    with ExitStack() as stack:
        idle = held(web, stack, HEALTH, 8)
        assert [answer_of(each) for each in idle] == [200] * 8
        # Each of these takes the place of the one that has been idle for longest.
        silent = held(web, stack, b"", 2)
        assert [each.recv(1) for each in idle[:2]] == [b"", b""]
        half = held(web, stack, ANNOUNCED, 6)
        wait_until(partial(closed, idle[7]), "the end of the last idle connection")
        half += held(web, stack, ANNOUNCED, 2)
        wait_until(lambda: all(closed(each) for each in silent), "the end of the silent ones")
        refused = requests.get(f"{web.url}/health", timeout=5)
        assert refused.status_code == 429
        assert refused.json()["code"] == 429
        assert int(refused.headers["Retry-After"]) > 0
        half[0].close()
        wait_until(lambda: status_now(web) == 200, "room for another")
    assert web.log.read_text().count("too many connections") == 1


def closed(connection: socket.socket) -> bool:
    connection.settimeout(0.05)
    try:
        return not connection.recv(65536)
    except TimeoutError:
        return False
    except OSError:
        return True


def test_behind_proxies_one_address_has_so_many_requests_under_way(start_web: StartWeb) -> None:
    web = start_web(CONNECTIONS_PER_ADDRESS="4", TRUSTED_PROXIES="1")
    here = {"X-Forwarded-For": "198.51.100.9, 2001:db8:1:2::1"}
    started = login(b"Content-Length: 1000", b"X-Forwarded-For: 2001:db8:1:2::7")
    with ExitStack() as stack:
        # What a proxy keeps open takes nobody's place.
        for each in held(web, stack, HEALTH, 12):
            assert answer_of(each) == 200
        posts = held(web, stack, started, 4)
        wait_until(lambda: status_now(web, **here) == 429, "the end of what one address may")
        assert status_now(web, **{"X-Forwarded-For": "2001:db8:1:3::1"}) == 200
        assert status_now(web) == 200
        posts[0].close()
        wait_until(lambda: status_now(web, **here) == 200, "room for another")
