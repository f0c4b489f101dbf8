"""A process that appends to one session log, for tests of several processes at once.

Arguments: the store's address, a database, an interview's id, this writer's name, how many
events, and `threads` or `gevent`. Prints `<number of the event> <seq>` for each as it is
stored; ends early with `sealed` once the log is.
"""

import sys

if sys.argv[-1] == "gevent":
    from gevent import monkey

    monkey.patch_all()

from threading import Event

from bson import ObjectId

from interview_platform.core import mongo
from interview_platform.core.errors import Conflict
from interview_platform.core.promise import Promise
from interview_platform.core.workpool import Workpool
from interview_platform.session_log.repository import SessionLogRepository
from interview_platform.session_log.service import SessionLog


def write(uri: str, database: str, interview: str, writer: str, count: str) -> None:
    log = SessionLog(SessionLogRepository(mongo.connect(uri, database)), Workpool(1, 16))
    sealed = Event()

    def append(number: int) -> None:
        def report(stored: Promise[int]) -> None:
            if isinstance(stored.exception(), Conflict):
                sealed.set()
            else:
                print(number, stored.result(), flush=True)

        data = {"writer": writer, "number": number}
        try:
            entry = log.append(ObjectId(interview), "chat", None, data)
        except Conflict:
            sealed.set()
        else:
            entry.stored.add_done_callback(report)

    for number in range(int(count)):
        append(number)
        if sealed.wait(0.002):
            break
    log.close(None)
    if sealed.is_set():
        print("sealed", flush=True)


write(*sys.argv[1:-1])
