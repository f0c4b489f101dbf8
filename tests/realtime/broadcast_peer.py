"""Another process of the service, as far as broadcasting goes, for tests.

Arguments: Redis' address, and `threads` or `gevent`. Takes commands on its input, one JSON
list a line, the name of a Broadcaster's method and its arguments, and prints what it returns
as `{"returned": ...}`. Prints `{"said": [room, event, data, skip]}` and `{"told": data}` for
what it hears; binary data as `{"hex": ...}`. What is said as `break` it fails to take.
"""

import sys
from typing import Any

if sys.argv[-1] == "gevent":
    from gevent import monkey

    monkey.patch_all()

    from gevent.fileobject import FileObjectThread

    commands: Any = FileObjectThread(sys.stdin.fileno(), "rb")
else:
    commands = sys.stdin.buffer

import orjson

from interview_platform.core.broadcast import Broadcaster, Message


def spell(value: object) -> object:
    return {"hex": value.hex()} if isinstance(value, bytes) else str(value)


def show(kind: str, value: object) -> None:
    sys.stdout.buffer.write(orjson.dumps({kind: value}, default=spell) + b"\n")
    sys.stdout.buffer.flush()


def deliver(message: Message) -> None:
    if message.event == "break":
        raise LookupError(message.event)
    show("said", list(message[:4]))


broadcaster = Broadcaster(sys.argv[1])
broadcaster.deliver_to(deliver)
show("returned", broadcaster.on("topic", lambda data: show("told", data)))
for line in iter(commands.readline, b""):
    name, *arguments = orjson.loads(line)
    show("returned", getattr(broadcaster, name)(*arguments))
broadcaster.close()
