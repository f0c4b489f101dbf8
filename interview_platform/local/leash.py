"""Runs a command for as long as the process that asked for it lives.

    leash.py OWNER COMMAND [ARGUMENT ...]

A process that is killed outright cannot end what it started. The leash stands between the
two: once the process numbered OWNER is gone, it ends its own process group, the command
included. Whoever starts a leash gives it a group of its own. Signals are meant for that
group: the command gets them directly, and the leash outlives them to wait for it.

Runs as a script without any package, so that it starts in a few milliseconds.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

# Seconds from asking the command to end until it is killed; web drains for up to 10.
GRACE = 15.0


def leashed(*command: str) -> list[str]:
    """Return the command line that keeps `command` on a leash of the calling process."""
    return [sys.executable, "-IS", str(Path(__file__)), str(os.getpid()), *command]


def _await_end(pid: int) -> None:
    """Return once the process `pid` has ended, even if nobody has collected its status."""
    if sys.platform == "linux":
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        select.select([descriptor], [], [])
    else:
        end = select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
        select.kqueue().control([end], 1)


def _follow(owner: int) -> None:
    _await_end(owner)
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE)
    os.killpg(0, signal.SIGKILL)


def main(owner: int, command: list[str]) -> int:
    """Run `command` and return its exit status, 128 + n if signal n ended it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A handler, not SIG_IGN, which the command would inherit.
        signal.signal(number, lambda *_: None)
    threading.Thread(target=_follow, args=(owner,), daemon=True).start()
    # Descriptors stay open: a store holds the lock on its data for as long as it lives.
    status = subprocess.Popen(command, close_fds=False).wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
