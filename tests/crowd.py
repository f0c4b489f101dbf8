"""People who call the service at the same moment, each over a connection of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Barrier, Thread
from typing import Any

import requests
from flask import Flask
from werkzeug.serving import make_server

from tests.service import Person


@dataclass(frozen=True)
class Call:
    """What one of them asks for."""

    person: Person
    method: str
    path: str
    body: Any = None


def all_at_once(app: Flask, calls: Sequence[Call]) -> list[requests.Response]:
    """Make every call at the same moment and return the answers, in the order of the calls."""
    barrier = Barrier(len(calls))
    with _served(app) as url, ThreadPoolExecutor(len(calls)) as pool:

        def make(call: Call) -> requests.Response:
            with requests.Session() as session:
                session.headers["Authorization"] = f"Bearer {call.person.token}"
                # Connect beforehand, so that the calls themselves meet.
                session.get(f"{url}/health", timeout=30)
                barrier.wait(30)
                return session.request(call.method, url + call.path, json=call.body, timeout=60)

        return list(pool.map(make, calls))


@contextmanager
def _served(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
