"""How long others wait for the service while somebody does something to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event

import requests

from tests.live import WebProcess
from tests.meeting import Connect, Meeting

# Seconds between two chat messages, and between two requests.
INTERVAL = 0.02


@dataclass
class Waits:
    """Seconds from sending a chat message to its arrival at the other, and of a request."""

    relay: list[float] = field(default_factory=list)
    rest: list[float] = field(default_factory=list)

    @property
    def p99(self) -> tuple[float, float]:
        return _percentile(self.relay, 0.99), _percentile(self.rest, 0.99)

    def __str__(self) -> str:
        relay, rest = self.p99
        return f"relay p99 {relay * 1000:.0f} ms, REST p99 {rest * 1000:.0f} ms"


class Bystanders:
    """An interview of two people, and somebody who reads their profile, on one web process."""

    def __init__(self, web: WebProcess, connect: Connect, meeting: Meeting) -> None:
        self._meeting = meeting
        self._profile = f"{web.url}/api/candidates/me"
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {meeting.candidate.token}"
        self._speaker = connect(meeting.interviewer, web.url)
        self._listener = connect(meeting.candidate, web.url)
        for person in (self._speaker, self._listener):
            assert person.join(meeting.id)["ok"]

    def watch(self, until: Callable[[], bool]) -> Waits:
        """Measure until `until` is true; the last message and request are waited for."""
        waits = Waits()
        with ThreadPoolExecutor(1) as pool:
            requested: Future[None] = pool.submit(self._request, until, waits.rest)
            self._chat(until, waits.relay)
            requested.result()
        return waits

    def _chat(self, until: Callable[[], bool], waits: list[float]) -> None:
        message = {"interviewId": self._meeting.id, "message": "hello"}
        for _ in _paced(until):
            began = time.perf_counter()
            self._speaker.send("chatMessage", message)
            self._listener.next("chatMessage", deadline=60)
            _record(waits, time.perf_counter() - began)

    def _request(self, until: Callable[[], bool], waits: list[float]) -> None:
        for _ in _paced(until):
            began = time.perf_counter()
            answer = self._session.get(self._profile, timeout=60)
            _record(waits, time.perf_counter() - began)
            assert answer.status_code == 200, answer.text


@contextmanager
def going_on(action: Callable[[Event], None], threads: int = 1) -> Iterator[Callable[[], bool]]:
    """Run `action` in threads, until it returns or the block ends, which sets its event.

    Yields what tells whether it has ended; raises what it raised.
    """
    enough = Event()
    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(action, enough) for _ in range(threads)]
        try:
            yield lambda: all(each.done() for each in running)
        finally:
            enough.set()
        for each in running:
            each.result()


def after(seconds: float) -> Callable[[], bool]:
    """Return what is true from `seconds` from now on."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def _paced(until: Callable[[], bool]) -> Iterator[None]:
    while True:
        yield
        if until():
            return
        time.sleep(INTERVAL)


def _record(waits: list[float], wait: float) -> None:
    """Add a wait, and those of whatever was not sent meanwhile, as HdrHistogram corrects it."""
    while wait > 0:
        waits.append(wait)
        wait -= INTERVAL


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]
