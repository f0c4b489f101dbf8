"""Removing what was kept for its time: logs, gaze, notifications and audit entries."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from bson import ObjectId
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from ..audit.chain import AuditChain
from ..audit.service import Audit
from ..core.clock import EPOCH, utcnow
from ..core.errors import ServiceError
from ..core.mongo import Document, describe
from ..editor.service import EditorService
from ..interviews.personal import InterviewData
from ..notifications.service import NotificationService
from ..telemetry.personal import TelemetryData

log = logging.getLogger(__name__)

OnProgress = Callable[[], None]


class Periods(NamedTuple):
    """For how long each kind of data is kept."""

    logs: timedelta
    gaze: timedelta
    notifications: timedelta
    audit: timedelta


class RetentionService:
    """Every step is small and can be repeated: a run that was killed is done by the next."""

    def __init__(
        self,
        periods: Periods,
        interviews: InterviewData,
        editor: EditorService,
        telemetry: TelemetryData,
        notifications: NotificationService,
        audit: Audit,
        audit_chain: AuditChain,
    ) -> None:
        self._periods = periods
        self._interviews = interviews
        self._editor = editor
        self._telemetry = telemetry
        self._notifications = notifications
        self._audit = audit
        self._audit_chain = audit_chain

    def apply(self, on_progress: OnProgress = lambda: None) -> dict[str, int]:
        """Remove what is older than its period; returns how much of each kind.

        Logs lose their content and keep their hashes, so their receipts hold. What was
        removed is counted in the service's log and in the audit. Calls `on_progress` after
        every step.
        """
        now = utcnow()

        def remove_in_steps(remove_some: Callable[[datetime], int]) -> Callable[[datetime], int]:
            return lambda before: _add_up(remove_some, before, on_progress)

        removals: dict[str, Callable[[datetime], int]] = {
            "logs": lambda before: self._erase_logs(before, on_progress),
            "gaze": remove_in_steps(self._telemetry.remove_some_before),
            "notifications": remove_in_steps(self._notifications.remove_some_before),
            "audit": lambda before: self._audit_chain.remove_before(before, on_progress),
        }
        counts = {}
        for kind, remove in removals.items():
            # A period of a hundred years means for ever: ids hold no time before the epoch.
            before = now - min(getattr(self._periods, kind), now - EPOCH)
            counts[kind] = count = remove(before)
            if count:
                details = {"kind": kind, "count": count, "before": before}
                self._audit.record("retention.applied", actor=None, details=details)
        log.info(
            "kept for their time and removed: %s",
            ", ".join(f"{count} {kind}" for kind, count in counts.items()),
        )
        return counts

    def _erase_logs(self, before: datetime, on_progress: OnProgress) -> int:
        count = 0
        for interview in self._interviews.over_before(before):
            try:
                self._erase_log(interview)
            except (PyMongoError, RedisError, ServiceError) as error:
                # It is found again by the next run.
                reason = describe(error) if isinstance(error, PyMongoError) else error
                log.warning("the log of %s is kept for now: %s", interview["_id"], reason)
            else:
                count += 1
            on_progress()
        return count

    def _erase_log(self, interview: Document) -> None:
        interview_id: ObjectId = interview["_id"]
        self._interviews.erase_log(interview)
        # After the log, out of which it could be made again.
        self._editor.erase(interview_id)
        self._interviews.note_log_expired(interview_id)


def _add_up(
    remove_some: Callable[[datetime], int], before: datetime, on_progress: OnProgress
) -> int:
    total = 0
    while count := remove_some(before):
        total += count
        on_progress()
    return total
