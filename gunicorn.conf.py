"""How gunicorn serves the web process, and how it lets go of what it holds when told to stop."""

import gc
import os
import signal
from typing import Any

import gevent
from dotenv import load_dotenv

# As the service itself does; the environment wins.
load_dotenv(".env")

_host = os.environ.get("HOST") or "127.0.0.1"
bind = f"{f'[{_host}]' if ':' in _host else _host}:{os.environ.get('PORT') or 5000}"
worker_class = "interview_platform.core.gunicorn.Worker"
# More than one needs sticky sessions in front, or clients that speak WebSocket alone.
workers = int(os.environ.get("WEB_CONCURRENCY") or 1)
worker_connections = 10_000
timeout = 30
# A proxy must be the first to close an idle connection, or it sends requests into a closing one.
keepalive = 75
# The service knows by TRUSTED_PROXIES whom to believe.
forwarded_allow_ips = ""
# The service logs its requests itself.
accesslog = None
control_socket_disable = True
# A platform that stops a process gives it 10 seconds or more before it kills it.
graceful_timeout = 8

# Objects made, and not let go of, between two looks for garbage among the youngest; how many
# of these looks to one among those a little older, and of those to one at everything. Each
# holds everybody up for as long as there are objects to look at: here about 2, 10 and, with
# a thousand connections, 100 ms.
_COLLECT_EVERY = (2_000, 10, 100)


def post_worker_init(worker: Any) -> None:
    # All that a process consists of stays: walking it again and again would hold up everybody.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_EVERY)
    draining = worker.wsgi.extensions["draining"]

    def drain() -> None:
        worker.connections.stop_idle()
        draining.begin()

    def on_term(signum: int, frame: Any) -> None:
        worker.handle_exit(signum, frame)
        gevent.spawn(drain)

    signal.signal(signal.SIGTERM, on_term)


def worker_exit(arbiter: Any, worker: Any) -> None:
    # The last connection may have ended before what it leaves behind is written.
    if worker.booted:
        worker.wsgi.extensions["draining"].begin()
