"""What every event is checked for before its handler runs."""

from __future__ import annotations

from functools import lru_cache

from bson import ObjectId

from ..auth.model import Role
from ..auth.policy import RULES
from ..core.errors import Forbidden
from .connections import Connection


def check_role(connection: Connection, event: str) -> None:
    """Raise `Forbidden` where the policy does not let the socket's role send `event`."""
    if not _may_send(connection.actor.role, event):
        raise Forbidden


def check_joined(connection: Connection, interview_id: ObjectId) -> None:
    """Raise `Forbidden` where the socket has not joined the interview's room."""
    if interview_id not in connection.joined:
        raise Forbidden("Join the room first")


@lru_cache(maxsize=1_000)
def _may_send(role: Role, event: str) -> bool:
    rule = RULES.get(f"socket.{event}")
    return rule is not None and rule.reach(role) is not None
