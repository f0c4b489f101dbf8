"""The service as it is deployed: web processes by the Procfile's command, and people on sockets."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from queue import Empty, Queue
from threading import RLock
from typing import Any, Protocol, TypeVar

import engineio
import requests
import socketio
from socketio.exceptions import ConnectionError as SocketIOConnectionError

from interview_platform.core.settings import Settings
from interview_platform.local.stores import EmbeddedStore, free_port

ROOT = Path(__file__).parents[1]
DEADLINE = 20.0
NAMESPACE = "/interview"

T = TypeVar("T")


def wait_until(probe: Callable[[], T], what: str = "it", deadline: float = DEADLINE) -> T:
    """Return the first true value of `probe`; fails the test where none comes in time."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        if value := probe():
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come true within {deadline} s")


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """Return the environment in which a process of the service reads `settings`."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    spelled = {
        name.upper(): str(value)
        for name, value in asdict(settings).items()
        if isinstance(value, str | int)
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    return {**kept, **spelled, "PATH": path, "PYTHONPATH": str(ROOT), **more}


def procfile_command(process: str) -> list[str]:
    """Return the command that the Procfile has for `process`."""
    lines = dict(line.split(":", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    return shlex.split(lines[process])


class Process(Protocol):
    """What tests ask of a process; that of `subprocess` can do it."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...


Launch = Callable[[list[str], dict[str, str], Path], Process]


def deploy(command: list[str], env: dict[str, str], log: Path) -> Process:
    """Start a process as a platform does that reads the Procfile."""
    with log.open("ab") as out:
        return subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=out, stderr=out, start_new_session=True
        )


class WebProcess:
    """One web process of the service, on a port of its own."""

    def __init__(self, launch: Launch, settings: Settings, log: Path, **env: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        own = {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            # The clients of tests say that they come from the service itself.
            "PUBLIC_BASE_URL": self.url,
            # The default: only the tests' own application has the limit lifted.
            "REQUESTS_PER_SECOND": "",
        }
        env = environment(settings, **{**own, **env})
        self.process = launch(procfile_command("web"), env, log)
        wait_until(self._answers, f"the web process on {self.url}")

    def stop(self) -> int:
        """Have it drain, and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End it as a crash would, the worker that gunicorn forked included."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            assert self.wait() == -signal.SIGKILL

    def wait(self) -> int:
        return self.process.wait(DEADLINE)

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"web ended at its start:\n{self.log.read_text()}")
        try:
            return requests.get(f"{self.url}/health", timeout=1).ok
        except requests.RequestException:
            return False


def kill(store: EmbeddedStore) -> None:
    """End a store at once, as a crash would, and return once it is gone."""
    leash = store._process
    assert leash is not None, "the store does not run"
    # By their group: some rewrite the command line that they were started with.
    pids = _processes_of(leash.pid) - {leash.pid}
    assert pids, "no process of the store was found"
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert leash.wait(DEADLINE) == 128 + signal.SIGKILL
    wait_until(lambda: not _processes_of(leash.pid), "the store's end")
    store.stop()  # which collects what is left of it


def _processes_of(group: int) -> set[int]:
    """Return the running processes of a process group."""
    found = set()
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            # What follows the name, which may hold anything, in brackets.
            fields = (directory / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.add(int(directory.name))
    return found


class RefusedError(Exception):
    """A connection that was not let in; holds what the client was told."""


class _InOrder(engineio.Client):  # type: ignore[misc]
    """Handles messages in the order they arrive, where the original starts a thread for each."""

    def _trigger_event(self, event: str, *args: Any, **options: Any) -> Any:
        return super()._trigger_event(event, *args, **{**options, "run_async": False})


class _Client(socketio.Client):  # type: ignore[misc]
    def _engineio_client_class(self) -> type[engineio.Client]:
        return _InOrder


class SocketPerson:
    """Somebody on the namespace, and what reached them, in order."""

    def __init__(self, url: str, token: str | None, **options: Any) -> None:
        self.heard: list[tuple[str, Any]] = []
        # Held while an event arrives: an editor that holds it is shown nothing meanwhile.
        self.hearing = RLock()
        self._refused: list[Any] = []
        self._arrivals: Queue[tuple[str, Any]] = Queue()
        # Without this, the client would name an origin of its own beside a header's.
        suppressed = {"suppress_origin": "Origin" in options.get("headers", {})}
        self.client = _Client(reconnection=False, websocket_extra_options=suppressed)
        self.client.on("*", self._hear, namespace=NAMESPACE)
        self.client.on("connect_error", self._refused.append, namespace=NAMESPACE)
        auth = None if token is None else {"token": token}
        options.setdefault("transports", ["websocket"])
        try:
            self.client.connect(url, namespaces=[NAMESPACE], auth=auth, wait_timeout=5, **options)
        except SocketIOConnectionError as error:
            raise RefusedError(*self._refused) from error

    @property
    def id(self) -> str:
        return str(self.client.get_sid(NAMESPACE))

    @property
    def connected(self) -> bool:
        return NAMESPACE in self.client.namespaces

    def call(self, event: str, payload: Any) -> dict[str, Any]:
        """Send an event and return its acknowledgement."""
        answer: dict[str, Any] = self.client.call(event, payload, NAMESPACE, timeout=DEADLINE)
        return answer

    def send(self, event: str, payload: Any) -> None:
        """Send an event without asking for an acknowledgement."""
        self.client.emit(event, payload, NAMESPACE)

    def join(self, interview_id: str, **more: Any) -> dict[str, Any]:
        return self.call("joinRoom", {"interviewId": interview_id, **more})

    def next(self, event: str, deadline: float = DEADLINE) -> Any:
        """Return the data of the next `event` that arrives, passing over others."""
        end = time.monotonic() + deadline
        while True:
            try:
                name, data = self._arrivals.get(timeout=max(0.0, end - time.monotonic()))
            except Empty:
                raise AssertionError(f"no {event} arrived within {deadline} s") from None
            if name == event:
                return data

    def all(self, event: str) -> list[Any]:
        """Return the data of every `event` that has arrived so far."""
        return [data for name, data in self.heard if name == event]

    def leave(self) -> None:
        self.client.disconnect()

    def _hear(self, event: str, data: Any = None) -> None:
        with self.hearing:
            self.heard.append((event, data))
        self._arrivals.put((event, data))
