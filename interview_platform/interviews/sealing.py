"""Sealing the log of an interview that is over."""

from __future__ import annotations

import logging
import time
from typing import Any, NamedTuple

from bson import ObjectId
from pymongo.errors import PyMongoError

from ..auth.model import Actor
from ..core.clock import isoformat, utcnow
from ..core.errors import ServiceError
from ..core.mongo import Document, describe
from ..session_log.sealing import LogSealing, Receipt
from .access import check_access
from .model import OPEN, SEAL_GRACE, InterviewStatus
from .repository import InterviewRepository

log = logging.getLogger(__name__)

# What of an interview its receipt vouches for.
FACTS = ("candidateId", "interviewerId", "status", "startedAt", "endedAt")


class Record(NamedTuple):
    """The `FACTS` about an interview, and the receipt of its log, None while it goes on."""

    facts: dict[str, Any]
    receipt: Receipt | None


class SealingService:
    """A log is sealed once `SEAL_GRACE` has passed, by who comes first: the sweep or a reader."""

    def __init__(self, interviews: InterviewRepository, seals: LogSealing) -> None:
        self._interviews = interviews
        self._seals = seals

    def sweep(self) -> int:
        """Seal the logs that are due, and return how many."""
        sealed = 0
        for interview in self._interviews.due_for_sealing(utcnow()):
            try:
                self._seal(interview)
            except (PyMongoError, ServiceError) as error:
                # Due still, so the next sweep tries again.
                reason = describe(error) if isinstance(error, PyMongoError) else error
                log.warning("the log of %s is not sealed: %s", interview["_id"], reason)
            else:
                sealed += 1
        return sealed

    def record(self, actor: Actor, action: str, interview_id: ObjectId) -> Record:
        """Return what there is of an interview's record, sealed now if it can be.

        May wait out what is left of `SEAL_GRACE`. Raises `NotFound` where `actor` may not
        do `action`, and `Unavailable` where the log cannot be sealed yet.
        """
        found = self._interviews.by_id(interview_id)
        interview = check_access(actor, action, found)
        if InterviewStatus(interview["status"]) in OPEN:
            return Record(_facts(interview), None)
        receipt = self.seal(interview)
        return Record({name: receipt[name] for name in FACTS}, receipt)

    def seal(self, interview: Document) -> Receipt:
        """Seal the log of an interview that is over, if that has not been done.

        Returns its receipt. May wait out what is left of `SEAL_GRACE`. Raises `Unavailable`
        where the log cannot be sealed yet.
        """
        if receipt := self._seals.receipt(interview["_id"]):
            return receipt
        if due := interview.get("sealDueAt"):
            time.sleep(min(max(0.0, (due - utcnow()).total_seconds()), SEAL_GRACE.total_seconds()))
        return self._seal(interview)

    def _seal(self, interview: Document) -> Receipt:
        receipt = self._seals.seal(interview["_id"], _facts(interview))
        self._interviews.note_sealed(interview["_id"])
        return receipt


def _facts(interview: Document) -> dict[str, Any]:
    started = interview.get("startedAt")
    ended = interview.get("endedAt") or interview.get("cancelledAt")
    values = (
        str(interview["candidate"]),
        str(interview["interviewer"]),
        str(interview["status"]),
        started and isoformat(started),
        ended and isoformat(ended),
    )
    return dict(zip(FACTS, values, strict=True))
