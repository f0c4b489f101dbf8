"""The web application under test, and people who use it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol, cast

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import Headers

from interview_platform.core.settings import Settings
from tests import openapi
from tests.openapi import conformance

PASSWORD = "seven plain paperclips"

# What a password's hash looks like; no answer of any call in any test may hold one.
HASH_TRACES = (b'"passwordHash":"', b"$2b$", b"$2a$")

_numbers = count(1)


def make_settings(mongo_uri: str, database: str, redis_url: str, **overrides: str) -> Settings:
    """Return settings for tests: real stores, cheap hashes, and nothing of this machine's own."""
    environ = {
        "APP_ENV": "test",
        "LOG_LEVEL": "warning",
        "MONGO_URI": mongo_uri,
        "MONGO_DB_NAME": database,
        "REDIS_URL": redis_url,
        "JWT_SECRET": "a secret of the tests, which is long enough to be taken",
        "SIGNING_KEY": "c2lnbnMgcmVjb3JkcyBvZiB0aGUgdGVzdHMgYWxvbmU=",
        "BCRYPT_SALT_ROUNDS": "4",
        "REQUESTS_PER_SECOND": "1000000",
        **overrides,
    }
    return Settings.from_env(environ)


class Answer(Protocol):
    """An answer of the service; `json` is taken for what the test expects it to be."""

    status_code: int
    headers: Headers
    data: bytes
    text: str
    json: Any


@dataclass
class Person:
    """Somebody with an account; every call goes out with their token, if they have one."""

    client: FlaskClient
    id: str = ""
    name: str = ""
    email: str = ""
    role: str = ""
    token: str = ""
    refresh_token: str = ""
    profile_id: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        headers = {**self.headers, **options.pop("headers", {})}
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None:
            options["json"] = body
        answer = self.client.open(path, method=method, headers=headers, buffered=True, **options)
        for trace in HASH_TRACES:
            assert trace not in answer.get_data(), f"{method} {path} tells a hash"
        kind = answer.headers.get("Content-Type")
        conformance.check(method, path, answer.status_code, kind, answer.get_data(), self._document)
        return cast(Answer, answer)

    def _document(self) -> dict[str, Any] | None:
        document: dict[str, Any] | None = self.client.get(openapi.PATH).get_json()
        return document

    def get(self, path: str, **query: Any) -> Answer:
        return self.call("GET", path, **({"query_string": query} if query else {}))

    def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self.call("POST", path, body, **options)

    def put(self, path: str, body: Any) -> Answer:
        return self.call("PUT", path, body)

    def patch(self, path: str, body: Any) -> Answer:
        return self.call("PATCH", path, body)

    def delete(self, path: str) -> Answer:
        return self.call("DELETE", path)

    def log_in(self, password: str = PASSWORD) -> Person:
        self.token = ""
        answer = self.post("/api/auth/login", {"email": self.email, "password": password})
        assert answer.status_code == 200, answer.text
        self.token = answer.json["token"]
        self.refresh_token = answer.json["refreshToken"]
        return self


class Company:
    """A fresh service with its first admin, and the means to hire and invite."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.anyone = Person(app.test_client())
        self.admin = self._register_admin()

    def _register_admin(self) -> Person:
        body = {"name": "Grace Hopper", "email": "grace@example.com", "password": PASSWORD}
        answer = self.anyone.post("/api/auth/register-admin", body)
        assert answer.status_code == 201, answer.text
        return self._person(answer.json["user"]).log_in()

    def staff(self, role: str = "interviewer", **fields: Any) -> Person:
        """Create a staff account and log in with it."""
        number = next(_numbers)
        body = {
            "name": f"Staff {number}",
            "email": f"staff{number}@example.com",
            "role": role,
            "password": PASSWORD,
            **fields,
        }
        answer = self.admin.post("/api/admin/users", body)
        assert answer.status_code == 201, answer.text
        return self._person(answer.json["user"]).log_in()

    def candidate(self, **fields: Any) -> Person:
        """Create a candidate and log in as them."""
        number = next(_numbers)
        body = {
            "name": f"Candidate {number}",
            "email": f"candidate{number}@example.com",
            "password": PASSWORD,
            **fields,
        }
        answer = self.admin.post("/api/admin/candidates", body)
        assert answer.status_code == 201, answer.text
        person = self._person(answer.json["user"]).log_in()
        person.profile_id = answer.json["profile"]["id"]
        return person

    def _person(self, user: dict[str, Any]) -> Person:
        return Person(self.app.test_client(), user["id"], user["name"], user["email"], user["role"])
