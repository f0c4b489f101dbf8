"""The sockets of this process: who is behind each, and which rooms it has joined."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from bson import ObjectId

from ..auth.model import Actor, Role


@dataclass(slots=True)
class Connection:
    """One socket; its identity is fixed when it connects."""

    socket_id: str
    actor: Actor
    expires_at: datetime
    # The interviews it has joined, each with the names of the rooms that it is in for it.
    joined: dict[ObjectId, list[str]] = field(default_factory=dict)

    @property
    def is_staff(self) -> bool:
        return self.actor.role is not Role.CANDIDATE

    @property
    def actor_entry(self) -> dict[str, object]:
        """Return who acts, as the session log has it."""
        actor = self.actor
        return {"userId": actor.user_id, "name": actor.name, "role": str(actor.role)}


class Connections:
    """Finds connections by socket and by interview."""

    def __init__(self) -> None:
        self._by_socket: dict[str, Connection] = {}

    def __len__(self) -> int:
        return len(self._by_socket)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._by_socket.values()))

    def __contains__(self, connection: object) -> bool:
        return isinstance(connection, Connection) and (
            self._by_socket.get(connection.socket_id) is connection
        )

    def add(self, connection: Connection) -> None:
        self._by_socket[connection.socket_id] = connection

    def get(self, socket_id: str) -> Connection | None:
        return self._by_socket.get(socket_id)

    def remove(self, socket_id: str) -> Connection | None:
        return self._by_socket.pop(socket_id, None)

    def in_interview(self, interview_id: ObjectId) -> Iterable[Connection]:
        return [each for each in self if interview_id in each.joined]
