"""The dashboard: how the pool, the interviews and the messages stand, and who is at work."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from bson import ObjectId
from redis.exceptions import RedisError

from ..auth.accounts import AccountService
from ..candidates.service import CandidateService
from ..core.clock import utcnow
from ..core.mongo import Document
from ..interviews.figures import InterviewFigures
from ..interviews.presence import Presence
from ..notifications.service import NotificationService
from ..session_log.service import SessionLog
from ..telemetry.service import AttentionService
from .live import Meeting, describe, name_of

# Days counted before and after today.
DAYS = 7
# How far back notifications are counted, and edits.
NOTIFICATIONS_SINCE = timedelta(days=7)
EDITS_SINCE = timedelta(minutes=1)

# What one answer holds at most.
MAX_LIVE = 200
MAX_INTERVIEWERS = 100

Status = TypeVar("Status", bound=str)


class Queue(Protocol):
    def depth(self) -> int: ...

    def oldest_age(self) -> float: ...


class DashboardService:
    """Each figure costs one question to a store, however much there is to count."""

    def __init__(
        self,
        *,
        candidates: CandidateService,
        interviews: InterviewFigures,
        notifications: NotificationService,
        accounts: AccountService,
        session_log: SessionLog,
        attention: AttentionService,
        presence: Presence,
        queue: Queue,
    ) -> None:
        self._candidates = candidates
        self._interviews = interviews
        self._notifications = notifications
        self._accounts = accounts
        self._session_log = session_log
        self._attention = attention
        self._presence = presence
        self._queue = queue

    def figures(self) -> Document:
        """Return the figures as they are now, named as the wire has them.

        Raises PyMongo's errors; without Redis, the queue's figures are None. Days and weeks
        are those of UTC, and a week begins on Monday.
        """
        now = utcnow()
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        monday = today - timedelta(days=today.weekday())
        live = self._interviews.live(MAX_LIVE)
        load = self._interviews.load(monday, monday + timedelta(weeks=1), MAX_INTERVIEWERS)
        people = {each["_id"] for each in load}
        people.update(each.get(side) for each in live for side in ("candidate", "interviewer"))
        accounts = self._accounts.by_ids(people - {None})
        days = self._interviews.by_day(today - timedelta(days=DAYS), 2 * DAYS + 1)
        return {
            "pipeline": _plain(self._candidates.count_by_lot_status()),
            "interviews": {
                "byStatus": _plain(self._interviews.by_status()),
                "byDay": [{"date": f"{day:%Y-%m-%d}", **_plain(counts)} for day, counts in days],
            },
            "live": self._live(live, accounts, now),
            "notifications": _plain(
                self._notifications.count_by_status(now - NOTIFICATIONS_SINCE, now)
            ),
            "queue": self._queued(),
            "interviewerLoad": [
                {
                    "interviewer": {"id": each["_id"], "name": name_of(each["_id"], accounts)},
                    "interviews": each["interviews"],
                    "minutes": each["minutes"],
                }
                for each in load
            ],
        }

    def _live(
        self, live: list[Document], accounts: Mapping[ObjectId, Document], now: datetime
    ) -> list[Document]:
        if not live:
            return []
        ids = [interview["_id"] for interview in live]
        present = self._presence.rooms(ids)
        attention = self._attention.now(ids)
        edits = self._session_log.count_edits(now - EDITS_SINCE, now)
        by_interview: dict[ObjectId, dict[str, int]] = {each: {} for each in ids}
        for (interview_id, user_id), count in edits.items():
            if interview_id in by_interview:
                by_interview[interview_id][str(user_id)] = count
        return [
            describe(
                Meeting(interview, present[each], by_interview[each], attention[each]),
                accounts,
                now,
            )
            for each, interview in zip(ids, live, strict=True)
        ]

    def _queued(self) -> Document:
        try:
            return {"depth": self._queue.depth(), "oldestAge": round(self._queue.oldest_age())}
        except RedisError:
            return {"depth": None, "oldestAge": None}


def _plain(counts: Mapping[Status, int]) -> dict[str, int]:
    return {str(status): count for status, count in counts.items()}
