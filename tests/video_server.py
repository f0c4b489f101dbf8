"""LiveKit's server as far as its webhooks and removals go, by LiveKit's own library."""

from __future__ import annotations

import hashlib
import json
import threading
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from google.protobuf.json_format import MessageToJson, Parse, ParseDict, ParseError
from livekit.api import AccessToken, TokenVerifier
from livekit.protocol.room import RoomParticipantIdentity
from livekit.protocol.webhook import WebhookEvent

URL = "wss://video.example.com"
KEY = "APIkeyOfTheTests"
SECRET = "the secret of the tests' video server"
SETTINGS = {"LIVEKIT_URL": URL, "LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET}

# How long LiveKit has a webhook's signature last.
SIGNED_FOR = timedelta(minutes=5)


def report(**fields: Any) -> bytes:
    """Return the body of a webhook, as the server writes it."""
    message = ParseDict(fields, WebhookEvent())
    return MessageToJson(message, indent=None).encode()


def sign(
    body: bytes, *, key: str = KEY, secret: str = SECRET, lasts: timedelta = SIGNED_FOR
) -> str:
    """Return the header `Authorization` of a webhook."""
    digest = b64encode(hashlib.sha256(body).digest()).decode()
    return AccessToken(key, secret).with_sha256(digest).with_ttl(lasts).to_jwt()


@dataclass
class VideoServer:
    """A running server, who is in its rooms, and which removals it was asked for.

    While it `hangs`, it answers no call, and while it `fails`, each with that status.
    """

    port: int
    here: set[tuple[str, str]] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    fails: int = 0
    hangs: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def settings(self) -> dict[str, str]:
        return {**SETTINGS, "LIVEKIT_URL": f"ws://127.0.0.1:{self.port}"}

    def join(self, token: str) -> tuple[str, str]:
        """Have a client connect by a token; returns the room, and its identity there."""
        claims = TokenVerifier(KEY, SECRET).verify(token)
        assert claims.video
        assert claims.video.room_join
        place = (claims.video.room, claims.identity)
        self.here.add(place)
        return place

    def remove(self, authorization: str, body: bytes) -> tuple[int, dict[str, str]]:
        """Answer a call of RemoveParticipant with a status and a body, as the server does."""
        try:
            claims = TokenVerifier(KEY, SECRET).verify(authorization.removeprefix("Bearer "))
        except jwt.InvalidTokenError:
            return 401, {"code": "unauthenticated", "msg": "invalid token"}
        try:
            wanted = Parse(body, RoomParticipantIdentity())
        except ParseError:
            return 400, {"code": "malformed", "msg": "the json request could not be decoded"}
        grants = claims.video
        if not grants or not grants.room_admin or grants.room != wanted.room:
            return 403, {"code": "permission_denied", "msg": "permissions denied"}
        place = (wanted.room, wanted.identity)
        self.asked.append(place)
        if place not in self.here:
            return 404, {"code": "not_found", "msg": "participant does not exist"}
        self.here.remove(place)
        return 200, {}


@contextmanager
def serving(port: int = 0) -> Iterator[VideoServer]:
    """Run a server for the time of a `with`, on a port of one's choice if it is given."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if server.hangs.is_set():
                server.closing.wait()
                return
            if self.path != "/twirp/livekit.RoomService/RemoveParticipant":
                status, answer = 404, {"code": "bad_route", "msg": f"no handler for {self.path}"}
            elif server.fails:
                status, answer = server.fails, {"code": "unavailable", "msg": "try later"}
            elif self.headers["Content-Type"] != "application/json":
                status, answer = 404, {"code": "bad_route", "msg": "unexpected Content-Type"}
            else:
                status, answer = server.remove(self.headers.get("Authorization", ""), body)
            server.answers[status] += 1
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as listener:
        listener.daemon_threads = True
        server = VideoServer(listener.server_address[1])
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            listener.shutdown()
            thread.join()
