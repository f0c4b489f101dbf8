"""SendGrid and Twilio as local servers: as strict as the real ones, and as unreliable as told."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs

SENDGRID_KEY = "SG.the-key-of-the-tests"
EMAIL_FROM = "Interviews <interviews@example.com>"
TWILIO_SID = "AC00000000000000000000000000000001"
TWILIO_TOKEN = "the-token-of-the-tests"
TWILIO_NUMBER = "+15005550006"


@dataclass(frozen=True)
class Answer:
    """How a provider behaves once.

    `retry_after` is in seconds, and is sent as a date if `as_date`; `clock` is how many
    seconds the provider's own clock is ahead. `delay` is in seconds, as is `pause`, between
    its first bytes and the rest; `cut` ends the connection without an answer.
    """

    status: int = 0
    retry_after: int | None = None
    as_date: bool = False
    clock: int = 0
    delay: float = 0.0
    pause: float = 0.0
    cut: bool = False


ACCEPT = Answer()
TOO_MANY = Answer(429)
BROKEN = Answer(500)
UNAUTHORIZED = Answer(401)
CUT = Answer(cut=True)
NEVER = Answer(delay=3600.0, cut=True)


@dataclass(frozen=True)
class Received:
    """A request that the provider took for a message to `to`; `at` is in monotonic seconds."""

    to: str
    message: dict[str, Any]
    at: float


@dataclass
class Provider:
    """A server of one provider; `url` is its base address."""

    server: ThreadingHTTPServer
    received: list[Received] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    plans: defaultdict[str, deque[Answer]] = field(default_factory=lambda: defaultdict(deque))
    at_once: int = 0
    most_at_once: int = 0
    counting: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def plan(self, to: str, *answers: Answer) -> None:
        """Give `answers` to the next messages to `to`, before accepting those after them."""
        self.plans[to].extend(answers)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a message as one that is being answered, for the time of a `with`."""
        with self.counting:
            self.at_once += 1
            self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            yield
        finally:
            with self.counting:
                self.at_once -= 1

    def to(self, to: str) -> list[Received]:
        """Return every message to `to` that came in, whatever became of it."""
        return [received for received in self.received if received.to == to]


