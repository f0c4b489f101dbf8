"""The shared documents of interviews: their birth, and each as it was at any number of its log."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from ..core import mongo
from ..core.mongo import Session, Store
from ..core.newlines import normalize_newlines
from ..core.paging import PageRequest
from ..core.workpool import FairWorkpool
from ..session_log.service import Event, SessionLog
from .bounds import MAX_TEXT, MAX_UPDATE
from .document import EMPTY, Document
from .edits import is_edit_apart, line_changes
from .playback import KEYFRAME_EVERY, PLAYED, Playback
from .repository import CodeDocumentRepository, KeyframeRepository
from .revision import Base
from .statistics import MAX_LISTED, Statistics

__all__ = [
    "EMPTY",
    "KEYFRAME_EVERY",
    "MAX_LISTED",
    "MAX_TEXT",
    "MAX_UPDATE",
    "Base",
    "Document",
    "EditorService",
    "Statistics",
    "Version",
    "is_edit_apart",
    "line_changes",
]

# How many entries are played at once on a thread.
_AT_ONCE = 128
# How many born documents are remembered.
_REMEMBERED = 10_000


class Version(NamedTuple):
    """A document after number `seq` of its log.

    `cursors` says, by user's id, where that person's last edit left them, in UTF-16 units.
    """

    seq: int
    document: Document
    language: str
    cursors: Mapping[str, int]
    statistics: Statistics


class EditorService:
    """The log is the truth: documents are played from it, the last steps alone by keyframes."""

    def __init__(
        self,
        store: Store,
        documents: CodeDocumentRepository,
        keyframes: KeyframeRepository,
        session_log: SessionLog,
        pool: FairWorkpool,
    ) -> None:
        self._store = store
        self._documents = documents
        self._keyframes = keyframes
        self._log = session_log
        self._pool = pool
        self._born: set[ObjectId] = set()

    def is_open(self, interview_id: ObjectId) -> bool:
        """Tell whether the interview's document is born."""
        if interview_id not in self._born:
            if not self._documents.exists(interview_id):
                return False
            self._remember(interview_id)
        return True

    def open(self, interview_id: ObjectId, starter: str, language: str) -> None:
        """Have the interview's document be born with `starter`, unless it is born already.

        Lines end with LF, whatever they end with in `starter`. Once, whoever comes at the same
        time. Where an older service logged the code, it is
        born with that. Raises `Conflict` for a log that is sealed.
        """
        if self.is_open(interview_id):
            return
        text = normalize_newlines(self._written_before(interview_id) or starter)
        update = Document.written(text).since(None)
        data = {"update": update, "language": language, "origin": "starter"}

        def bear(session: Session) -> None:
            self._documents.add(interview_id, language, session)
            self._log.append_in(session, interview_id, [Event("code", None, data)])

        # Where it is a double, somebody else bore it at the same moment.
        with suppress(DuplicateKeyError):
            mongo.transaction(self._store, bear)
        self._remember(interview_id)

    def load(self, interview_id: ObjectId, upto: int | None = None) -> Version:
        """Return the document after number `upto` of its log, by default after the last.

        Reads one keyframe and what follows it, less than `KEYFRAME_EVERY` entries; makes
        keyframes that are missing on its way.
        """
        last = self._log.last_seq(interview_id)
        playback = self._play(interview_id, last if upto is None else min(upto, last))
        return Version(
            playback.seq,
            playback.document,
            playback.language,
            self._pool.run(interview_id, playback.offsets),
            playback.statistics,
        )

    def keep(self, interview_id: ObjectId, seq: int) -> None:
        """Make the keyframes that are due up to number `seq` of the log, which is stored.

        Again, or by several at once, changes nothing.
        """
        due = seq - seq % KEYFRAME_EVERY
        if due and not self._keyframes.exists(interview_id, due):
            self._play(interview_id, due)

    def has_any(self, interview_id: ObjectId) -> bool:
        """Tell whether anything is kept of the document beside its log."""
        return self._documents.exists(interview_id) or self._keyframes.has_any(interview_id)

    def erase(self, interview_id: ObjectId) -> None:
        """Remove all that is kept of the document beside its log."""
        self._born.discard(interview_id)
        self._keyframes.remove(interview_id)
        self._documents.remove(interview_id)

    def _play(self, interview_id: ObjectId, upto: int) -> Playback:
        """Play the log up to number `upto`, apart from the hub."""
        keyframe = self._keyframes.nearest(interview_id, upto)
        playback = self._pool.run(interview_id, Playback, keyframe)
        entries = self._log.entries(interview_id, after=playback.seq, upto=upto, types=PLAYED)
        while some := list(islice(entries, _AT_ONCE)):
            for passed in self._pool.run(interview_id, playback.play, some):
                self._keyframes.add(interview_id, passed)
        for passed in self._pool.run(interview_id, playback.advance, upto):
            self._keyframes.add(interview_id, passed)
        return playback

    def _written_before(self, interview_id: ObjectId) -> str | None:
        """Return the code that an older service logged last."""
        found = self._log.page(interview_id, PageRequest(limit=1), type="code").items
        text: str | None = (found[0].get("data") or {}).get("codeSnapshot") if found else None
        return text

    def _remember(self, interview_id: ObjectId) -> None:
        if len(self._born) >= _REMEMBERED:
            self._born.clear()
        self._born.add(interview_id)
