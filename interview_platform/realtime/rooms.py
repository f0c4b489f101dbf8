"""Rooms over all web processes: joining, leaving, and saying something in them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from bson import ObjectId

from ..core.broadcast import Broadcaster, Message
from ..interviews.rooms import interview_of
from .connections import Connection, Membership
from .server import Server

NAMESPACE = "/interview"

Hears = Callable[[Message], None]


class Rooms:
    """This process's share of every room: its own sockets, reached through `server`."""

    def __init__(self, server: Server, broadcaster: Broadcaster) -> None:
        self._server = server
        self._broadcaster = broadcaster
        self._hears: dict[str, Hears] = {}
        self._is_news: Callable[[ObjectId, str, Message], bool] = lambda *_: True
        # Sockets that are told the ids of log entries, by interview.
        self._following: dict[ObjectId, set[str]] = {}
        broadcaster.deliver_to(self._deliver)

    def on(self, event: str, hears: Hears) -> None:
        """Have `hears` called for `event`, instead of sockets; it must not wait.

        Events that are no words on the wire have a colon in their names.
        """
        self._hears[event] = hears

    def pass_if(self, is_news: Callable[[ObjectId, str, Message], bool]) -> None:
        """Have `is_news(interview_id, entry_id, message)` decide what reaches this process's
        sockets of events that are log entries; it must not wait."""
        self._is_news = is_news

    def listen(self, *rooms: str) -> None:
        """Have this process hear `rooms`. Waits for Redis, if it must."""
        self._broadcaster.subscribe(*rooms)

    def forget(self, *rooms: str) -> None:
        """Take back what `listen` did."""
        self._broadcaster.unsubscribe(*rooms)

    def enter(self, connection: Connection, membership: Membership) -> None:
        """Have the socket enter the rooms of `membership`; never waits."""
        for room in membership.rooms:
            self._server.manager.enter_room(connection.socket_id, NAMESPACE, room)
            if membership.follows and (interview_id := interview_of(room)):
                self._following.setdefault(interview_id, set()).add(connection.socket_id)

    def leave(self, connection: Connection, membership: Membership) -> None:
        for room in membership.rooms:
            self._server.manager.leave_room(connection.socket_id, NAMESPACE, room)
            interview_id = interview_of(room)
            if interview_id in self._following:
                self._following[interview_id].discard(connection.socket_id)
                if not self._following[interview_id]:
                    del self._following[interview_id]

    def say(self, room: str, event: str, data: Any, *, skip: str | None = None) -> None:
        """Send an event to every socket in `room` but `skip`, on every process; never waits."""
        self._broadcaster.publish(room, event, data, skip)

    def others_hear(self, room: str) -> bool:
        """Tell whether another process may hear `room`, as far as is known."""
        return self._broadcaster.others_hear(room)

    def tell_others(self, room: str, event: str, data: Any) -> None:
        """Have the other processes that hear `room` take an event; never waits."""
        self._broadcaster.tell_others(room, event, data)

    def tell(self, connection: Connection, event: str, data: Any) -> None:
        """Send an event to one socket of this process; never waits."""
        self._tell({connection.socket_id}, event, data)

    def tell_here(
        self, room: str, event: str, data: Any, *, skip: str | Collection[str] | None = None
    ) -> None:
        """Send an event to the sockets in `room` on this process alone; never waits."""
        here = self._server.in_room(NAMESPACE, room)
        if skip is not None:
            skipped = {skip} if isinstance(skip, str) else skip
            here = {sid: eio_sid for sid, eio_sid in here.items() if sid not in skipped}
        self._server.tell(here, NAMESPACE, event, data)

    def tell_followers(self, interview_id: ObjectId, event: str, data: Any) -> None:
        """Send an event to the sockets of this process that follow the log; never waits."""
        self._tell(self.following(interview_id), event, data)

    def following(self, interview_id: ObjectId) -> Collection[str]:
        """Return the sockets of this process that are told positions and ids of the log."""
        return self._following.get(interview_id, ())

    def is_for(self, connection: Connection, message: Message) -> bool:
        """Tell whether the socket is one of those that `message` is meant for."""
        here = self._server.in_room(NAMESPACE, message.room)
        between_processes = ":" in message.event
        return (
            not between_processes
            and connection.socket_id in here
            and connection.socket_id != message.skip
        )

    def take(self, message: Message) -> None:
        """Give what somebody said to who hears it here; never waits."""
        self._hears.get(message.event, self.pass_on)(message)

    def pass_on(self, message: Message) -> None:
        """Send what somebody said to the sockets of this process."""
        room, event, data, skip = message
        entry_id = data.get("id") if isinstance(data, dict) else None
        if entry_id is None:
            self.tell_here(room, event, data, skip=skip)
            return
        plain = {name: value for name, value in data.items() if name != "id"}
        interview_id = interview_of(room)
        followers = self._following.get(interview_id, ()) if interview_id else ()
        if not followers:
            self.tell_here(room, event, plain, skip=skip)
            return
        others = {skip, *followers} if skip else followers
        self.tell_here(room, event, plain, skip=others)
        here = self._server.in_room(NAMESPACE, room)
        chosen = {each: here[each] for each in followers if each in here and each != skip}
        self._server.tell(chosen, NAMESPACE, event, data)

    def _tell(self, socket_ids: Collection[str], event: str, data: Any) -> None:
        connected = self._server.in_room(NAMESPACE)
        chosen = {each: connected[each] for each in socket_ids if each in connected}
        self._server.tell(chosen, NAMESPACE, event, data)

    def _deliver(self, message: Message) -> None:
        data = message.data
        entry_id = data.get("id") if isinstance(data, dict) else None
        if entry_id is not None:
            interview_id = interview_of(message.room)
            if interview_id and not self._is_news(interview_id, entry_id, message):
                return
        self.take(message)
