"""Says things in rooms that span web processes, over Redis publish/subscribe.

A process hears only the rooms that it hosts, on one channel each, and its own sockets never
wait for Redis. What is published while Redis is away reaches this process's sockets alone:
whatever must not be lost is in the store, and its readers catch up from there.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Event, Lock, Thread
from typing import Any

import msgspec
from redis.client import PubSub
from redis.exceptions import RedisError

from . import redis

log = logging.getLogger(__name__)

PREFIX = "room:"
CONTROL = "control"

# What may wait to be sent to other processes; the oldest go first.
MAX_WAITING = 10_000
BATCH = 500
# All in seconds. How long a subscription may take, and the pauses between tries to reach Redis.
CONFIRMED_WITHIN = 1.0
RETRY = 0.2
RETRY_MOST = 2.0
LISTEN = 5.0

Handler = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Message:
    """An event said in a room, for every socket there but `skip`."""

    room: str
    event: str
    data: Any
    skip: str | None = None


class Broadcaster:
    """Publishes to rooms and to all processes, and delivers what reaches this one.

    Its threads start when they are first needed; under gevent they are greenlets.
    """

    def __init__(self, url: str) -> None:
        # Unique a process, also one that was forked or restarted under the same number.
        self._origin = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._deliver: Callable[[Message], None] | None = None
        self._handlers: dict[str, list[Handler]] = {}
        self._sender = _Sender(url)
        self._listener = _Listener(url, self._receive)

    @property
    def published(self) -> int:
        return self._sender.published

    @property
    def dropped(self) -> int:
        """How many messages other processes have missed, since Redis was away."""
        return self._sender.dropped

    def deliver_to(self, deliver: Callable[[Message], None]) -> None:
        """Have `deliver` called for each message of a room that this process hosts."""
        self._deliver = deliver

    def publish(self, room: str, event: str, data: Any, skip: str | None = None) -> None:
        """Say `event` in `room`; never waits. `data` is JSON, and bytes wherever they stand."""
        if self._deliver:
            self._guarded(self._deliver, Message(room, event, data, skip))
        self._sender.send(PREFIX + room, (self._origin, event, data, skip))

    def subscribe(self, *rooms: str) -> None:
        """Hear `rooms`, once more each; returns when Redis has confirmed, or is away."""
        self._listener.add([PREFIX + room for room in rooms])

    def unsubscribe(self, *rooms: str) -> None:
        """Hear `rooms` once less each."""
        self._listener.remove([PREFIX + room for room in rooms])

    def on(self, topic: str, handler: Handler) -> None:
        """Have `handler` called with what any process announces under `topic`."""
        self._handlers.setdefault(topic, []).append(handler)

    def listen(self) -> None:
        """Begin to hear other processes' announcements, if that is not so yet."""
        self._listener.start()

    def announce(self, topic: str, data: Any) -> None:
        """Tell every process, this one first."""
        self._handle(topic, data)
        self._sender.send(CONTROL, (self._origin, topic, data, None))

    def close(self) -> None:
        """Send what waits, if that is soon done, and stop."""
        self._sender.close()
        self._listener.close()

    def _receive(self, channel: str, body: bytes) -> None:
        origin, event, data, skip = msgspec.msgpack.decode(body)
        if origin == self._origin:
            return
        if channel == CONTROL:
            self._handle(event, data)
        elif self._deliver:
            room = channel.removeprefix(PREFIX)
            self._guarded(self._deliver, Message(room, event, data, skip))

    def _handle(self, topic: str, data: Any) -> None:
        for handler in self._handlers.get(topic, ()):
            self._guarded(handler, data)

    def _guarded(self, call: Callable[[Any], None], argument: Any) -> None:
        try:
            call(argument)
        except Exception:
            log.exception("could not deliver a broadcast")


