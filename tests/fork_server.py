"""A process that has imported the service, and forks web processes: `tests.forked` is its client.

Imports are nearly all that a start costs. A request is a line on standard input; each is
answered with a line.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()  # as wsgi.py does, before anything else is imported

import gc  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from importlib import import_module  # noqa: E402

from gevent.os import fork_gevent  # noqa: E402
from gunicorn.app import wsgiapp  # noqa: E402

from tests import clock  # noqa: E402

IMPORTED = ("interview_platform.app", "interview_platform.core.gunicorn")

_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT
# gevent's own knows only children that it watches over.
_waitpid = monkey.get_original("os", "waitpid")


def main() -> None:
    """Do what is asked, until whoever asks is gone."""
    for module in IMPORTED:
        import_module(module)
    gc.collect()
    gc.freeze()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        answer = start(**request["start"]) if "start" in request else status(request["status"])
        print(json.dumps(answer), flush=True)


def start(command: list[str], env: dict[str, str], log: str) -> int:
    """Run a command of gunicorn's in a process of its own, and return its id."""
    if pid := fork_gevent():
        return pid
    os.setsid()
    for path, flags, descriptors in ((os.devnull, os.O_RDONLY, [0]), (log, _APPEND, [1, 2])):
        opened = os.open(path, flags)
        for descriptor in descriptors:
            os.dup2(opened, descriptor)
        os.close(opened)
    os.environ.clear()
    os.environ.update(env)
    if offset := env.get(clock.OFFSET):
        clock.shift(float(offset))
    sys.argv = command
    sys.exit(wsgiapp.run())


def status(pid: int) -> int | None:
    """Return the exit status of a process, or minus the signal that ended it; None if it runs."""
    ended, status = _waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


if __name__ == "__main__":
    main()
