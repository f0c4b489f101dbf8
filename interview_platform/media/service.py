"""How the people of an interview see and hear each other, and what is noted of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId

from ..auth.model import Actor, Role
from ..core.clock import utcnow
from ..core.errors import Conflict
from ..core.mongo import Document
from ..interviews.admission import AdmissionService
from ..interviews.model import MAX_LENGTH, times_of
from ..interviews.service import InterviewService
from .ice import IceServers
from .livekit import LiveKit
from .participants import TOKEN_LENGTH, MediaParticipants
from .repository import MediaRoomRepository

# Interviews run over: how long after the end one may still come in, and how long in any case.
GRACE = timedelta(minutes=30)
LEAST = timedelta(minutes=15)
# How long events of a room are taken after nobody may come in any more.
AFTERMATH = timedelta(days=1)


class MediaService:
    """Without a `livekit`, people connect to each other, by the help of `ice`."""

    def __init__(
        self,
        admission: AdmissionService,
        interviews: InterviewService,
        rooms: MediaRoomRepository,
        participants: MediaParticipants,
        livekit: LiveKit | None,
        ice: IceServers,
    ) -> None:
        self._admission = admission
        self._participants = participants
        self._interviews = interviews
        self._rooms = rooms
        self._livekit = livekit
        self._ice = ice

    def token(self, actor: Actor, interview_id: ObjectId) -> Document:
        """Return what `actor` connects with: a token for a while, or servers for all of it.

        Raises `NotFound`, and `Conflict` for an interview that is over, and for a candidate
        who is not let in yet.
        """
        if self._admission.admit(actor, interview_id).waits:
            raise Conflict("The interview has not begun")
        interview = self._interviews.get(actor, interview_id)
        now = utcnow()
        expires_at = _expiry(interview, now)
        if self._livekit is None:
            servers = self._ice.for_user(str(actor.user_id), expires_at)
            return {"provider": "p2p", "iceServers": servers, "expiresAt": expires_at}
        room = interview["meetingRoomId"] or f"interview:{interview_id}"
        self._rooms.put(room, interview_id, expires_at + AFTERMATH)
        token_expires_at = now + TOKEN_LENGTH
        token = self._livekit.token(
            room=room,
            identity=self._participants.add(actor, interview_id, room, token_expires_at),
            name=actor.name,
            role=str(actor.role),
            manages=actor.role is not Role.CANDIDATE,
            expires_at=token_expires_at,
        )
        return {
            "provider": "livekit",
            "url": self._livekit.url,
            "token": token,
            "room": room,
            "expiresAt": token_expires_at,
        }

    def forget_room(self, room: str) -> None:
        """Have `room` be nobody's: everyone is removed from it, and what is kept of it."""
        self._participants.forget_room(room)
        self._rooms.forget(room)


def _expiry(interview: dict[str, Any], now: datetime) -> datetime:
    times = times_of(interview)
    end = times[1] + GRACE if times else now
    return min(max(end, now + LEAST), now + MAX_LENGTH)
