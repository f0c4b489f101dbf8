"""The worker's sweep, in processes that are killed at an instant of one's choice.

A line on standard input is the number of the instant, from 0; it is answered with the exit
status of the process that swept, 0 where it has fewer instants. Instants come before a
command is sent to the store or to Redis, and after it was answered.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from pymongo import monitoring
from redis.connection import Connection

from jobs import maintenance

# Connecting, and what says nothing of the sweep.
_IDLE = frozenset({"hello", "ismaster", "ping", "endSessions"})

_instants_left = -1


def main() -> None:
    """Sweep in a process of its own for each line, until there is no other."""
    monitoring.register(_Store())
    for name in ("send_packed_command", "read_response"):
        setattr(Connection, name, _counted(getattr(Connection, name), before=name[:4] == "send"))
    for line in sys.stdin:
        print(_sweep(int(line)), flush=True)


def _sweep(instant: int) -> int:
    global _instants_left
    if pid := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    _instants_left = instant
    maintenance.sweep()
    os._exit(0)


def _pass_instant() -> None:
    global _instants_left
    if _instants_left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    _instants_left -= 1


class _Store(monitoring.CommandListener):
    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self._pass(event.command_name)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        self._pass(event.command_name)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass

    def _pass(self, command: str) -> None:
        if command not in _IDLE:
            _pass_instant()


def _counted(method: Callable[..., Any], *, before: bool) -> Callable[..., Any]:
    def call(*args: Any, **options: Any) -> Any:
        if before:
            _pass_instant()
        result = method(*args, **options)
        if not before:
            _pass_instant()
        return result

    return call


if __name__ == "__main__":
    main()
