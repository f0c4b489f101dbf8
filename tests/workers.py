"""The Procfile's worker at work on a test's stores."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from interview_platform.core.settings import Settings
from tests.live import ROOT, environment, procfile_command


@contextmanager
def worker(settings: Settings, log: Path, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the Procfile's worker for the time of a `with`."""
    with (
        log.open("ab") as out,
        subprocess.Popen(
            procfile_command("worker"),
            cwd=ROOT,
            env=environment(settings, **{"LOG_LEVEL": "debug", **env}),
            stdout=out,
            stderr=out,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
