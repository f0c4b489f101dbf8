"""Rooms over all web processes: joining, leaving, and saying something in them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from bson import ObjectId

from ..core.broadcast import Broadcaster, Message
from ..interviews.rooms import interview_of
from ..transport.outgoing import Outgoing
from .connections import Connection

NAMESPACE = "/interview"

Hears = Callable[[Message], None]
Key = TypeVar("Key")


class Rooms:
    """This process's share of every room: its own sockets."""

    def __init__(self, broadcaster: Broadcaster) -> None:
        self._broadcaster = broadcaster
        # Who is in each room, by socket.
        self._members: dict[str, dict[str, Connection]] = {}
        self._hears: dict[str, Hears] = {}
        self._is_news: Callable[[str, Message], bool] = lambda *_: True
        # Those who are told the ids of log entries, by interview and socket.
        self._following: dict[ObjectId, dict[str, Connection]] = {}
        broadcaster.deliver_to(self._deliver)

    def on(self, event: str, hears: Hears) -> None:
        """Have `hears` called for `event`, instead of sockets; it must not wait.

        Events that are no words on the wire have a colon in their names.
        """
        self._hears[event] = hears

    def pass_if(self, is_news: Callable[[str, Message], bool]) -> None:
        """Have `is_news(entry_id, message)` decide what reaches this process's sockets of
        events that are log entries; it must not wait."""
        self._is_news = is_news

    def listen(self, *rooms: str) -> None:
        """Have this process hear `rooms`. Waits for Redis, if it must."""
        self._broadcaster.subscribe(*rooms)

    def forget(self, *rooms: str) -> None:
        """Take back what `listen` did."""
        self._broadcaster.unsubscribe(*rooms)

    def enter(self, connection: Connection, rooms: Iterable[str]) -> None:
        """Have the socket enter `rooms`; never waits."""
        for room in rooms:
            self._members.setdefault(room, {})[connection.socket_id] = connection

    def leave(self, connection: Connection, rooms: Iterable[str]) -> None:
        """Take back what `enter` did, and `follow`; never waits."""
        for room in rooms:
            _remove(self._members, room, connection)
            if interview_id := interview_of(room):
                _remove(self._following, interview_id, connection)

    def members(self, room: str) -> list[Connection]:
        """Return the sockets of this process that are in `room`."""
        return list(self._members.get(room, {}).values())

    def follow(self, connection: Connection, interview_id: ObjectId) -> None:
        """Tell the socket positions and ids of the interview's log; never waits."""
        self._following.setdefault(interview_id, {})[connection.socket_id] = connection

    def say(self, room: str, event: str, data: Any, *, skip: str | None = None) -> None:
        """Send an event to every socket in `room` but `skip`, on every process; never waits."""
        self._broadcaster.publish(room, event, data, skip)

    def others_hear(self, room: str) -> bool:
        """Tell whether another process may hear `room`, as far as is known."""
        return self._broadcaster.others_hear(room)

    def tell_others(self, room: str, event: str, data: Any) -> None:
        """Have the other processes that hear `room` take an event; never waits."""
        self._broadcaster.tell_others(room, event, data)

    def tell(self, connection: Connection, event: str, data: Any) -> int:
        """Send an event to one socket of this process; never waits. Returns its bytes."""
        outgoing = Outgoing.event(NAMESPACE, event, data)
        connection.send(outgoing)
        return len(outgoing.frames)

    def tell_here(
        self, room: str, event: str, data: Any, *, skip: str | Collection[str] | None = None
    ) -> None:
        """Send an event to the sockets in `room` on this process alone; never waits."""
        here = self._members.get(room)
        if here is None:
            return
        skipped = (skip,) if skip is None or isinstance(skip, str) else skip
        told = [each for socket_id, each in here.items() if socket_id not in skipped]
        _send(told, event, data)

    def tell_followers(self, interview_id: ObjectId, event: str, data: Any) -> None:
        """Send an event to the sockets of this process that follow the log; never waits."""
        _send(list(self._followers(interview_id).values()), event, data)

    def following(self, interview_id: ObjectId) -> Collection[str]:
        """Return the sockets of this process that are told positions and ids of the log."""
        return self._followers(interview_id).keys()

    def is_for(self, connection: Connection, message: Message) -> bool:
        """Tell whether the socket is one of those that `message` is meant for."""
        between_processes = ":" in message.event
        return (
            not between_processes
            and connection.socket_id in self._members.get(message.room, ())
            and connection.socket_id != message.skip
        )

    def take(self, message: Message) -> None:
        """Give what somebody said to who hears it here; never waits."""
        self._hears.get(message.event, self.pass_on)(message)

    def pass_on(self, message: Message) -> None:
        """Send what somebody said to the sockets of this process."""
        room, event, data, skip, _ = message
        entry_id = data.get("id") if isinstance(data, dict) else None
        if entry_id is None:
            self.tell_here(room, event, data, skip=skip)
            return
        plain = {name: value for name, value in data.items() if name != "id"}
        interview_id = interview_of(room)
        followers = self._followers(interview_id) if interview_id else {}
        if not followers:
            self.tell_here(room, event, plain, skip=skip)
            return
        self.tell_here(room, event, plain, skip={skip, *followers} if skip else followers)
        here = self._members.get(room, {})
        told = [each for each in followers if each in here and each != skip]
        _send([followers[each] for each in told], event, data)

    def _followers(self, interview_id: ObjectId) -> Mapping[str, Connection]:
        return self._following.get(interview_id) or {}

    def _deliver(self, message: Message) -> None:
        data = message.data
        entry_id = data.get("id") if isinstance(data, dict) else None
        if entry_id is None or self._is_news(entry_id, message):
            self.take(message)


def _send(connections: Sequence[Connection], event: str, data: Any) -> None:
    if connections:
        outgoing = Outgoing.event(NAMESPACE, event, data)
        for connection in connections:
            connection.send(outgoing)


def _remove(groups: dict[Key, dict[str, Connection]], key: Key, connection: Connection) -> None:
    group = groups.get(key)
    if group and group.pop(connection.socket_id, None) and not group:
        del groups[key]
