"""A process that seals one session log, for tests of several processes at once.

Arguments: the store's address, a database, and an interview's id. Begins at a line on its
standard input, and prints the receipt.
"""

import sys

import orjson
from bson import ObjectId

from interview_platform.core import mongo
from interview_platform.core.signing import Signer
from interview_platform.core.workpool import Workpool
from interview_platform.session_log.repository import SessionLogRepository
from interview_platform.session_log.sealing import LogSealing
from interview_platform.session_log.service import SessionLog


def seal(uri: str, database: str, interview: str) -> None:
    pool = Workpool(1, 16)
    repository = SessionLogRepository(mongo.connect(uri, database))
    log = SessionLog(repository, pool)
    seals = LogSealing(repository, log, Signer(bytes(32)), pool)
    print("ready", flush=True)
    sys.stdin.readline()
    print(orjson.dumps(seals.seal(ObjectId(interview), {}), option=orjson.OPT_SORT_KEYS).decode())


seal(*sys.argv[1:])
