"""The services that look after what is kept: told to whom it is about, removed, and checked."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property

from ..auth.personal import AccountData
from ..core.periodic import PeriodicTask
from ..interviews.personal import InterviewData
from ..privacy.erasure import ErasureService
from ..privacy.export import ExportService
from ..privacy.redis_files import RedisFiles
from ..privacy.retention import Periods, RetentionService
from ..telemetry.personal import TelemetryData
from .services import DomainServices

AUDIT_CHECKED_EVERY = timedelta(days=1)
RETENTION_APPLIED_EVERY = timedelta(hours=1)


class Services(DomainServices):
    """All that the web process and the jobs call."""

    @cached_property
    def audit_check(self) -> PeriodicTask:
        return PeriodicTask(
            self.periodic_task_records, "audit-check", AUDIT_CHECKED_EVERY, self.audit_chain.report
        )

    @cached_property
    def account_data(self) -> AccountData:
        return AccountData(self.users, self.sessions, self.one_time_tokens, self.throttle)

    @cached_property
    def interview_data(self) -> InterviewData:
        return InterviewData(
            self.interview_documents, self.sealing, self.session_log, self.presence
        )

    @cached_property
    def telemetry_data(self) -> TelemetryData:
        return TelemetryData(self.gaze_buckets, self.consent_records)

    @cached_property
    def personal_export(self) -> ExportService:
        return ExportService(
            self.accounts,
            self.account_data,
            self.candidates,
            self.lots,
            self.draws,
            self.notifications,
            self.interview_data,
            self.session_log,
            self.editor,
            self.telemetry_data,
            self.audit,
            self.media_participants.tokens_of,
        )

    @cached_property
    def retention(self) -> RetentionService:
        settings = self.settings
        return RetentionService(
            Periods(
                logs=settings.log_retention,
                gaze=settings.gaze_retention,
                notifications=settings.notification_retention,
                audit=settings.audit_retention,
            ),
            self.interview_data,
            self.editor,
            self.telemetry_data,
            self.notifications,
            self.audit,
            self.audit_chain,
        )

    @cached_property
    def retention_task(self) -> PeriodicTask:
        return PeriodicTask(
            self.periodic_task_records, "retention", RETENTION_APPLIED_EVERY, self.retention.apply
        )

    @cached_property
    def erasure(self) -> ErasureService:
        return ErasureService(
            self.store,
            self.accounts,
            self.account_data,
            self.candidates,
            self.lots,
            self.notifications,
            self.interview_data,
            self.editor,
            self.telemetry_data,
            self.audit,
            self.erasure_records,
            self.media.forget_room,
        )

    @cached_property
    def redis_files(self) -> RedisFiles:
        return RedisFiles(self.erasure_records, self.redis)