class _Sender:
    """A bounded queue into Redis: many messages a round trip."""

    def __init__(self, url: str) -> None:
        self.published = 0
        self.dropped = 0
        self._redis = redis.connect(url)
        self._waiting: deque[tuple[str, Any]] = deque()
        self._changed = Condition(Lock())
        self._closed = False
        self._thread: Thread | None = None

    def send(self, channel: str, message: tuple[Any, ...]) -> None:
        with self._changed:
            if len(self._waiting) >= MAX_WAITING:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append((channel, message))
            if self._thread is None and not self._closed:
                self._thread = Thread(target=self._run, name="broadcast-sender", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread:
            self._thread.join(CONFIRMED_WITHIN)
        self._redis.close()

    def _run(self) -> None:
        delay = RETRY
        while batch := self._next():
            try:
                self._publish(batch)
                delay = RETRY
            except RedisError as error:
                # Not sent again: it may have been received, and it is late by now.
                self.dropped += len(batch)
                log.warning("other processes miss %d broadcasts: %s", len(batch), error)
                time.sleep(delay)
                delay = min(2 * delay, RETRY_MOST)

    def _next(self) -> list[tuple[str, Any]]:
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            return [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]

    def _publish(self, batch: list[tuple[str, Any]]) -> None:
        with self._redis.pipeline(transaction=False) as pipeline:
            for channel, message in batch:
                try:
                    pipeline.publish(channel, msgspec.msgpack.encode(message))
                except (TypeError, ValueError, OverflowError, RecursionError):
                    self.dropped += 1
                    log.warning("a broadcast cannot be encoded and stays in this process")
            pipeline.execute()
        self.published += len(batch)


class _Listener:
    """One connection that subscribes, and subscribes again when it was lost."""

    def __init__(self, url: str, receive: Callable[[str, bytes], None]) -> None:
        self._redis = redis.connect(url)
        self._receive = receive
        self._counts: Counter[str] = Counter()
        self._confirmed: dict[str, Event] = {}
        # Guards the above, and all that is written to the connection.
        self._lock = Lock()
        self._pubsub: PubSub | None = None
        self._thread: Thread | None = None
        self._closed = False

    def start(self) -> None:
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = Thread(target=self._run, name="broadcast-listener", daemon=True)
                self._thread.start()

    def add(self, channels: list[str]) -> None:
        self.start()
        with self._lock:
            fresh = [channel for channel in channels if not self._counts[channel]]
            self._counts.update(channels)
            self._confirmed.update((channel, Event()) for channel in fresh)
            awaited = [self._confirmed[channel] for channel in channels]
            self._write("subscribe", fresh)
        deadline = time.monotonic() + CONFIRMED_WITHIN
        for confirmed in awaited:
            confirmed.wait(max(0.0, deadline - time.monotonic()))

    def remove(self, channels: list[str]) -> None:
        with self._lock:
            self._counts.subtract(channels)
            gone = [channel for channel in channels if self._counts[channel] <= 0]
            for channel in gone:
                del self._counts[channel]
                self._confirmed.pop(channel, None)
            self._write("unsubscribe", gone)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._pubsub:
                self._pubsub.close()
        self._redis.close()

    def _write(self, command: str, channels: list[str]) -> None:
        """Change what the connection hears; one that is lost catches up when it is back."""
        if not channels or self._pubsub is None:
            return
        try:
            getattr(self._pubsub, command)(*channels)
        except (RedisError, OSError) as error:
            log.debug("cannot %s yet: %s", command, error)

    def _run(self) -> None:
        delay = RETRY
        while not self._closed:
            try:
                with PubSub(self._redis.connection_pool) as pubsub:
                    self._connect(pubsub)
                    delay = RETRY
                    self._listen(pubsub)
            except (RedisError, OSError, ValueError) as error:
                if not self._closed:
                    log.warning("not hearing other processes: %s", error)
            with self._lock:
                self._pubsub = None
            time.sleep(delay)
            delay = min(2 * delay, RETRY_MOST)

    def _connect(self, pubsub: PubSub) -> None:
        with self._lock:
            pubsub.subscribe(CONTROL, *self._counts)
            self._pubsub = pubsub

    def _listen(self, pubsub: PubSub) -> None:
        while not self._closed:
            message = pubsub.get_message(timeout=LISTEN)
            if message is None:
                continue
            channel = message["channel"].decode()
            if message["type"] == "message":
                self._received(channel, message["data"])
            elif message["type"] == "subscribe":
                with self._lock:
                    if confirmed := self._confirmed.get(channel):
                        confirmed.set()

    def _received(self, channel: str, body: bytes) -> None:
        try:
            self._receive(channel, body)
        except (msgspec.DecodeError, ValueError):
            log.warning("a broadcast that cannot be read, on %s", channel)
