"""A gevent process that counts how often others run while something is done that never waits.

Arguments: the stores' addresses, MongoDB's and Redis's, and a database. Prints the counts by
what was done, as JSON.
"""

import json
import sys
from collections.abc import Callable

from gevent import monkey

monkey.patch_all()

import gevent  # noqa: E402
from bson import ObjectId  # noqa: E402

from interview_platform.core import mongo  # noqa: E402
from interview_platform.core.broadcast import Broadcaster  # noqa: E402
from interview_platform.core.workpool import Workpool  # noqa: E402
from interview_platform.editor.service import Document  # noqa: E402
from interview_platform.realtime.replica import Replica  # noqa: E402
from interview_platform.session_log.repository import SessionLogRepository  # noqa: E402
from interview_platform.session_log.service import SessionLog  # noqa: E402

TIMES = 50

turns = 0


def others() -> None:
    global turns
    while True:
        turns += 1
        gevent.sleep(0)


def count(step: Callable[[], object]) -> int:
    before = turns
    for _ in range(TIMES):
        step()
    return turns - before


def run(mongo_uri: str, redis_url: str, database: str) -> dict[str, int]:
    log = SessionLog(SessionLogRepository(mongo.connect(mongo_uri, database)), Workpool(1, 16))
    broadcaster = Broadcaster(redis_url)
    replica = Replica(lambda _: None, lambda work: work())
    update = Document.written("x").since(None)
    steps: dict[str, Callable[[], object]] = {
        "append": lambda: log.append(ObjectId(), "chat", None, {"message": "and?"}),
        "announce": lambda: broadcaster.announce("topic", {"message": "and?"}),
        "hear": lambda: replica.hear(update),
    }
    for step in steps.values():
        step()  # the first time, threads start
    gevent.sleep(0.2)
    gevent.spawn(others)
    gevent.sleep(0)
    with replica:
        counts = {name: count(step) for name, step in steps.items()}
    log.close()
    broadcaster.close()
    return counts


print(json.dumps(run(*sys.argv[1:])))
