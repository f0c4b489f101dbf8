"""What every event is checked for before its handler runs."""

from __future__ import annotations

from bson import ObjectId

from ..auth.policy import RULES
from ..core.errors import Forbidden
from .connections import Connection


def check_role(connection: Connection, event: str) -> None:
    """Raise `Forbidden` where the policy does not let the socket's role send `event`."""
    rule = RULES.get(f"socket.{event}")
    if rule is None or rule.reach(connection.actor.role) is None:
        raise Forbidden


def check_joined(connection: Connection, interview_id: ObjectId) -> None:
    """Raise `Forbidden` where the socket has not joined the interview's room."""
    if interview_id not in connection.joined:
        raise Forbidden("Join the room first")
