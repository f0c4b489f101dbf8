"""The sockets of this process: who is behind each, and which rooms it has joined."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bson import ObjectId
from bson.raw_bson import RawBSONDocument

from ..auth.model import Actor, Role
from ..core.ratelimit import Bucket
from ..session_log.service import log_actor
from ..telemetry.service import ClientClock
from ..transport.outgoing import Put
from .hosted import Hosted
from .shadow import InFlight, ShadowText


@dataclass(slots=True, eq=False)
class Connection:
    """One socket; who it belongs to is fixed when it connects. `send` never waits.

    `tokens` are what its person may still send: one stands for a chat message.
    `expires_at` is when its access token ends, and `warned` whether it was told that this
    is soon.
    """

    socket_id: str
    actor: Actor
    expires_at: datetime
    send: Put
    tokens: Bucket
    warned: bool = False
    # By the interview's id, as the wire has it.
    joined: dict[str, Membership] = field(default_factory=dict)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    _clock: ClientClock | None = None
    # Who acts, as the session log has it.
    actor_entry: RawBSONDocument = field(init=False)

    def __post_init__(self) -> None:
        self.actor_entry = log_actor(self.actor)

    def renew(self, actor: Actor, expires_at: datetime) -> None:
        """Let it live on by another token of the same person in the same role."""
        self.actor, self.expires_at, self.warned = actor, expires_at, False
        self.actor_entry = log_actor(actor)

    @property
    def clock(self) -> ClientClock:
        """How far the clock of this socket's client is from the service's."""
        if self._clock is None:
            self._clock = ClientClock()
        return self._clock

    @property
    def places(self) -> list[ObjectId]:
        """The interviews that it has joined, or waits for."""
        joined = [each.hosted.interview_id for each in self.joined.values()]
        return joined + [each.interview_id for each in self.waiting.values()]

    @property
    def is_staff(self) -> bool:
        return self.actor.role is not Role.CANDIDATE


@dataclass(slots=True, eq=False)
class Membership:
    """A socket's place in an interview: the rooms that it is in, and how it takes part.

    `shadow` is what an editor without Yjs has, `greeting` the text that the join was answered
    with, and `awareness` the last state that the socket has sent of its cursor, None where it
    has none.
    """

    connection: Connection
    hosted: Hosted
    rooms: list[str]
    yjs: bool = False
    follows: bool = False
    shadow: ShadowText | None = None
    greeting: InFlight | None = None
    awareness: Any = None


@dataclass(slots=True, eq=False)
class Waiting:
    """A candidate's place before an interview; `wish` is how they want to join."""

    interview_id: ObjectId
    rooms: list[str]
    wish: Any


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
