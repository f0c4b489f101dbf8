"""Web processes that start in a seventh of the time: forked where all is imported already.

They run the Procfile's command in every other way, gunicorn's master and its worker included.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Lock
from typing import Any, Self

from tests.live import ROOT


class ForkServer:
    """The process that forks, which is `tests.fork_server`, for as long as the block takes."""

    def __enter__(self) -> Self:
        self._lock = Lock()
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.fork_server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate()

    def launch(self, command: list[str], env: dict[str, str], log: Path) -> Forked:
        """Start a process, as `tests.live.deploy` does."""
        return Forked(self, self._ask(start={"command": command, "env": env, "log": str(log)}))

    def status(self, pid: int) -> int | None:
        """Return how a process ended, as `subprocess` tells it; None while it runs."""
        status: int | None = self._ask(status=pid)
        return status

    def _ask(self, **request: Any) -> Any:
        stdin, stdout = self._server.stdin, self._server.stdout
        assert stdin is not None
        assert stdout is not None
        with self._lock:
            stdin.write(json.dumps(request).encode() + b"\n")
            stdin.flush()
            return json.loads(stdout.readline())


class Forked:
    """A process which is nobody's child but the fork server's, used like one of `subprocess`."""

    def __init__(self, server: ForkServer, pid: int) -> None:
        self.pid = pid
        self._server = server
        self._status: int | None = None

    def poll(self) -> int | None:
        if self._status is None:
            self._status = self._server.status(self.pid)
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        end = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            time.sleep(0.01)
        return status

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)
