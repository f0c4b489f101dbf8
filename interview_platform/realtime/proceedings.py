"""What happens in a room: written into the interview's log, and told to who is there."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any

from bson import ObjectId

from ..core.promise import Promise
from ..interviews.rooms import room_of, staff_room_of
from ..session_log.service import Entry, SessionLog
from .acknowledgements import Acknowledgement, acknowledge
from .connections import Connection
from .hosting import Hosts
from .rooms import Rooms


class Audience(Enum):
    """Who is told of an event."""

    EVERYONE = "everyone"
    STAFF = "staff"

    def room(self, interview_id: ObjectId) -> str:
        return room_of(interview_id) if self is Audience.EVERYONE else staff_room_of(interview_id)


class Proceedings:
    """Telling does not wait for the log; acknowledgements do."""

    def __init__(self, session_log: SessionLog, rooms: Rooms, hosts: Hosts) -> None:
        self._log = session_log
        self._rooms = rooms
        self._hosts = hosts

    def note(
        self,
        connection: Connection,
        interview_id: ObjectId,
        kind: str,
        data: dict[str, Any],
        at: datetime | None = None,
    ) -> Entry:
        """Log an event. Raises what the log refuses it for, before anybody hears of it."""
        entry = self._log.append(interview_id, kind, connection.actor_entry, data, at)
        if hosted := self._hosts.get(interview_id):
            hosted.feed.wrote(entry.id)
        return entry

    def tell(
        self,
        connection: Connection,
        interview_id: ObjectId,
        kind: str,
        data: dict[str, Any],
        *,
        event: str,
        told: dict[str, Any],
        audience: Audience = Audience.EVERYONE,
        skip: str | None = None,
        at: datetime | None = None,
        **answer: Any,
    ) -> Promise[Acknowledgement]:
        """Log an event, and tell the room of it; each socket hears of it exactly once.

        `answer` is what the acknowledgement holds beside the entry's number. Raises as
        `note` does.
        """
        entry = self.note(connection, interview_id, kind, data, at)
        self.relay(interview_id, event, {**told, "id": str(entry.id)}, audience, skip=skip)
        return acknowledge(entry.stored, **answer)

    def relay(
        self,
        interview_id: ObjectId,
        event: str,
        data: dict[str, Any],
        audience: Audience = Audience.EVERYONE,
        *,
        skip: str | None = None,
    ) -> None:
        """Tell the room something that is not kept, or is kept elsewhere."""
        self._rooms.say(audience.room(interview_id), event, data, skip=skip)