class _Handler(BaseHTTPRequestHandler):
    """What both providers have in common; `provider` is set on the class made for a server."""

    provider: ClassVar[Provider]
    accepted: ClassVar[int]
    protocol_version = "HTTP/1.1"
    clock = 0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.authorized():
            self.respond(401, self.error(401))
            return
        try:
            to, message = self.parse(body)
        except (AssertionError, ValueError, KeyError, IndexError, TypeError) as error:
            self.provider.faults.append(f"{type(self).__name__}: {error!r}")
            self.respond(400, self.error(400))
            return
        plan = self.provider.plans[to]
        answer = plan.popleft() if plan else ACCEPT
        self.provider.received.append(Received(to, message, time.monotonic()))
        with suppress(ConnectionError), self.provider.counted():
            self.behave(answer)

    def behave(self, answer: Answer) -> None:
        self.provider.closing.wait(answer.delay)
        if answer.pause:
            # What is no answer yet, and is not whole either.
            self.wfile.write(b"HTTP/1.1 ")
            self.provider.closing.wait(answer.pause)
            self.wfile.write(b"100 Continue\r\n\r\n")
        if answer.cut:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif answer.status:
            self.refuse(answer)
        else:
            self.accept()

    def refuse(self, answer: Answer) -> None:
        self.clock = answer.clock
        headers = {}
        if answer.retry_after is not None:
            wait = answer.retry_after
            value = self.date_time_string(time.time() + wait) if answer.as_date else str(wait)
            headers["Retry-After"] = value
        self.respond(answer.status, self.error(answer.status), headers)
        self.clock = 0

    def date_time_string(self, timestamp: float | None = None) -> str:
        now = time.time() if timestamp is None else timestamp
        return super().date_time_string(int(now + self.clock))

    def respond(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode() if body is not None else b""
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def authorized(self) -> bool:
        raise NotImplementedError

    def parse(self, body: bytes) -> tuple[str, dict[str, Any]]:
        """Return recipient and message; fails for what the provider would not take."""
        raise NotImplementedError

    def accept(self) -> None:
        raise NotImplementedError

    def error(self, status: int) -> Any:
        raise NotImplementedError

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


class _SendGrid(_Handler):
    def authorized(self) -> bool:
        return self.headers["Authorization"] == f"Bearer {SENDGRID_KEY}"

    def parse(self, body: bytes) -> tuple[str, dict[str, Any]]:
        assert self.path == "/v3/mail/send", self.path
        assert self.headers["Content-Type"] == "application/json"
        mail = json.loads(body)
        assert set(mail) <= {"from", "personalizations", "subject", "content", "tracking_settings"}
        [personalization] = mail["personalizations"]
        [to] = personalization["to"]
        assert "@" in mail["from"]["email"]
        assert mail["subject"]
        assert [part["type"] for part in mail["content"]] == ["text/plain", "text/html"]
        assert all(part["value"].strip() for part in mail["content"])
        return to["email"], mail

    def accept(self) -> None:
        self.respond(202, None, {"X-Message-Id": uuid.uuid4().hex})

    def error(self, status: int) -> Any:
        # Quotes the key, which the real one does not, to catch errors that are passed on.
        return {"errors": [{"message": f"refused {SENDGRID_KEY}", "field": None, "help": None}]}


class _Twilio(_Handler):
    def authorized(self) -> bool:
        pair = base64.b64encode(f"{TWILIO_SID}:{TWILIO_TOKEN}".encode()).decode()
        return self.headers["Authorization"] == f"Basic {pair}"

    def parse(self, body: bytes) -> tuple[str, dict[str, Any]]:
        assert self.path == f"/2010-04-01/Accounts/{TWILIO_SID}/Messages.json", self.path
        assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
        message = {name: "".join(values) for name, values in parse_qs(body.decode()).items()}
        assert set(message) == {"To", "From", "Body"}
        assert message["To"].startswith("+")
        assert 0 < len(message["Body"]) <= 1600
        return message["To"], message

    def accept(self) -> None:
        self.respond(201, {"sid": f"SM{uuid.uuid4().hex}", "status": "queued"})

    def error(self, status: int) -> Any:
        code = {401: 20003, 429: 20429}.get(status, 20500)
        return {"code": code, "message": f"refused {TWILIO_TOKEN}", "status": status}


@contextmanager
def _serve(handler: type[_Handler]) -> Iterator[Provider]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler, bind_and_activate=True)
    server.daemon_threads = True
    provider = Provider(server)
    handler.provider = provider
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield provider
    finally:
        provider.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
    assert not provider.faults, provider.faults


@contextmanager
def sendgrid() -> Iterator[Provider]:
    """Run a SendGrid for the time of a `with`; fails in the end if it was sent nonsense."""
    with _serve(type("SendGrid", (_SendGrid,), {})) as provider:
        yield provider


@contextmanager
def twilio() -> Iterator[Provider]:
    """Run a Twilio for the time of a `with`; fails in the end if it was sent nonsense."""
    with _serve(type("Twilio", (_Twilio,), {})) as provider:
        yield provider


def environment(sendgrid: Provider, twilio: Provider) -> dict[str, str]:
    """Return the settings that point the service at the two, with their credentials."""
    return {
        "SENDGRID_API_KEY": SENDGRID_KEY,
        "EMAIL_FROM": EMAIL_FROM,
        "SENDGRID_BASE_URL": sendgrid.url,
        "TWILIO_ACCOUNT_SID": TWILIO_SID,
        "TWILIO_AUTH_TOKEN": TWILIO_TOKEN,
        "TWILIO_FROM_NUMBER": TWILIO_NUMBER,
        "TWILIO_BASE_URL": twilio.url,
    }
