"""The collections."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from ..audit.repository import AuditChainRepository, AuditHeadRepository, AuditRepository
from ..auth.model import ACTIVE_ADMINS, FIRST_ADMIN
from ..auth.repository import OneTimeTokenRepository, SessionRepository, UserRepository
from ..candidates.repository import CandidateProfileRepository
from ..coding_tasks.model import TASKS_IN_USE
from ..coding_tasks.repository import CodingTaskRepository
from ..core.locks import LockRepository
from ..core.mongo import Repository
from ..core.periodic import PeriodicTaskRepository
from ..editor.repository import CodeDocumentRepository, KeyframeRepository
from ..interviews.repository import InterviewRepository
from ..lots.repository import DrawRepository, LotRepository
from ..media.repository import (
    MediaParticipantRepository,
    MediaRoomRepository,
    WebhookEventRepository,
)
from ..notifications.repository import NotificationRepository
from ..privacy.repository import ErasureRepository
from ..session_log.repository import SessionLogRepository
from ..telemetry.repository import ConsentRepository, GazeRepository
from .infrastructure import Infrastructure


class Repositories(Infrastructure):
    """One property a collection."""

    @cached_property
    def audit_entries(self) -> AuditRepository:
        return AuditRepository(self.store)

    @cached_property
    def audit_chain_ends(self) -> AuditChainRepository:
        return AuditChainRepository(self.store)

    @cached_property
    def audit_heads(self) -> AuditHeadRepository:
        return AuditHeadRepository(self.store)

    @cached_property
    def periodic_task_records(self) -> PeriodicTaskRepository:
        return PeriodicTaskRepository(self.store)

    @cached_property
    def users(self) -> UserRepository:
        return UserRepository(self.store)

    @cached_property
    def sessions(self) -> SessionRepository:
        return SessionRepository(self.store)

    @cached_property
    def one_time_tokens(self) -> OneTimeTokenRepository:
        return OneTimeTokenRepository(self.store)

    @cached_property
    def locks(self) -> LockRepository:
        return LockRepository(self.store, (FIRST_ADMIN, ACTIVE_ADMINS), shared=(TASKS_IN_USE,))

    @cached_property
    def outbox(self) -> NotificationRepository:
        return NotificationRepository(self.store, self.users)

    @cached_property
    def session_events(self) -> SessionLogRepository:
        return SessionLogRepository(self.store)

    @cached_property
    def candidate_profiles(self) -> CandidateProfileRepository:
        return CandidateProfileRepository(self.store, self.users)

    @cached_property
    def lot_records(self) -> LotRepository:
        return LotRepository(self.store)

    @cached_property
    def lot_draws(self) -> DrawRepository:
        return DrawRepository(self.store)

    @cached_property
    def coding_task_documents(self) -> CodingTaskRepository:
        return CodingTaskRepository(self.store)

    @cached_property
    def interview_documents(self) -> InterviewRepository:
        return InterviewRepository(self.store)

    @cached_property
    def consent_records(self) -> ConsentRepository:
        return ConsentRepository(self.store)

    @cached_property
    def gaze_buckets(self) -> GazeRepository:
        return GazeRepository(self.store)

    @cached_property
    def media_rooms(self) -> MediaRoomRepository:
        return MediaRoomRepository(self.store)

    @cached_property
    def media_participant_records(self) -> MediaParticipantRepository:
        return MediaParticipantRepository(self.store)

    @cached_property
    def webhook_events(self) -> WebhookEventRepository:
        return WebhookEventRepository(self.store)

    @cached_property
    def code_documents(self) -> CodeDocumentRepository:
        return CodeDocumentRepository(self.store)

    @cached_property
    def code_keyframes(self) -> KeyframeRepository:
        return KeyframeRepository(self.store)

    @cached_property
    def erasure_records(self) -> ErasureRepository:
        return ErasureRepository(self.store)

    @property
    def repositories(self) -> Sequence[Repository]:
        """Every collection that the release phase prepares."""
        return (
            self.audit_entries,
            self.audit_chain_ends,
            self.audit_heads,
            self.periodic_task_records,
            self.erasure_records,
            self.users,
            self.sessions,
            self.one_time_tokens,
            self.locks,
            self.outbox,
            self.session_events,
            self.candidate_profiles,
            self.lot_records,
            self.lot_draws,
            self.coding_task_documents,
            self.interview_documents,
            self.code_documents,
            self.code_keyframes,
            self.consent_records,
            self.media_rooms,
            self.media_participant_records,
            self.webhook_events,
            self.gaze_buckets,
        )
