"""What happens in a room: written into the interview's log, and told to who is there."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any

from ..core.promise import Promise
from ..session_log.service import Entry, SessionLog, client_key
from .acknowledgements import Acknowledgement, acknowledge
from .connections import Membership
from .rooms import Rooms


class Audience(Enum):
    """Who is told of an event."""

    EVERYONE = "everyone"
    STAFF = "staff"


class Proceedings:
    """Telling does not wait for the log; acknowledgements do."""

    def __init__(self, session_log: SessionLog, rooms: Rooms) -> None:
        self._log = session_log
        self._rooms = rooms

    def note(
        self,
        membership: Membership,
        kind: str,
        data: dict[str, Any],
        at: datetime | None = None,
        client_id: str | None = None,
    ) -> Entry:
        """Log an event. Raises what the log refuses it for, before anybody hears of it.

        Of the events to which one person's clients give the same `client_id` one is logged.
        """
        hosted, connection = membership.hosted, membership.connection
        key = client_key(connection.actor.user_id, client_id) if client_id else None
        entry = self._log.append(hosted.interview_id, kind, connection.actor_entry, data, at, key)
        hosted.feed.wrote(entry.id)
        return entry

    def tell(
        self,
        membership: Membership,
        kind: str,
        data: dict[str, Any],
        *,
        event: str,
        told: dict[str, Any],
        audience: Audience = Audience.EVERYONE,
        skip: str | None = None,
        at: datetime | None = None,
        client_id: str | None = None,
        **answer: Any,
    ) -> Promise[Acknowledgement]:
        """Log an event, and tell the room of it; each socket hears of it exactly once.

        `answer` is what the acknowledgement holds beside the entry's number. Raises as
        `note` does.
        """
        hosted = membership.hosted
        entry = self.note(membership, kind, data, at, client_id)
        room = hosted.room if audience is Audience.EVERYONE else hosted.staff_room
        self._rooms.say(room, event, {**told, "id": str(entry.id)}, skip=skip)
        return acknowledge(entry.stored, **answer)
