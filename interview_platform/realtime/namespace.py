"""The `/interview` namespace: who is there, and which handler takes which event."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache, partial
from typing import Any

from ..auth.guard import Authenticator
from ..auth.model import Role
from ..auth.policy import RULES
from ..core.errors import BadRequest, Forbidden, NotFound, Unauthorized
from ..core.faults import translate
from ..core.mongo import soon
from ..transport import Namespace, Refused
from . import events
from .attendance import Attendance
from .connections import Connection, Connections
from .handlers import Handler, Handlers, RoomHandler
from .renewal import Renewal
from .repeats import Repeats
from .rooms import NAMESPACE
from .sentinel import Sentinel
from .tail import Tail


class InterviewNamespace(Namespace):  # type: ignore[misc]
    """Takes the events of one socket in the order sent.

    What a handler logs is acknowledged with its `seq` once it is stored; relaying does
    not wait for that, nor does leaving.
    """

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        attendance: Attendance,
        connections: Connections,
        sentinel: Sentinel,
        renewal: Renewal,
        tail: Tail,
        repeats: Repeats,
        groups: Iterable[Handlers],
    ) -> None:
        super().__init__(NAMESPACE)
        self._authenticator = authenticator
        self._attendance = attendance
        self._connections = connections
        self._sentinel = sentinel
        self._renewal = renewal
        self._tail = tail
        self._repeats = repeats
        self._handlers: dict[str, Handler | RoomHandler] = {}
        for group in groups:
            self._handlers.update(group)

    @property
    def events(self) -> frozenset[str]:
        """The names of the events that clients may send."""
        return frozenset(self._handlers)

    @property
    def costs(self) -> dict[str, float]:
        """What events take of a person's tokens by their names, beside one for each event."""
        return {name: each.cost for name, each in self._handlers.items() if each.cost}

    def trigger_event(self, event: str, *args: Any) -> Any:
        """Run the handler of `event`; the socket's id comes first in `args`."""
        socket_id, *payload = args
        if event == "connect":
            return self._connect(socket_id, payload[1] if len(payload) > 1 else None)
        if event == "disconnect":
            return self._disconnect(socket_id)
        connection = self._connections.get(socket_id)
        handler = self._handlers.get(event)
        if connection is None or handler is None:
            raise NotFound("No such event")
        if len(payload) != 1:
            raise BadRequest("An event takes one payload")
        if not _may_send(connection.actor.role, event):
            raise Forbidden
        loaded = events.load(handler.payload, payload[0])
        if not isinstance(handler, RoomHandler):
            return handler.handle(connection, loaded)
        membership = connection.joined.get(loaded.interviewId.lower())  # type: ignore[attr-defined]
        if membership is None:
            raise Forbidden("Join the room first")
        if isinstance(loaded, events.LoggedEvent) and loaded.clientId:
            handle = partial(handler.handle, membership, loaded)
            return self._repeats.once(membership, loaded.clientId, handle)
        return handler.handle(membership, loaded)

    def _connect(self, socket_id: str, auth: object) -> None:
        try:
            token = auth.get("token") if isinstance(auth, dict) else None
            if not isinstance(token, str):
                raise Unauthorized
            with soon():
                actor, expires_at = self._authenticator.bearer(token)
            send, tokens = self.server.identify(socket_id, NAMESPACE, str(actor.user_id))
        except Exception as error:
            raise Refused(translate(error).code) from error
        self._connections.add(Connection(socket_id, actor, expires_at, send, tokens))
        self._sentinel.start()
        self._renewal.start()
        self._tail.start()

    def _disconnect(self, socket_id: str) -> None:
        connection = self._connections.remove(socket_id)
        if connection:
            self._attendance.leave_all(connection)


@lru_cache(maxsize=1_000)
def _may_send(role: Role, event: str) -> bool:
    rule = RULES.get(f"socket.{event}")
    return rule is not None and rule.reach(role) is not None
