"""What a process loads."""

from __future__ import annotations

import subprocess
import sys

from tests.live import ROOT


def loaded_with(module: str, *names: str) -> set[str]:
    """Return those of the modules `names` that a new process has once it imports `module`."""
    program = f"import sys, {module}; print(*({set(names)} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())
