"""The two sides, each as it is deployed: this service by its Procfile, and the peer by Node."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Self

import requests

from interview_platform.local.leash import leashed
from interview_platform.local.stores import free_port

from .node import PEER, node
from .processes import family
from .world import HASH_COST, PASSWORD, World

ROOT = Path(__file__).parents[1]
HOST = "127.0.0.1"
START_TIMEOUT = 60.0
STOP_TIMEOUT = 20.0

# What both are told. One machine plays every client, and one admin calls without a pause, so
# that the bounds on an address and on a person's requests are lifted; those on events stay.
_SHARED = {"HOST": HOST, "JWT_SECRET": "a secret for measuring, which is long enough to be taken"}
_OURS = {
    "APP_ENV": "production",
    "LOG_LEVEL": "warning",
    "BCRYPT_SALT_ROUNDS": str(HASH_COST),
    "SIGNING_KEY": "a2V5IGZvciBtZWFzdXJpbmcsIDMyIGJ5dGVzIGxvbmc=",
    "CLIENT_ORIGIN": "https://app.example.com",
    "SOCKETS_PER_ADDRESS": "20000",
    "SOCKETS_PER_PERSON": "20000",
    "REQUESTS_PER_SECOND": "1000000",
}
_PEERS = {"NODE_ENV": "production", "CLIENT_ORIGIN": "https://app.example.com"}


class Side(ABC):
    """A running service. As a context manager it starts and stops itself."""

    name: ClassVar[str]
    keeps: ClassVar[bool]
    """Whether it keeps a log and acknowledges what is in it."""
    _own_settings: ClassVar[dict[str, str]]
    _directory: ClassVar[Path]

    def __init__(self, settings: dict[str, str], log: Path) -> None:
        """`settings` say where the stores are; `log` takes the output."""
        self.settings = settings
        self._log = log
        self._processes: list[subprocess.Popen[bytes]] = []
        self.port = 0
        self._tokens: dict[str, str] = {}
        self.started_in = 0.0

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that serve: those on the leash, without it."""
        return family(self._processes[0].pid)[1:]

    @property
    def target(self) -> dict[str, Any]:
        """What the driver has to know."""
        return {"host": HOST, "port": self.port, "pids": self.pids, "keeps": self.keeps}

    def start(self) -> None:
        """Start the service; returns at its first answer."""
        self.port = free_port()
        began = time.monotonic()
        self._run(self._command())
        while not self._answers():
            if self._processes[0].poll() is not None or time.monotonic() > began + START_TIMEOUT:
                raise RuntimeError(f"{self.name} did not start:\n{self._log.read_text()[-4000:]}")
            time.sleep(0.005)
        self.started_in = time.monotonic() - began

    def stop(self) -> None:
        for process in self._processes:
            os.killpg(process.pid, signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._processes.clear()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @abstractmethod
    def prepare(self) -> None:
        """Have the written database taken over, before the start."""

    @abstractmethod
    def work(self) -> None:
        """Begin to deliver notifications."""

    @abstractmethod
    def _command(self) -> list[str]: ...

    def token(self, email: str) -> str:
        """Return the token of an account, which logs in the first time."""
        if email not in self._tokens:
            body = {"email": email, "password": PASSWORD}
            answer = requests.post(f"{self.url}/api/auth/login", json=body, timeout=30)
            answer.raise_for_status()
            self._tokens[email] = answer.json()["token"]
        return self._tokens[email]

    def seats(self, world: World, room: dict[str, Any], *, watched: bool) -> dict[str, Any]:
        """Return an interview with the people who join it: two, and an admin who watches."""
        people = [("candidate", world.candidates), ("interviewer", world.interviewers)]
        emails = [
            (role, next(user["email"] for user in users if user["_id"] == room[role]))
            for role, users in people
        ]
        if watched:
            emails.append(("admin", world.admin["email"]))
        return {
            "id": str(room["_id"]),
            "seats": [(role, self.token(email) if self.keeps else None) for role, email in emails],
        }

    def log_in(self, world: World) -> None:
        """Log everybody in, some at a time, where sockets ask for tokens."""
        people = [world.admin, *world.interviewers, *world.candidates]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self.token, [person["email"] for person in people]))

    def get(self, path: str, email: str) -> Any:
        """Call the service as somebody."""
        headers = {"Authorization": f"Bearer {self.token(email)}"}
        answer = requests.get(self.url + path, headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def drive(self, task: str, **told: Any) -> dict[str, Any]:
        """Have the driver do something to this side, in a process of its own."""
        told = {"task": task, "target": self.target, **told}
        done = subprocess.run(
            [sys.executable, "-m", "bench.driver"],
            cwd=ROOT,
            input=json.dumps(told),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def _run(self, command: list[str]) -> None:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        kept = {name: value for name, value in os.environ.items() if name in ("HOME", "LANG")}
        settings = {**_SHARED, **self._own_settings, **self.settings}
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                leashed(*command),
                cwd=self._directory,
                env={**kept, "PATH": path, "PORT": str(self.port), **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/health", timeout=5).ok
        except requests.RequestException:
            return False


class Ours(Side):
    name = "ours"
    keeps = True
    _own_settings = _OURS
    _directory = ROOT

    def prepare(self) -> None:
        self._run(_procfile("release"))
        process = self._processes.pop()
        if process.wait() != 0:
            raise RuntimeError(f"the release failed:\n{self._log.read_text()[-4000:]}")

    def work(self) -> None:
        self._run(_procfile("worker"))

    def _command(self) -> list[str]:
        return _procfile("web")


class Peer(Side):
    name = "peer"
    keeps = False
    _own_settings = _PEERS
    _directory = PEER

    def prepare(self) -> None:
        """Nothing: Mongoose makes its indexes when it connects."""

    def work(self) -> None:
        # Its queue is worked on by the process that serves.
        self.stop()
        self.settings["PROCESS_QUEUE"] = "true"
        self.start()

    def _command(self) -> list[str]:
        return [node(), "src/index.js"]


def _procfile(process: str) -> list[str]:
    """Return the command that the Procfile has for `process`."""
    lines = dict(line.split(":", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    return shlex.split(lines[process])
