"""The record of an interview, in the form that `docs/record.md` tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from bson import ObjectId

from ..auth.model import Actor
from ..core.canonical import canonical
from ..core.errors import Conflict
from ..core.mongo import Document
from ..core.workpool import Workpool
from ..interviews.sealing import SealingService
from ..session_log import chain
from ..session_log.sealing import VERSION, Receipt
from ..session_log.service import AT_ONCE, SessionLog

# Finds what belongs to some of these entries and is kept beside the log: by the entry's id,
# something whose canonical form has the digest that the entry's data tell.
Attachments = Callable[[Sequence[Document]], Mapping[ObjectId, Any]]


class RecordService:
    def __init__(
        self,
        sealing: SealingService,
        session_log: SessionLog,
        pool: Workpool,
        attachments: Attachments,
    ) -> None:
        self._sealing = sealing
        self._session_log = session_log
        self._pool = pool
        self._attachments = attachments

    def receipt(self, actor: Actor, interview_id: ObjectId) -> Receipt:
        """Return the signed receipt of an interview's log.

        Raises `NotFound`, and `Conflict` for an interview that has not ended.
        """
        found = self._sealing.record(actor, "record.receipt", interview_id)
        if found.receipt is None:
            raise Conflict("The interview has not ended")
        return found.receipt

    def export(self, actor: Actor, interview_id: ObjectId) -> Iterator[bytes]:
        """Return the lines of an interview's record, in a few large pieces.

        What is stored now, and signed where the interview is over. Raises `NotFound`.
        """
        facts, receipt = self._sealing.record(actor, "record.export", interview_id)
        header = {"version": VERSION, "interviewId": str(interview_id), **facts}
        upto = self._session_log.last_seq(interview_id)
        return self._lines(interview_id, header, upto, receipt)

    def _lines(
        self, interview_id: ObjectId, header: Document, upto: int, receipt: Receipt | None
    ) -> Iterator[bytes]:
        yield canonical({"record": header}) + b"\n"
        entries = self._session_log.entries(interview_id, upto=upto)
        previous = chain.start(interview_id)
        while some := list(islice(entries, AT_ONCE)):
            attached = self._attachments(some)
            lines, previous = self._pool.run(_spell, previous, some, attached)
            yield lines
        yield canonical({"receipt": receipt}) + b"\n"


def _spell(
    previous: bytes, entries: Sequence[Document], attached: Mapping[ObjectId, Any]
) -> tuple[bytes, bytes]:
    """Return the lines of `entries`, and the hash of the last of them."""
    lines = []
    for entry in entries:
        head = chain.head_of(entry)
        previous = chain.link(previous, head)
        line: Document = {"entry": head, "hash": previous.hex()}
        content = chain.content_of(entry)
        if content is None:
            line["erased"] = True
        else:
            line["content"] = content
            line["salt"] = entry.get("salt") or b""
        if entry["_id"] in attached:
            line["attachment"] = attached[entry["_id"]]
        lines.append(canonical(line) + b"\n")
    return b"".join(lines), previous
