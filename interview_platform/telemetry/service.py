"""Reading what was measured; and what other rooms use of telemetry."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from bson import ObjectId

from ..core.clock import from_milliseconds, milliseconds, utcnow
from ..core.mongo import Document
from ..core.workpool import Workpool
from .attention import VERSION, Assessment, Summary, assess
from .clocks import ClientClock
from .consents import ConsentService
from .model import Consent, Stretch
from .recorder import GazeRecorder
from .repository import GazeRepository
from .samples import unpack
from .streams import MAX_AHEAD

__all__ = [
    "AttentionService",
    "ClientClock",
    "Consent",
    "ConsentService",
    "GazeRecorder",
    "RecentAttention",
]

# How long a score waits for what this process has not stored yet, in seconds.
FLUSH_TIMEOUT = 2.0

# What counts as now.
RECENT = timedelta(minutes=1)


class RecentAttention(NamedTuple):
    """The score of the last minute, None without enough samples, and their coverage."""

    score: float | None
    coverage: float


class AttentionService:
    """Scores over an interview's live time; `docs/attention.md` says how they are made."""

    def __init__(self, gaze: GazeRepository, recorder: GazeRecorder, pool: Workpool) -> None:
        self._gaze = gaze
        self._recorder = recorder
        self._pool = pool

    def report(self, interview_id: ObjectId, start: datetime | None, end: datetime) -> Document:
        """Return score, coverage, stretches and series from `start` to `end`.

        `start` is None for an interview that has not begun. The score is None, and the
        status `insufficient_data`, where coverage is not enough.
        """
        found = self._assess(interview_id, start or end, end)
        return {
            "score": found.score,
            "status": "insufficient_data" if found.score is None else "ok",
            "coverage": found.coverage,
            "version": VERSION,
            "stretches": [_told(stretch) for stretch in found.stretches],
            "series": [
                {
                    "t": from_milliseconds(point.start),
                    "share": point.share,
                    "coverage": point.coverage,
                }
                for point in found.series
            ],
        }

    def score(self, interview_id: ObjectId, start: datetime, end: datetime) -> float | None:
        """Return the score from `start` to `end`, with what this process has yet to store."""
        self._recorder.flush(interview_id, FLUSH_TIMEOUT)
        return self._assess(interview_id, start, end).score

    def now(self, interview_ids: Collection[ObjectId]) -> dict[ObjectId, RecentAttention]:
        """Return the attention of the last minute in each interview; asks the store once."""
        end = utcnow()
        start = end - RECENT
        summaries: dict[ObjectId, list[Summary]] = {each: [] for each in interview_ids}
        for bucket in self._gaze.recent(start, end + timedelta(milliseconds=MAX_AHEAD)):
            if bucket["interview"] in summaries:
                summaries[bucket["interview"]].append(Summary.of(bucket["summary"]))
        found = {
            each: assess(some, milliseconds(start), milliseconds(end))
            for each, some in summaries.items()
        }
        return {each: RecentAttention(made.score, made.coverage) for each, made in found.items()}

    def attachments(self, entries: Sequence[Document]) -> dict[ObjectId, list[dict[str, Any]]]:
        """Return the samples that log entries tell of, by the entry's id.

        Their canonical form has the entry's digest. There are none of an entry that tells
        of none, and where the time of retention is over.
        """
        told = {entry["_id"]: bucket for entry in entries if (bucket := _bucket_of(entry))}
        if not told:
            return {}
        kept = {bucket["_id"]: bucket["samples"] for bucket in self._gaze.by_ids(told.values())}
        packed = {entry: kept[bucket] for entry, bucket in told.items() if bucket in kept}
        return self._pool.run(_unpack, packed)

    def _assess(self, interview_id: ObjectId, start: datetime, end: datetime) -> Assessment:
        documents = self._gaze.summaries(interview_id)
        return self._pool.run(_assess, documents, milliseconds(start), milliseconds(end))


def _assess(documents: Iterable[Document], start: int, end: int) -> Assessment:
    return assess(map(Summary.of, documents), start, end)


def _bucket_of(entry: Document) -> ObjectId | None:
    data = entry.get("data") or {}
    return data.get("bucket") if data.get("event") == "gaze" else None


def _unpack(packed: Mapping[ObjectId, bytes]) -> dict[ObjectId, list[dict[str, Any]]]:
    return {entry_id: unpack(content) for entry_id, content in packed.items()}


def _told(stretch: Stretch) -> Document:
    return {
        "kind": str(stretch.kind),
        "severity": str(stretch.severity),
        "from": from_milliseconds(stretch.start),
        "to": from_milliseconds(stretch.end),
    }
