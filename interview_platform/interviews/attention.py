"""Attention over an interview's live time, for those who may know of it."""

from __future__ import annotations

from bson import ObjectId

from ..auth.model import Actor
from ..core.clock import utcnow
from ..core.mongo import Document
from ..telemetry.service import AttentionService
from .access import check_access
from .repository import InterviewRepository


class InterviewAttention:
    def __init__(self, interviews: InterviewRepository, attention: AttentionService) -> None:
        self._interviews = interviews
        self._attention = attention

    def report(self, actor: Actor, interview_id: ObjectId) -> Document:
        """Return the attention from the start to the end, or to now. Raises `NotFound`."""
        found = self._interviews.by_id(interview_id)
        interview = check_access(actor, "attention.get", found)
        end = interview.get("endedAt") or utcnow()
        return self._attention.report(interview_id, interview.get("startedAt"), end)
