"""What accounts need of other rooms, and how they tell other processes of ended sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from bson import ObjectId

from ..core.mongo import Session


class Outbox(Protocol):
    """Where messages to people are put; `notifications` implements it."""

    def request(
        self,
        session: Session | None,
        *,
        template: str,
        dedupe_key: str,
        context: Mapping[str, Any],
        user_id: ObjectId | None = None,
        email: str | None = None,
        interview_id: ObjectId | None = None,
    ) -> ObjectId:
        """Keep a message to a user or an address, in the transaction of `session`."""

    def dispatch(self, notification_ids: Sequence[ObjectId]) -> None:
        """Have the kept messages sent, once their transaction has ended."""


class SessionEnds:
    """Tells every web process which sessions ended, so that their sockets close at once.

    Only a hint: processes also ask the store every few seconds which sessions live.
    """

    TOPIC = "sessions-ended"

    def __init__(self, announce: Callable[[str, dict[str, str]], None]) -> None:
        self._announce = announce

    def one(self, session_id: ObjectId) -> None:
        self._announce(self.TOPIC, {"session": str(session_id)})

    def all_of(self, user_id: ObjectId) -> None:
        self._announce(self.TOPIC, {"user": str(user_id)})
