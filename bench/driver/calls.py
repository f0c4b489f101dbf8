"""REST calls over keep-alive connections, each sending its next as soon as it is answered."""

from __future__ import annotations

import re
import time
from itertools import cycle
from typing import Any

import orjson

from .loop import Loop
from .meter import Meter
from .stream import Stream
from .target import Target

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Calls:
    """`connections` clients who make one call without pause, with each body in turn."""

    def __init__(self, target: Target, told: dict[str, Any], loop: Loop) -> None:
        self.meter = Meter()
        self._bodies = cycle(told.get("bodies") or [None])
        self._told = told
        self._target = target
        self._loop = loop
        self._callers: list[_Caller] = []
        self._stop = 0.0

    @property
    def received(self) -> int:
        return sum(caller.stream.received for caller in self._callers)

    def open(self) -> None:
        for _ in range(self._told["connections"]):
            self._callers.append(_Caller(self, Stream(self._target.address), self._loop))

    def begin(self, start: float, stop: float) -> None:
        self._stop = stop
        for caller in self._callers:
            self._loop.at(start, caller.call)

    def settled(self) -> bool:
        return not self.meter.missing

    def result(self) -> dict[str, Any]:
        return self.meter.result()

    def request(self) -> bytes:
        """Return the next request as it goes over the wire."""
        body = next(self._bodies)
        head = [
            f"{self._told['method']} {self._told['path']} HTTP/1.1",
            f"Host: {self._target.host}:{self._target.port}",
            "Accept: application/json",
        ]
        if token := self._told.get("token"):
            head.append(f"Authorization: Bearer {token}")
        content = b""
        if body is not None:
            content = orjson.dumps(body)
            head += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
        return "\r\n".join((*head, "", "")).encode() + content

    def answered(self, caller: _Caller, answer: bytes) -> None:
        self.meter.arrive(caller.number)
        if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
            self.meter.failures.append(answer[:500].decode(errors="replace"))
        if time.monotonic() < self._stop:
            caller.call(time.monotonic())


class _Caller:
    def __init__(self, calls: Calls, stream: Stream, loop: Loop) -> None:
        self.stream = stream
        self.number = 0
        self._calls = calls
        self._answer = b""
        stream.run_in(loop, self._read)

    def call(self, moment: float) -> None:
        self.number = self._calls.meter.begin(moment, 1)
        self.stream.send(self._calls.request())

    def _read(self, data: bytes) -> None:
        self._answer += data
        head = self._answer.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _LENGTH.search(self._answer, 0, head + 2)
        if length is None:
            raise ValueError(f"an answer of unknown length: {self._answer[:head].decode()}")
        if len(self._answer) >= head + 4 + int(length[1]):
            answer, self._answer = self._answer, b""
            self._calls.answered(self, answer)
