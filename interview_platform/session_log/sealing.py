"""The seal: the last entry of a log, which vouches for all before it and lets none follow."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import islice
from typing import Any

from bson import ObjectId

from ..core.clock import isoformat, utcnow
from ..core.errors import Unavailable
from ..core.mongo import Document
from ..core.signing import Signer
from ..core.workpool import Workpool
from . import chain
from .repository import SessionLogRepository, Stopped
from .service import AT_ONCE, SessionLog

VERSION = 1
SEALED = "log.sealed"

# Seconds: for what this process has logged to be stored; between two looks, where an entry
# is in the way that is not stored for good yet; and for all tries.
FLUSH_TIMEOUT = 5.0
RETRY = 0.02
PATIENCE = 10.0

Receipt = dict[str, Any]


class LogSealing:
    def __init__(
        self,
        repository: SessionLogRepository,
        session_log: SessionLog,
        signer: Signer,
        pool: Workpool,
    ) -> None:
        self._repository = repository
        self._session_log = session_log
        self._signer = signer
        self._pool = pool

    def receipt(self, interview_id: ObjectId) -> Receipt | None:
        """Return what the seal of a log says, None for one that is not sealed."""
        last = self._repository.last(interview_id)
        return _receipt_of(last) if last and _is_signed(last) else None

    def seal(self, interview_id: ObjectId, about: Mapping[str, Any]) -> Receipt:
        """Seal a log, if that has not been done, and return its receipt.

        `about` is signed with it: facts about the interview, as JSON has them. Any number
        of processes may seal a log at once; one of them will have done it. Raises
        `Unavailable` where the log is written to without end, or its store lags.
        """
        if not self._session_log.flush(FLUSH_TIMEOUT):
            raise Unavailable
        end = self._close(interview_id)
        if not _is_signed(end):
            end = self._repository.sign(end["_id"], self._statement(end, about))
        return _receipt_of(end)

    def _close(self, interview_id: ObjectId) -> Document:
        """Have the log end, and return its last entry: the seal, or the place of one.

        The place is taken first, since that is as quick as writing any other entry: hashing
        a log before that would lose every race against those who go on writing to it.
        """
        deadline = time.monotonic() + PATIENCE
        known = overtaken_at = 0
        while time.monotonic() < deadline:
            known, sealed = self._repository.end(interview_id, known)
            if sealed and (last := self._repository.last(interview_id, known)):
                return last
            if overtaken_at == known + 1:
                # What is in the way is not stored for good yet.
                time.sleep(RETRY)
            place = _place(interview_id, known + 1)
            try:
                self._repository.insert([place])
            except Stopped:
                overtaken_at = known + 1
            else:
                return place
        raise Unavailable("The interview's log cannot be sealed yet")

    def _statement(self, end: Document, about: Mapping[str, Any]) -> Document:
        """Return what the seal at the `end` of a log says of all before it, signed."""
        interview_id, last = end["interview"], end["seq"] - 1
        head = chain.start(interview_id)
        entries = self._session_log.entries(interview_id, upto=last)
        while some := list(islice(entries, AT_ONCE)):
            head = self._pool.run(chain.extend, head, some)
        statement = {
            **about,
            "version": VERSION,
            "interviewId": str(interview_id),
            "sealId": str(end["_id"]),
            "sealedAt": isoformat(end["timestamp"]),
            "entries": last,
            "head": head.hex(),
            "hashAlgorithm": chain.HASH,
        }
        return {"event": SEALED, **self._signer.sign_statement(statement)}


def _place(interview_id: ObjectId, seq: int) -> Document:
    """Make the entry that ends a log, in which nothing is sealed yet."""
    now = utcnow()
    return {
        "_id": ObjectId(),
        "interview": interview_id,
        "seq": seq,
        "type": "system",
        "timestamp": now,
        "actor": None,
        "data": {"event": SEALED},
        "createdAt": now,
        "sealed": True,
    }


def _is_signed(entry: Document) -> bool:
    """Tell whether a log's last entry is its seal, and no mere place of one."""
    return bool(entry.get("sealed")) and "signature" in entry["data"]


def _receipt_of(seal: Document) -> Receipt:
    return {name: value for name, value in seal["data"].items() if name != "event"}
