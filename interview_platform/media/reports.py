"""What LiveKit reports of an interview's room, in the interview's log: each event once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ..auth.accounts import AccountService
from ..core.clock import isoformat, utcnow
from ..core.errors import Conflict
from ..core.mongo import Session, Store, transaction
from ..session_log.service import Event, SessionLog
from .identity import account_of
from .livekit import LiveKit, RoomReport, not_signed
from .repository import MediaRoomRepository, WebhookEventRepository

LOGGED = frozenset(
    {
        "room_started",
        "room_finished",
        "participant_joined",
        "participant_left",
        "participant_connection_aborted",
        "track_published",
        "track_unpublished",
        "egress_started",
        "egress_ended",
    }
)

# For longer than an event's signature is taken, by far.
REMEMBERED_FOR = timedelta(days=7)


class RoomReports:
    def __init__(
        self,
        store: Store,
        livekit: LiveKit | None,
        rooms: MediaRoomRepository,
        events: WebhookEventRepository,
        accounts: AccountService,
        session_log: SessionLog,
    ) -> None:
        self._store = store
        self._livekit = livekit
        self._rooms = rooms
        self._events = events
        self._accounts = accounts
        self._log = session_log

    def take(self, signature: str, body: bytes) -> bool:
        """Log an event that LiveKit reports, and tell whether that was done just now.

        An event that is known, that is of no interest, or of a room whose interview is
        unknown or has its log sealed, changes nothing. Raises what `LiveKit.report` does,
        and `Unauthorized` where there is no LiveKit to hear from.
        """
        if self._livekit is None:
            raise not_signed()
        report = self._livekit.report(signature, body)
        if report.event not in LOGGED:
            return False
        interview_id = self._rooms.interview_of(report.room_name)
        if interview_id is None:
            return False
        event = Event("webrtc", self._actor(report), _data(report))

        def log(session: Session) -> None:
            self._events.add(f"livekit:{report.id}", utcnow() + REMEMBERED_FOR, session)
            self._log.append_in(session, interview_id, [event])

        try:
            transaction(self._store, log)
        except Conflict:
            return False
        return True

    def _actor(self, report: RoomReport) -> dict[str, Any] | None:
        """Return who it was, by their account: names within LiveKit can be changed there."""
        user_id = account_of(report.participant.identity) if report.participant else None
        account = self._accounts.by_ids([user_id]).get(user_id) if user_id else None
        if account is None:
            return None
        return {"userId": account["_id"], "name": account.get("name"), "role": account["role"]}


def _data(report: RoomReport) -> dict[str, Any]:
    data: dict[str, Any] = {"event": f"livekit.{report.event}"}
    if report.created_at:
        data["reportedAt"] = isoformat(datetime.fromtimestamp(report.created_at, UTC))
    if participant := report.participant:
        data["participant"] = {"sid": participant.sid, "identity": participant.identity}
        if participant.disconnect_reason is not None:
            data["participant"]["reason"] = participant.disconnect_reason
    if track := report.track:
        data["track"] = {"sid": track.sid, "type": track.type, "source": track.source}
    if egress := report.egress_info:
        data["recording"] = {"id": egress.egress_id, "status": egress.status}
    return data
