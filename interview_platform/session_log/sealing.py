"""The seal: the last entry of a log, which vouches for all before it and lets none follow."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Mapping
from itertools import islice
from typing import Any

from bson import ObjectId

from ..core import signing
from ..core.canonical import canonical
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

# Seconds: for what this process has logged to be stored; between two tries, where an entry
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
        return _receipt_of(last) if last and last.get("sealed") else None

    def seal(self, interview_id: ObjectId, about: Mapping[str, Any]) -> Receipt:
        """Seal a log, if that has not been done, and return its receipt.

        `about` is signed with it: facts about the interview, as JSON has them. Any number
        of processes may seal a log at once; one of them will have done it. Raises
        `Unavailable` where the log is written to without end, or its store lags.
        """
        if not self._session_log.flush(FLUSH_TIMEOUT):
            raise Unavailable
        if receipt := self.receipt(interview_id):
            return receipt
        deadline = time.monotonic() + PATIENCE
        seq, head = 0, chain.start(interview_id)
        while time.monotonic() < deadline:
            entries = self._session_log.entries(interview_id, after=seq)
            while some := list(islice(entries, AT_ONCE)):
                if some[-1].get("sealed"):
                    return _receipt_of(some[-1])
                head = self._pool.run(chain.extend, head, some)
                seq = some[-1]["seq"]
            seal = self._make(interview_id, seq, head, about)
            try:
                self._repository.insert([seal])
            except Stopped:
                # Somebody was faster: with an entry that belongs to the chain, or the seal.
                time.sleep(RETRY)
            else:
                return _receipt_of(seal)
        raise Unavailable("The interview's log cannot be sealed yet")

    def _make(
        self, interview_id: ObjectId, entries: int, head: bytes, about: Mapping[str, Any]
    ) -> Document:
        """Make the seal of a log of so many `entries`, the last of which has the hash `head`."""
        now, seal_id = utcnow(), ObjectId()
        statement = {
            **about,
            "version": VERSION,
            "interviewId": str(interview_id),
            "sealId": str(seal_id),
            "sealedAt": isoformat(now),
            "entries": entries,
            "head": head.hex(),
            "hashAlgorithm": chain.HASH,
            "signatureAlgorithm": signing.ALGORITHM,
            "keyId": self._signer.key_id,
            "publicKey": b64encode(self._signer.public_key).decode(),
        }
        signature = self._signer.sign(canonical(statement))
        return {
            "_id": seal_id,
            "interview": interview_id,
            "seq": entries + 1,
            "type": "system",
            "timestamp": now,
            "actor": None,
            "data": {"event": SEALED, **statement, "signature": b64encode(signature).decode()},
            "createdAt": now,
            "sealed": True,
        }


def _receipt_of(seal: Document) -> Receipt:
    return {name: value for name, value in seal["data"].items() if name != "event"}
