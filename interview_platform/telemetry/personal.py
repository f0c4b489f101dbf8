"""All that telemetry holds of an interview's candidate: told to them, and erased."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from bson import ObjectId

from ..core.mongo import Document
from .repository import ConsentRepository, GazeRepository
from .samples import unpack


class TelemetryData:
    def __init__(self, gaze: GazeRepository, consents: ConsentRepository) -> None:
        self._gaze = gaze
        self._consents = consents

    def consents(self, interview_ids: list[ObjectId]) -> dict[ObjectId, Document]:
        """Return what the candidate agrees to in each of the interviews, as it is kept."""
        return {consent["_id"]: consent for consent in self._consents.by_ids(interview_ids)}

    def gaze(self, interview_id: ObjectId) -> Iterator[Document]:
        """Yield what was measured of the candidate's gaze, by time, its samples spelled out."""
        for bucket in self._gaze.of_interview(interview_id):
            if "samples" in bucket:
                bucket["samples"] = unpack(bucket["samples"])
            yield bucket

    def has_any(self, interview_id: ObjectId) -> bool:
        """Tell whether anything is kept of an interview."""
        return bool(
            self._consents.by_id(interview_id) or next(self._gaze.of_interview(interview_id), None)
        )

    def remove_some_before(self, moment: datetime) -> int:
        """Remove some of what was measured before `moment`; returns how much, 0 at the end."""
        return self._gaze.remove_some_before(moment)

    def erase(self, interview_id: ObjectId) -> None:
        """Remove what was measured, then what the candidate agreed to."""
        self._gaze.remove(interview_id)
        self._consents.remove(interview_id)
