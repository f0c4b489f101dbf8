"""A process that appends to one session log, for tests of several processes at once.

Arguments: the store's address, a database, an interview's id, this writer's name, how many
events, and `threads` or `gevent`. Prints `<number of the event> <seq>` for each as it is stored.
"""

import sys

if sys.argv[-1] == "gevent":
    from gevent import monkey

    monkey.patch_all()

import time
from concurrent.futures import Future

from bson import ObjectId

from interview_platform.core import mongo
from interview_platform.session_log.repository import SessionLogRepository
from interview_platform.session_log.service import SessionLog


def write(uri: str, database: str, interview: str, writer: str, count: str) -> None:
    log = SessionLog(SessionLogRepository(mongo.connect(uri, database)))

    def append(number: int) -> None:
        def report(stored: Future[int]) -> None:
            print(number, stored.result(), flush=True)

        data = {"writer": writer, "number": number}
        log.append(ObjectId(interview), "chat", None, data).add_done_callback(report)

    for number in range(int(count)):
        append(number)
        time.sleep(0.002)
    log.close(None)


write(*sys.argv[1:-1])
