"""What `make run` starts, keeps and leaves: all of it, as a newcomer has it on a bare machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from interview_platform.local.stores import free_port
from tests.live import ROOT, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts processes in /proc")

COMMAND = [sys.executable, "-m", "interview_platform.local"]
CHECKOUT = ["Procfile", "gunicorn.conf.py", "wsgi.py", "interview_platform", "jobs"]
ADMIN = {"name": "Ada Lovelace", "email": "ada@example.com", "password": "an engine of analysis"}
# Seconds in which a machine that is busy with other things still starts or stops it all.
DEADLINE = 60.0


class Run:
    """A run of the service in a checkout, with a `.env` and the environment's own settings."""

    def __init__(self, checkout: Path, **environ: str) -> None:
        self.checkout = checkout
        self.log = checkout / "run.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                COMMAND,
                cwd=checkout,
                env={"PATH": os.environ["PATH"], **environ},
                stdout=log,
                stderr=log,
            )

    def await_ready(self) -> str:
        """Return the address that the run tells its user."""
        return wait_until(self._address, "the address", DEADLINE)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal the process that the user sees and return its exit status."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE)

    def wait(self) -> int:
        return self.process.wait(DEADLINE)

    def _address(self) -> str:
        told = self.log.read_text()
        assert self.process.poll() is None, told
        _, found, rest = told.partition("Smart Interview is ready at ")
        # The banner's last line: what stands before it has been written whole.
        return rest.split()[0] if found and "Ctrl-C" in rest else ""


StartRun = Callable[..., Run]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A directory like a fresh clone, so that the developer's own `.env` has no say."""
    for name in CHECKOUT:
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.fixture
def start(checkout: Path) -> Iterator[StartRun]:
    runs: list[Run] = []

    def start(**environ: str) -> Run:
        runs.append(Run(checkout, **environ))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.stop()


def processes_in(directory: Path) -> list[str]:
    """Return the command lines of the processes that work in `directory` or below."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink().is_relative_to(directory):
                found.append((entry / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue  # ended meanwhile, or somebody else's
    return found


def test_the_service_keeps_its_data_between_runs_and_leaves_no_process(
    checkout: Path, start: StartRun
) -> None:
    port = free_port()
    (checkout / ".env").write_text(f"PORT={port}\nDATA_DIR=./kept\nBCRYPT_SALT_ROUNDS=4\nHOST=\n")

    run = start()
    url = run.await_ready()
    assert url == f"http://127.0.0.1:{port}"
    assert requests.get(f"{url}/health", timeout=5).json() == {"status": "ok"}
    assert requests.get(f"{url}/health/ready", timeout=5).json()["checks"] == {
        "mongo": "ok",
        "redis": "ok",
        "worker": "ok",
    }
    assert requests.get(f"{url}/api/docs", timeout=5).ok
    registered = requests.post(f"{url}/api/auth/register-admin", json=ADMIN, timeout=5)
    assert registered.status_code == 201, registered.text
    assert len(processes_in(checkout)) > 4  # two stores, web, the worker and who minds them
    assert run.stop(signal.SIGTERM) == 0
    assert processes_in(checkout) == []
    assert (checkout / "kept").is_dir()

    again = start()
    assert again.await_ready() == url
    login = requests.post(
        f"{url}/api/auth/login",
        json={name: ADMIN[name] for name in ("email", "password")},
        timeout=5,
    )
    assert login.status_code == 200, login.text
    assert again.stop(signal.SIGINT) == 0
    assert processes_in(checkout) == []


def test_the_environment_wins_over_the_env_file(checkout: Path, start: StartRun) -> None:
    (checkout / ".env").write_text("PORT=http\nCLIENT_ORIGIN=*/x\n")
    run = start(PORT="0")
    assert run.wait() == 2
    told = run.log.read_text()
    assert "CLIENT_ORIGIN: " in told
    assert "PORT: " not in told


def test_a_second_run_on_the_same_data_or_port_is_refused_and_the_first_goes_on(
    start: StartRun,
) -> None:
    port = free_port()
    url = start(PORT=str(port)).await_ready()

    same_data = start(PORT="0")
    assert same_data.wait() == 1
    assert "in use by another running instance" in same_data.log.read_text()

    same_port = start(PORT=str(port), DATA_DIR="other")
    assert same_port.wait() == 2
    assert f"PORT: {port} on 127.0.0.1 is in use" in same_port.log.read_text()

    assert requests.get(f"{url}/health/ready", timeout=5).ok


def test_a_run_that_is_killed_takes_its_processes_along_and_blocks_no_later_run(
    checkout: Path, start: StartRun
) -> None:
    killed = start(PORT="0")
    killed.await_ready()
    assert killed.stop(signal.SIGKILL) == -signal.SIGKILL

    later = start(PORT="0")  # waits for the data until the killed run's store has let go
    url = later.await_ready()
    assert requests.get(f"{url}/health/ready", timeout=5).ok
    assert later.stop() == 0
    wait_until(lambda: not processes_in(checkout), "the end of every process", DEADLINE)


def test_a_process_that_ends_unasked_ends_the_run_as_a_failure(
    checkout: Path, start: StartRun
) -> None:
    run = start(PORT="0")
    run.await_ready()
    for line in run.log.read_text().splitlines():
        if "worker started (pid=" in line:
            os.killpg(int(line.partition("pid=")[2].rstrip(")")), signal.SIGKILL)
    assert run.wait() == 1
    assert processes_in(checkout) == []


def test_faults_in_the_settings_are_told_all_at_once(checkout: Path, start: StartRun) -> None:
    run = start(PORT="http", JWT_SECRET="short", CLIENT_ORIGIN="*/x")
    assert run.wait() == 2
    told = run.log.read_text()
    assert told.startswith("Invalid settings:\n")
    for name in ("PORT", "JWT_SECRET", "CLIENT_ORIGIN"):
        assert told.count(f"  - {name}: ") == 1
    assert not (checkout / "var").exists()


def test_production_refuses_embedded_stores(checkout: Path, start: StartRun) -> None:
    run = start(APP_ENV="production", JWT_SECRET="s" * 32)
    assert run.wait() == 2
    told = run.log.read_text()
    assert "MONGO_URI: is required in production" in told
    assert "REDIS_URL: is required in production" in told
    assert not (checkout / "var").exists()


def test_a_failed_release_starts_neither_web_nor_worker(checkout: Path, start: StartRun) -> None:
    run = start(PORT="0", MONGO_URI="mongodb://127.0.0.1:1")
    assert run.wait() == 1
    assert "web started" not in run.log.read_text()
    assert processes_in(checkout) == []
