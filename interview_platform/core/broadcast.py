"""Telling every socket in a room something, whichever web process it is connected to."""

from __future__ import annotations

import logging
import secrets
from collections import defaultdict
from collections.abc import Callable
from time import monotonic
from typing import Any, NamedTuple

from redis.connection import parse_url

from .envelope import pack, unpack
from .errors import Invalid
from .pubsub import Listener, Sender

log = logging.getLogger(__name__)

# Processes whose last number is remembered; each job of a worker may be one.
MAX_ORIGINS = 1_000

# A room that no other process hears is not published to for so many seconds, unless one says
# that it hears it now.
QUIET = 5.0

# What is announced, with their channels: a process hears these rooms from now on.
_HEARD = "rooms:heard"

_MAX_QUIET = 10_000
_TOLD_AT_ONCE = 500

Handler = Callable[[Any], None]


class Message(NamedTuple):
    """Something said in a room, to everyone there but the socket `skip`.

    `own` tells whether this process said it.
    """

    room: str
    event: str
    data: Any
    skip: str | None
    own: bool = False


class Broadcaster:
    """Says things in rooms and announces things to processes, over Redis and in this process.

    This process's own share is delivered at once, whether Redis is there or not. Other
    processes hear what one process says in one room in the order it was said, each thing
    at most once; what could not reach them is counted in `dropped`, and the gap closes by
    itself when Redis is back. Each process hears the rooms that it has subscribed to; one
    that no other process hears is published to once in `QUIET` seconds at most. Data holds JSON's
    types and bytes. Nothing is connected before it is needed.
    """

    def __init__(self, redis_url: str) -> None:
        # Channels do not know databases of their own.
        database = parse_url(redis_url).get("db", 0)  # type: ignore[no-untyped-call]
        self._prefix = f"smart-interview:{database}:"
        self._announcements = f"{self._prefix}announcements"
        self._rooms = f"{self._prefix}room:"
        self._origin = secrets.token_hex(8).encode()
        self._deliver: Callable[[Message], None] | None = None
        self._handlers: defaultdict[str, list[Handler]] = defaultdict(list)
        # The last number heard from each process, those heard last at the end.
        self._heard: dict[bytes, int] = {}
        # Until when no other process hears a channel.
        self._quiet: dict[str, float] = {}
        # How often that may have changed: counts from before are of no account.
        self._changes = 0
        self._handlers[_HEARD].append(self._others_hear)
        self._listener = Listener(redis_url, self._receive, self._opened)
        self._sender = Sender(redis_url, self._origin, self._count)
        self.published = 0
        self.received = 0

    @property
    def dropped(self) -> int:
        """How many messages of this process did not reach the others."""
        return self._sender.dropped

    def deliver_to(self, deliver: Callable[[Message], None]) -> None:
        """Have `deliver` called for what is said in rooms; it must not wait."""
        self._deliver = deliver

    def subscribe(self, *rooms: str) -> bool:
        """Hear what other processes say in `rooms`, until unsubscribed as often.

        Returns True once nothing will be missed, and False where Redis does not answer
        within a second: then the rooms are heard once it is back.
        """
        channels = [self._rooms + room for room in rooms]
        confirmed = self._listener.subscribe(channels)
        if confirmed:
            self._tell_others(channels)
        return confirmed

    def unsubscribe(self, *rooms: str) -> None:
        """Take back one subscription of each of `rooms`."""
        self._listener.unsubscribe([self._rooms + room for room in rooms])

    def publish(self, room: str, event: str, data: Any, skip: str | None = None) -> None:
        """Say `event` in `room`, without waiting. Raises `Invalid` for data that is not JSON."""
        self.tell_others(room, event, data, skip)
        self._say(Message(room, event, data, skip, own=True))

    def tell_others(self, room: str, event: str, data: Any, skip: str | None = None) -> None:
        """Say `event` in `room` as `publish` does, but not in this process."""
        if self.others_hear(room):
            self._send(self._rooms + room, [event, data, skip])
            self.published += 1

    def others_hear(self, room: str) -> bool:
        """Tell whether another process may hear `room`, as far as is known."""
        return self._quiet.get(self._rooms + room, 0.0) <= monotonic()

    def announce(self, topic: str, data: Any) -> None:
        """Tell every process, this one too, without waiting. Raises as `publish` does."""
        self._send(self._announcements, [topic, data])
        self.published += 1
        self._tell(topic, data)

    def on(self, topic: str, handler: Handler) -> bool:
        """Have `handler` called with the data of each announcement; it must not wait.

        Returns whether Redis has confirmed that this process will hear them.
        """
        self._handlers[topic].append(handler)
        return self._listener.subscribe([self._announcements])

    def close(self, timeout: float = 1.0) -> None:
        """Let what waits go out, for at most `timeout` seconds, and end both connections."""
        self._sender.close(timeout)
        self._listener.close()

    def _send(self, channel: str, values: list[Any]) -> None:
        try:
            message = pack(values)
        except TypeError as error:
            raise Invalid({"data": ["Cannot be sent as JSON."]}) from error
        self._sender.put(channel, message)

    def _receive(self, channel: str, message: bytes) -> None:
        if message.startswith(self._origin):
            return
        origin, number, body = message.split(b" ", 2)
        if not self._is_new(origin, int(number)):
            return
        self.received += 1
        if channel == self._announcements:
            topic, data = unpack(body)
            self._tell(topic, data)
        else:
            event, data, skip = unpack(body)
            self._say(Message(channel.removeprefix(self._rooms), event, data, skip))

    def _count(self, channels: list[str]) -> Callable[[list[int]], None]:
        """Return what takes the numbers of those who heard the messages that are sent next."""
        changes = self._changes
        # Asked before: who is confirmed only later was perhaps not counted.
        own = [self._listener.hears(channel) for channel in channels]

        def counted(numbers: list[int]) -> None:
            if self._changes != changes or not self._listener.hears(self._announcements):
                return
            until = monotonic() + QUIET
            for channel, number, heard_here in zip(channels, numbers, own, strict=True):
                if number <= heard_here and channel.startswith(self._rooms):
                    if len(self._quiet) >= _MAX_QUIET:
                        self._quiet.clear()
                    self._quiet[channel] = until

        return counted

    def _others_hear(self, channels: list[str]) -> None:
        self._changes += 1
        for channel in channels:
            self._quiet.pop(channel, None)

    def _opened(self) -> None:
        """Take nothing for granted that was heard by the connection before."""
        self._changes += 1
        self._quiet.clear()
        self._tell_others([each for each in self._listener.channels if each != self._announcements])

    def _tell_others(self, channels: list[str]) -> None:
        for start in range(0, len(channels), _TOLD_AT_ONCE):
            self._send(self._announcements, [_HEARD, channels[start : start + _TOLD_AT_ONCE]])

    def _is_new(self, origin: bytes, number: int) -> bool:
        last = self._heard.pop(origin, 0)
        self._heard[origin] = max(last, number)
        if len(self._heard) > MAX_ORIGINS:
            del self._heard[next(iter(self._heard))]
        return number > last

    def _say(self, message: Message) -> None:
        if self._deliver is None:
            return
        try:
            self._deliver(message)
        except Exception:
            log.exception("%s was not delivered in this process", message.event)

    def _tell(self, topic: str, data: Any) -> None:
        for handler in self._handlers.get(topic, ()):
            try:
                handler(data)
            except Exception:
                log.exception("%s was not handled in this process", topic)
