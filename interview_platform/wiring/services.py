"""The services, each made of what it needs."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from functools import cached_property

from ..audit.chain import AuditChain
from ..audit.service import Audit
from ..auth.accounts import AccountLinks, AccountService, Recipients
from ..auth.ports import SessionEnds
from ..auth.rotation import RefreshChain
from ..auth.service import AuthService
from ..auth.throttle import Throttle
from ..candidates.imports import CandidateImport
from ..candidates.service import CandidateService
from ..coding_tasks.service import CodingTaskService
from ..core.ratelimit import RateLimit
from ..core.signing import Signer
from ..core.workpool import Workpool
from ..dashboards.service import DashboardService
from ..dashboards.sharing import SharedDashboard
from ..editor.service import EditorService
from ..interviews.admission import AdmissionService
from ..interviews.attention import InterviewAttention
from ..interviews.bookings import Bookings
from ..interviews.details import InterviewDetails
from ..interviews.figures import InterviewFigures
from ..interviews.lifecycle import LifeCycleService
from ..interviews.notices import Notices
from ..interviews.presence import Presence
from ..interviews.rooms import InterviewRooms
from ..interviews.scheduling import SchedulingService
from ..interviews.sealing import SealingService
from ..interviews.service import InterviewService
from ..interviews.steps import StepRecord
from ..lots.drawing import DrawService
from ..lots.service import LotService
from ..media.ice import IceServers
from ..media.livekit import LiveKit
from ..media.participants import MediaParticipants
from ..media.reports import RoomReports
from ..media.room_service import RoomService
from ..media.service import MediaService
from ..notifications.model import Channel
from ..notifications.service import NotificationService
from ..session_log.sealing import LogSealing
from ..session_log.service import SessionLog
from ..telemetry.service import AttentionService, ConsentService, GazeRecorder
from ..timeline.record import RecordService
from ..timeline.service import TimelineService
from ..transport.limits import AT_ONCE, Limits
from .repositories import Repositories

ATTENTION_THREADS = 1
ATTENTION_QUEUE = 32


class DomainServices(Repositories):
    """What the service is for."""

    @cached_property
    def audit(self) -> Audit:
        return Audit(self.audit_entries)

    @cached_property
    def signer(self) -> Signer:
        return Signer(b64decode(self.settings.signing_key))

    @cached_property
    def audit_chain(self) -> AuditChain:
        return AuditChain(
            self.store,
            self.audit_entries,
            self.audit_chain_ends,
            self.audit_heads,
            self.signer,
            self.settings.retired_public_keys,
        )

    @cached_property
    def channels(self) -> Mapping[str, Channel]:
        # Not for web, which sends nothing: the providers' clients take long to load.
        from ..notifications.channels import EmailChannel, SmsChannel

        settings = self.settings
        email = EmailChannel(
            settings.sendgrid_api_key,
            settings.email_from,
            settings.sendgrid_base_url,
            settings.provider_timeout,
        )
        sms = SmsChannel(
            settings.twilio_account_sid,
            settings.twilio_auth_token,
            settings.twilio_from_number,
            settings.twilio_base_url,
            settings.provider_timeout,
        )
        return {"email": email, "sms": sms}

    @cached_property
    def notifications(self) -> NotificationService:
        settings = self.settings
        links = AccountLinks(
            self.one_time_tokens,
            settings.invitation_expires_in,
            settings.password_reset_expires_in,
        )
        return NotificationService(
            self.outbox,
            queue=self.queue,
            recipients=Recipients(self.users),
            links=links,
            channels=lambda: self.channels,
            link_url=settings.client_link_url,
            provider_timeout=settings.provider_timeout,
        )

    @cached_property
    def session_log(self) -> SessionLog:
        return SessionLog(self.session_events, self.digesting)

    @cached_property
    def log_seals(self) -> LogSealing:
        return LogSealing(self.session_events, self.session_log, self.signer, self.digesting)

    @cached_property
    def sealing(self) -> SealingService:
        return SealingService(self.interview_documents, self.log_seals)

    @cached_property
    def record(self) -> RecordService:
        return RecordService(
            self.sealing, self.session_log, self.digesting, self.attention.attachments
        )

    @cached_property
    def consents(self) -> ConsentService:
        return ConsentService(
            self.store, self.consent_records, self.session_log, self.broadcaster.announce
        )

    @cached_property
    def gaze(self) -> GazeRecorder:
        return GazeRecorder(
            self.gaze_buckets,
            self.consents,
            self.session_log,
            require_consent=self.settings.telemetry_require_consent,
        )

    @cached_property
    def attention(self) -> AttentionService:
        pool = Workpool(ATTENTION_THREADS, ATTENTION_QUEUE)
        return AttentionService(self.gaze_buckets, self.gaze, pool)

    @cached_property
    def interview_attention(self) -> InterviewAttention:
        return InterviewAttention(self.interview_documents, self.attention)

    @cached_property
    def session_ends(self) -> SessionEnds:
        return SessionEnds(self.broadcaster.announce)

    @cached_property
    def throttle(self) -> Throttle:
        return Throttle(self.redis)

    @cached_property
    def accounts(self) -> AccountService:
        return AccountService(
            self.store,
            users=self.users,
            sessions=self.sessions,
            one_time_tokens=self.one_time_tokens,
            locks=self.locks,
            hasher=self.hasher,
            outbox=self.notifications,
            ends=self.session_ends,
            audit=self.audit,
        )

    @cached_property
    def auth(self) -> AuthService:
        return AuthService(
            self.store,
            users=self.users,
            sessions=self.sessions,
            one_time_tokens=self.one_time_tokens,
            locks=self.locks,
            hasher=self.hasher,
            throttle=self.throttle,
            outbox=self.notifications,
            ends=self.session_ends,
            audit=self.audit,
            session_length=self.settings.refresh_expires_in,
            refresh_chain=RefreshChain(self.settings.jwt_secret),
            on_activation=self.candidate_profiles.note_activation,
        )

    @cached_property
    def candidates(self) -> CandidateService:
        return CandidateService(
            self.store,
            self.candidate_profiles,
            self.accounts,
            self.notifications,
            self.audit,
        )

    @cached_property
    def candidate_import(self) -> CandidateImport:
        return CandidateImport(
            self.store, self.candidate_profiles, self.accounts, self.notifications, self.audit
        )

    @cached_property
    def lots(self) -> LotService:
        return LotService(self.store, self.lot_records, self.candidates, self.audit)

    @cached_property
    def draws(self) -> DrawService:
        return DrawService(
            self.store,
            self.lot_records,
            self.lot_draws,
            self.candidates,
            self.accounts,
            self.audit,
        )

    @cached_property
    def coding_tasks(self) -> CodingTaskService:
        return CodingTaskService(
            self.store,
            self.coding_task_documents,
            self.locks,
            self.interview_documents,
            self.audit,
        )

    @cached_property
    def interview_details(self) -> InterviewDetails:
        return InterviewDetails(self.accounts, self.coding_tasks, self.lots)

    @cached_property
    def interview_rooms(self) -> InterviewRooms:
        return InterviewRooms(self.broadcaster.publish)

    @cached_property
    def interview_steps(self) -> StepRecord:
        return StepRecord(self.session_log, self.audit)

    @cached_property
    def limits(self) -> Limits:
        settings = self.settings
        return Limits(
            self.redis,
            per_address=settings.sockets_per_address,
            per_person=settings.sockets_per_person,
            events_per_second=settings.events_per_second,
        )

    @cached_property
    def request_limit(self) -> RateLimit:
        rate = self.settings.requests_per_second
        return RateLimit(self.redis, "limits:requests", rate=rate, burst=rate * AT_ONCE)

    @cached_property
    def presence(self) -> Presence:
        return Presence(self.redis, self.broadcaster.publish)

    @cached_property
    def admission(self) -> AdmissionService:
        return AdmissionService(
            self.store,
            self.interview_documents,
            self.coding_tasks,
            self.interview_steps,
            self.interview_rooms,
            self.session_log,
        )

    @cached_property
    def editor(self) -> EditorService:
        return EditorService(
            self.store,
            self.code_documents,
            self.code_keyframes,
            self.session_log,
            self.editing,
        )

    @cached_property
    def interviews(self) -> InterviewService:
        return InterviewService(
            self.interview_documents, self.candidates, self.interview_details, self.session_log
        )

    @cached_property
    def timeline(self) -> TimelineService:
        return TimelineService(self.interviews, self.session_log, self.editor, self.editing)

    @cached_property
    def scheduling(self) -> SchedulingService:
        return SchedulingService(
            self.store,
            self.interview_documents,
            Bookings(self.interview_documents, self.accounts),
            self.candidates,
            self.coding_tasks,
            self.lots,
            self.interview_details,
            Notices(self.notifications),
            self.interview_steps,
            self.interview_rooms,
        )

    @cached_property
    def life_cycle(self) -> LifeCycleService:
        return LifeCycleService(
            self.store,
            self.interview_documents,
            self.candidates,
            self.interview_details,
            self.interview_steps,
            self.interview_rooms,
            self.attention,
        )

    @cached_property
    def livekit(self) -> LiveKit | None:
        settings = self.settings
        if not settings.livekit_url:
            return None
        return LiveKit(settings.livekit_url, settings.livekit_api_key, settings.livekit_api_secret)

    @cached_property
    def media(self) -> MediaService:
        settings = self.settings
        ice = IceServers(settings.stun_urls, settings.turn_urls, settings.turn_secret)
        return MediaService(
            self.admission,
            self.interviews,
            self.media_rooms,
            self.media_participants,
            self.livekit,
            ice,
        )

    @cached_property
    def media_participants(self) -> MediaParticipants:
        return MediaParticipants(
            self.media_participant_records,
            RoomService(self.livekit) if self.livekit else None,
            self.auth,
            self.admission,
            self.queue,
        )

    @cached_property
    def room_reports(self) -> RoomReports:
        return RoomReports(
            self.store,
            self.livekit,
            self.media_rooms,
            self.webhook_events,
            self.accounts,
            self.session_log,
        )

    @cached_property
    def dashboard(self) -> DashboardService:
        return DashboardService(
            candidates=self.candidates,
            interviews=InterviewFigures(self.interview_documents),
            notifications=self.notifications,
            accounts=self.accounts,
            session_log=self.session_log,
            attention=self.attention,
            presence=self.presence,
            queue=self.queue,
        )

    @cached_property
    def shared_dashboard(self) -> SharedDashboard:
        return SharedDashboard(self.dashboard, self.redis)
