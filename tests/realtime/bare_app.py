"""The smallest application on the real transport: what the tests of the transport serve."""

from gevent import monkey

monkey.patch_all()

import gc  # noqa: E402
import os  # noqa: E402
from functools import partial  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
import socketio  # noqa: E402
from flask import Flask  # noqa: E402

from interview_platform.core import redis  # noqa: E402
from interview_platform.core.draining import Draining  # noqa: E402
from interview_platform.core.promise import Promise  # noqa: E402
from interview_platform.transport.limits import Limits  # noqa: E402
from interview_platform.transport.outgoing import BetweenPings, Outgoing  # noqa: E402
from interview_platform.transport.server import SocketIO  # noqa: E402

calls: list[str] = []
promises: dict[str, Promise[Any]] = {}


class Bare(socketio.Namespace):  # type: ignore[misc]
    def on_connect(self, sid: str, environ: object, auth: object = None) -> None:
        calls.append("connect")

    def on_disconnect(self, sid: str, reason: str) -> None:
        calls.append("disconnect")

    def on_note(self, sid: str, text: str) -> None:
        calls.append(text)

    def on_echo(self, sid: str, value: object = None) -> object:
        return {"ok": True, "value": value}

    def on_flood(self, sid: str, count: int, size: int) -> None:
        for number in range(count):
            self.emit("part", f"{number}{'x' * size}", to=sid)

    def on_nap(self, sid: str, seconds: float = 0.3) -> str:
        gevent.sleep(seconds)
        return "rested"

    def on_later(self, sid: str, name: str) -> Promise[Any]:
        promises[name] = Promise()
        return promises[name]

    def on_complete(self, sid: str, name: str, value: object) -> None:
        # In a greenlet of its own, as work that was waited for would be.
        gevent.spawn(promises.pop(name).set_result, {"value": value}).join()

    def on_break(self, sid: str, name: str) -> None:
        gevent.spawn(promises.pop(name).set_exception, LookupError(name)).join()

    def on_ask(self, sid: str, name: str) -> None:
        """Send a message between two PINGs, and note their answers among the calls."""
        connection = self.server.eio.sockets[self.server.manager.eio_sid_from_sid(sid, "/bare")]
        packet = BetweenPings(Outgoing.event("/bare", "asked", name))
        connection.put(
            packet, partial(calls.append, f"before {name}"), partial(calls.append, f"after {name}")
        )

    def on_fail(self, sid: str) -> None:
        raise LookupError("now")

    def on_transport(self, sid: str) -> object:
        return self.server.transport(sid, self.namespace)


class Strict(socketio.Namespace):  # type: ignore[misc]
    def on_connect(self, sid: str, environ: object, auth: Any = None) -> bool:
        return bool(auth["token"] == "good")


class Slow(socketio.Namespace):  # type: ignore[misc]
    def on_connect(self, sid: str, environ: object, auth: object = None) -> None:
        calls.append("entering")
        gevent.sleep(0.3)

    def on_disconnect(self, sid: str, reason: str) -> None:
        calls.append("gone")


app = Flask("bare")
draining = app.extensions["draining"] = Draining()
server = SocketIO(
    app,
    on_failure=lambda error: {"ok": False, "error": str(error)},
    limits=Limits(
        redis.connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:1")),
        per_address=int(os.environ.get("PER_ADDRESS", "10000")),
        per_person=int(os.environ.get("PER_PERSON", "10000")),
        events_per_second=int(os.environ.get("EVENTS_PER_SECOND", "10000")),
    ),
    cors_allowed_origins=["https://app.example", f"http://127.0.0.1:{os.environ['PORT']}"],
    ping_interval=float(os.environ.get("PING_SECONDS", "25")),
    ping_timeout=float(os.environ.get("PING_SECONDS", "20")),
).server
server.register_namespace(Bare("/bare"))
server.register_namespace(Strict("/strict"))
server.register_namespace(Slow("/slow"))

draining.on_drain(lambda: server.emit("draining", namespace="/bare", ignore_queue=True))
draining.on_drain(lambda: 1 / 0)
draining.on_drain(server.drain)
draining.on_drain(lambda: gevent.sleep(float(os.environ.get("DRAIN_SECONDS", "0"))))
draining.on_drain(lambda: print(calls.count("disconnect"), "said goodbye", flush=True))


@app.get("/state")
def state() -> dict[str, object]:
    gc.collect()
    greenlets = [thing for thing in gc.get_objects() if isinstance(thing, gevent.Greenlet)]
    return {
        "pid": os.getpid(),
        "greenlets": sum(not greenlet.dead for greenlet in greenlets),
        "sockets": len(server.eio.sockets),
        "calls": calls,
        "namespaces": list(server.manager.get_namespaces()),
    }


@app.get("/slow")
def slow() -> dict[str, bool]:
    gevent.sleep(3)
    return {"done": True}


if __name__ == "__main__":
    from gevent.pywsgi import WSGIServer

    WSGIServer(("127.0.0.1", int(os.environ["PORT"])), app, log=None).serve_forever()
