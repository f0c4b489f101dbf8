"""Who was let into rooms of the video server, and their removal once they may not be there.

A token lets its bearer connect, and LiveKit keeps connected whoever is: it renews their tokens
by itself. So everyone who was given a token is looked at every few seconds, whatever it is that
ends their right to be in the room: what is due stands in the store until it is done, and an
unreachable server puts it off. LiveKit does not take tokens back in all of its versions; whoever
was removed is therefore removed again for as long as a token of theirs may be good.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Protocol

from bson import ObjectId
from redis.exceptions import RedisError

from ..auth.model import Actor, Role
from ..auth.service import AuthService
from ..core.clock import utcnow
from ..core.errors import ServiceError
from ..core.mongo import Document
from ..interviews.admission import AdmissionService
from ..interviews.model import MAX_LENGTH
from .identity import new_identity
from .livekit import LEEWAY
from .repository import MediaParticipantRepository
from .room_service import Refused, RoomService, Unreachable

log = logging.getLogger(__name__)

REMOVE = "jobs.maintenance.remove_participants"

# How long a token lets somebody connect. LiveKit renews those of the connected for as long.
TOKEN_LENGTH = timedelta(minutes=10)
# For how long a participant may stay connected by one token.
STAY = MAX_LENGTH
# How long what is not done by then is tried further.
TRIED_FOR = timedelta(days=1)

# When a removal is tried again: one that failed, and one that was done.
RETRY = timedelta(seconds=10)
REPEAT = timedelta(seconds=30)

# How many are looked at, and removed, in one go.
_REVIEWED_AT_ONCE = 200
_REMOVED_AT_ONCE = 500
# Seconds after which the rest is left to the next sweep, so that a slow server piles up none.
_REMOVAL_TIME = 10.0

# What of a participant is for the person to know.
_TOLD = ("interview", "room", "role", "createdAt", "tokenExpiresAt")


class Queue(Protocol):
    def enqueue_once(self, function: str, *, job_id: str, patience: timedelta) -> None: ...


class MediaParticipants:
    """Without a `room_service`, nobody is in any room."""

    def __init__(
        self,
        participants: MediaParticipantRepository,
        room_service: RoomService | None,
        auth: AuthService,
        admission: AdmissionService,
        queue: Queue,
    ) -> None:
        self._participants = participants
        self._room_service = room_service
        self._auth = auth
        self._admission = admission
        self._queue = queue

    def add(self, actor: Actor, interview_id: ObjectId, room: str, expires_at: datetime) -> str:
        """Note that `actor` is given a token for a room, and return its identity there."""
        identity, now = new_identity(actor.user_id), utcnow()
        self._participants.add(
            {
                "_id": identity,
                "room": room,
                "interview": interview_id,
                "user": actor.user_id,
                "session": actor.session_id,
                "role": actor.role,
                "createdAt": now,
                "tokenExpiresAt": expires_at,
                "expiresAt": now + STAY + TRIED_FOR,
            }
        )
        return identity

    def remove_person(self, interview_id: ObjectId, user_id: ObjectId) -> None:
        """Have a person be removed, who may come in again by a new token; never waits for it."""
        if self._room_service is None:
            return
        self._participants.mark_person(interview_id, user_id, utcnow())
        # Without the queue, the next sweep does it.
        with suppress(RedisError):
            slot = int(time.time())
            patience = timedelta(seconds=10)
            self._queue.enqueue_once(REMOVE, job_id=f"remove-{slot}", patience=patience)

    def sweep(self) -> int:
        """Remove from their rooms who may not be there any more; returns how many were there."""
        if self._room_service:
            self._review()
        return self.remove_due()

    def remove_due(self) -> int:
        """Remove those who are to be removed by now; returns how many were in their rooms."""
        if self._room_service is None:
            return 0
        removed = 0
        deadline = time.monotonic() + _REMOVAL_TIME
        for participant in self._participants.to_remove(utcnow(), _REMOVED_AT_ONCE):
            if time.monotonic() > deadline:
                break
            if not self._participants.claim(participant, utcnow() + RETRY):
                continue
            try:
                removed += self._remove(self._room_service, participant)
            except Refused as error:
                log.warning("a participant is not removed: %s", error)
            except Unreachable as error:
                # Nor would it answer for the others.
                log.warning("participants are not removed yet: %s", error)
                break
        return removed

    def tokens_of(self, user_id: ObjectId) -> list[Document]:
        """Return which tokens were made for somebody, and until when they let them connect."""
        return [
            {name: participant.get(name) for name in _TOLD}
            for participant in self._participants.of_user(user_id)
        ]

    def forget_room(self, room: str) -> None:
        """Remove everyone from a room, if the server answers, and what is kept of them."""
        for participant in self._participants.in_room(room):
            try:
                if self._room_service:
                    self._room_service.remove(room, participant["_id"])
            except (Refused, Unreachable) as error:
                log.warning("the room of an erased interview is not emptied: %s", error)
                break
        self._participants.forget_room(room)

    def _review(self) -> None:
        """Mark those who may not stay."""
        staying = self._participants.staying()
        while some := list(islice(staying, _REVIEWED_AT_ONCE)):
            if going := self._going(some):
                self._participants.mark(going, utcnow())

    def _going(self, participants: Sequence[Document]) -> list[str]:
        """Return the identities of those who may not stay, asking the store once."""
        actors = {each["_id"]: _actor(each) for each in participants}
        live = self._auth.live_sessions({actor.session_id for actor in actors.values()})
        visits = self._admission.visits(
            {(actors[each["_id"]], each["interview"]) for each in participants}
        )
        longest = utcnow() - STAY
        going = []
        for each in participants:
            visit = visits[actors[each["_id"]], each["interview"]]
            may_visit = not isinstance(visit, ServiceError) and not visit.waits
            if not may_visit or each["session"] not in live or each["createdAt"] <= longest:
                going.append(each["_id"])
        return going

    def _remove(self, room_service: RoomService, participant: Document) -> bool:
        """Remove a participant; tells whether they were there."""
        identity = participant["_id"]
        was_there = room_service.remove(participant["room"], identity)
        now = utcnow()
        if was_there:
            log.info("participant %s is removed from their room", identity)
            until = now + TOKEN_LENGTH + LEEWAY
        else:
            until = participant.get("removeUntil") or participant["tokenExpiresAt"] + LEEWAY
        if now >= until:
            self._participants.forget(identity)
        else:
            self._participants.repeat(identity, now + REPEAT, until)
        return was_there


def _actor(participant: dict[str, Any]) -> Actor:
    return Actor(
        user_id=participant["user"],
        role=Role(participant["role"]),
        name="",
        session_id=participant["session"],
    )
