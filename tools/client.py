"""A small client of the REST interface."""

from __future__ import annotations

import os
from typing import Any

import requests

TIMEOUT = 30


class ApiError(Exception):
    """An answer that says no; its text is what the service says."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(
            f"{response.request.method} {response.request.path_url}: "
            f"{response.status_code} {response.text.strip()}"
        )
        self.status = response.status_code


class Client:
    """Calls the service at `base_url`, as whoever logged in last."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.token = ""
        self._http = requests.Session()

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """Return the answer's JSON, or None where it has none. Raises `ApiError`."""
        headers = options.pop("headers", {})
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        response = self._http.request(
            method,
            self.base_url + path,
            json=body,
            headers=headers,
            timeout=TIMEOUT,
            **options,
        )
        if not response.ok:
            raise ApiError(response)
        return response.json() if response.content else None

    def get(self, path: str, **query: Any) -> Any:
        return self.call("GET", path, params=query)

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.call("POST", path, body, **options)

    def log_in(self, email: str, password: str) -> Client:
        """Log in and return this client. Raises `ApiError`."""
        answer = self.post("/api/auth/login", {"email": email, "password": password})
        self.token = answer["token"]
        return self


def service_url() -> str:
    """Return where the service is: `SERVICE_URL`, or this machine at `PORT` (default 5000)."""
    return os.environ.get("SERVICE_URL") or f"http://127.0.0.1:{os.environ.get('PORT') or 5000}"


def admin(url: str) -> Client:
    """Return a client logged in as an admin, registering the first one where there is none.

    `ADMIN_EMAIL` and `ADMIN_PASSWORD` say who; left out, a demo admin is used.
    """
    email = os.environ.get("ADMIN_EMAIL") or "admin@demo.example.com"
    password = os.environ.get("ADMIN_PASSWORD") or "demo admin password"
    client = Client(url)
    try:
        return client.log_in(email, password)
    except ApiError as error:
        if error.status != requests.codes.unauthorized:
            raise
    body = {"name": "Demo Admin", "email": email, "password": password}
    try:
        client.post("/api/auth/register-admin", body)
    except ApiError as error:
        if error.status == requests.codes.forbidden:
            raise SystemExit(
                "This service has an admin already: set ADMIN_EMAIL and ADMIN_PASSWORD."
            ) from error
        raise
    return client.log_in(email, password)
