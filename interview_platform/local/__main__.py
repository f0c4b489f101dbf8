"""What `make run` runs: the stores that nobody configured, then the Procfile's own processes.

Exits with 0 when told to stop (Ctrl-C, SIGTERM), 2 for settings that cannot be used, and
another status if something could not be started or ended unasked.
"""

from __future__ import annotations

import errno
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import honcho.manager
from dotenv import load_dotenv
from honcho.environ import parse_procfile
from honcho.printer import Printer

from interview_platform.core.settings import Settings, SettingsError
from interview_platform.local.leash import GRACE, leashed
from interview_platform.local.stores import EmbeddedMongo, EmbeddedRedis, StoreError, free_port

POLL_INTERVAL = 0.2  # seconds

BANNER = """
  Smart Interview is ready at {url}
  Its API, to read and to try:  {url}/api/docs

  In another terminal:
    make demo    one whole interview, step by step
    make seed    people to try things out with
    curl {url}/api/auth/register-admin -H 'Content-Type: application/json' \\
      -d '{{"name": "Ada", "email": "ada@example.com", "password": "<8 characters or more>"}}'
                 the first admin, who invites everyone else

  Ctrl-C stops it. The data stays in {data_dir}
"""


class _Console:
    """Standard output, even when its reader ends first, as `tee` does on Ctrl-C."""

    def write(self, text: str) -> None:
        with suppress(BrokenPipeError):
            sys.stdout.write(text)

    def flush(self) -> None:
        with suppress(BrokenPipeError):
            sys.stdout.flush()

    def isatty(self) -> bool:
        return sys.stdout.isatty()


def main() -> int:
    """Run the service until it is told to stop, and return the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        load_dotenv(".env")
        settings = Settings.from_env()
        with ExitStack() as stack:
            return _run(_complete(settings, stack))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except StoreError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _complete(settings: Settings, stack: ExitStack) -> Settings:
    """Start the stores that are not configured and return the settings with their addresses."""
    port = settings.port or free_port()
    _check_free(settings.host, port)
    data_dir = settings.data_dir.resolve()
    return replace(
        settings,
        port=port,
        data_dir=data_dir,
        mongo_uri=settings.mongo_uri or stack.enter_context(EmbeddedMongo(data_dir)).url,
        redis_url=settings.redis_url or stack.enter_context(EmbeddedRedis(data_dir)).url,
    )


def _check_free(host: str, port: int) -> None:
    """Raise `SettingsError` if web could not listen at this address."""
    try:
        # Allows what gunicorn allows: an address whose last connections are still closing.
        socket.create_server((host, port), family=_family(host)).close()
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "is in use, choose another" if taken else f"cannot be listened on: {error}"
        raise SettingsError([f"PORT: {port} on {host} {reason}"]) from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _run(settings: Settings) -> int:
    processes = parse_procfile(Path("Procfile").read_text()).processes
    environ = _environ(settings)
    released = subprocess.run(["sh", "-c", f"exec {processes['release']}"], env=environ)
    if released.returncode != 0:
        return 1

    # How long the slower may take to end once the faster has ended.
    honcho.manager.KILL_WAIT = GRACE
    manager = honcho.manager.Manager(Printer(_Console()))
    for name in ("web", "worker"):
        command = f"exec {shlex.join(leashed())} {processes[name]}"
        manager.add_process(name, command, env=environ)
    threading.Thread(target=_announce, args=(settings,), daemon=True).start()
    manager.loop()
    # A process that ends unasked is a failure, whatever it says itself.
    asked = {entry["rc"] for entry in honcho.manager.SIGNALS.values()}
    return 0 if manager.returncode in asked else 1


def _environ(settings: Settings) -> dict[str, str]:
    """Return the environment for the processes: ours, completed by what was found out."""
    path = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    return os.environ | {
        "PATH": os.pathsep.join(path),
        "PYTHONUNBUFFERED": "1",
        "PORT": str(settings.port),
        "DATA_DIR": str(settings.data_dir),
        "MONGO_URI": settings.mongo_uri,
        "REDIS_URL": settings.redis_url,
    }


def _announce(settings: Settings) -> None:
    """Wait until the service is ready, then say where it is and what to do with it."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    host = everywhere.get(settings.host, settings.host)
    ready = False
    while not ready:
        # Asleep while the manager forks, which threads at work do not take well.
        time.sleep(POLL_INTERVAL)
        ready = _ready(host, settings.port)
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
    print(BANNER.format(url=url, data_dir=settings.data_dir), file=_Console(), flush=True)


def _ready(host: str, port: int) -> bool:
    try:
        with closing(HTTPConnection(host, port, timeout=5)) as connection:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False


if __name__ == "__main__":
    sys.exit(main())
