"""Redis publish/subscribe for many callers at once: one thread reads, one thread sends.

redis-py's own PubSub reconnects from whichever thread meets an error first, so that it
cannot be subscribed by one thread while another reads. Here each connection has an owner.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from threading import Event, Lock, Thread
from typing import Any, NamedTuple, Protocol, cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from .condition import condition

log = logging.getLogger(__name__)

# What waits to be sent at most; beyond it, the oldest is dropped.
MAX_MESSAGES = 5_000
MAX_BYTES = 16 * 1024 * 1024

# All in seconds. Redis is asked for a sign of life after so long a silence, and once more.
SILENCE = 15.0
CONNECT_TIMEOUT = 1.0
SEND_TIMEOUT = 2.0
SUBSCRIBE_TIMEOUT = 1.0
# Between two tries. Senders let listeners come back first: they would speak to nobody.
LISTEN_AGAIN = 0.25
SEND_AGAIN = 1.0

# Between sending and reading the answer: what comes meanwhile shares the next round trip.
GATHER = 0.005

_SENT_AT_ONCE = 200
_SUBSCRIBED_AT_ONCE = 500
# Messages read in a row before other greenlets get their turn.
_READ_AT_ONCE = 100


class _Connection(Protocol):
    """What is used of redis-py's connection, which leaves these calls untyped."""

    def connect(self) -> None: ...

    def disconnect(self) -> None: ...

    def pack_command(self, *parts: str) -> list[bytes]: ...

    def pack_commands(self, commands: list[tuple[str, str, bytes]]) -> list[bytes]: ...

    def send_packed_command(self, packed: list[bytes], check_health: bool) -> None: ...

    def read_response(
        self, disable_decoding: bool = False, *, disconnect_on_error: bool = True
    ) -> Any: ...


def _connection(url: str, timeout: float) -> _Connection:
    """Return a connection to Redis, not yet open; a read or a write may take `timeout`."""
    client = Redis.from_url(
        url,
        protocol=2,
        socket_connect_timeout=CONNECT_TIMEOUT,
        socket_timeout=timeout,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
    )
    return cast(_Connection, client.connection_pool.make_connection())


class _Subscription:
    """A channel that somebody wants, how many do, and whether Redis has confirmed it."""

    __slots__ = ("confirmed", "wanted_by")

    def __init__(self) -> None:
        self.wanted_by = 0
        self.confirmed = Event()


class Listener:
    """Hears the channels that are subscribed to, and subscribes again after each interruption.

    `receive(channel, message)` runs in the reading thread: it must not wait, nor subscribe.
    Nor must `opened`, which is told of each new connection.
    """

    def __init__(
        self, url: str, receive: Callable[[str, bytes], None], opened: Callable[[], None]
    ) -> None:
        self._url = url
        self._receive = receive
        self._opened = opened
        self._subscriptions: dict[str, _Subscription] = {}
        self._connection: _Connection | None = None
        # Redis confirms in the order asked: whom the next confirmations are for.
        self._unconfirmed: deque[_Subscription | None] = deque()
        self._thread: Thread | None = None
        self._closing = Event()
        # Guards all of the above, and writing to the connection.
        self._lock = Lock()

    def subscribe(self, channels: Iterable[str]) -> bool:
        """Hear `channels`, each until it is unsubscribed as often.

        Returns True once Redis has confirmed all of them, and False if it does not within
        `SUBSCRIBE_TIMEOUT`: they are heard as soon as it is back.
        """
        awaited = []
        start = None
        with self._lock:
            new = {}
            for channel in channels:
                subscription = self._subscriptions.get(channel)
                if subscription is None:
                    subscription = self._subscriptions[channel] = new[channel] = _Subscription()
                subscription.wanted_by += 1
                awaited.append(subscription)
            self._subscribe(new)
            if self._thread is None:
                start = self._thread = Thread(target=self._run, name="redis-listener", daemon=True)
        if start:
            start.start()
        deadline = time.monotonic() + SUBSCRIBE_TIMEOUT
        return all(each.confirmed.wait(max(0.0, deadline - time.monotonic())) for each in awaited)

    @property
    def channels(self) -> list[str]:
        """The channels that are subscribed to."""
        with self._lock:
            return list(self._subscriptions)

    def hears(self, channel: str) -> bool:
        """Tell whether Redis has confirmed that this is one of those that hear `channel`."""
        subscription = self._subscriptions.get(channel)
        return subscription is not None and subscription.confirmed.is_set()

    def unsubscribe(self, channels: Iterable[str]) -> None:
        """Take back one subscription of each of `channels`."""
        with self._lock:
            unwanted = []
            for channel in channels:
                subscription = self._subscriptions[channel]
                subscription.wanted_by -= 1
                if not subscription.wanted_by:
                    del self._subscriptions[channel]
                    unwanted.append(channel)
            if unwanted:
                self._send("UNSUBSCRIBE", unwanted, [None] * len(unwanted))

    def close(self) -> None:
        self._closing.set()
        with self._lock:
            if self._connection:
                self._connection.disconnect()

    # Under the lock:

    def _subscribe(self, subscriptions: dict[str, _Subscription]) -> None:
        channels = list(subscriptions)
        for start in range(0, len(channels), _SUBSCRIBED_AT_ONCE):
            some = channels[start : start + _SUBSCRIBED_AT_ONCE]
            self._send("SUBSCRIBE", some, [subscriptions[channel] for channel in some])

    def _send(
        self, command: str, channels: list[str], for_whom: Iterable[_Subscription | None]
    ) -> None:
        """Send a command if there is a connection; a broken one is the reading thread's affair."""
        if self._connection is None:
            return
        self._unconfirmed.extend(for_whom)
        try:
            packed = self._connection.pack_command(command, *channels)
            self._connection.send_packed_command(packed, check_health=False)
        except RedisError:
            log.debug("a subscription waits for the next connection")

    # In the reading thread:

    def _run(self) -> None:
        away = False
        while not self._closing.is_set():
            connection = _connection(self._url, SILENCE)
            try:
                self._open(connection)
                self._opened()
                if away:
                    log.info("hearing other processes again")
                    away = False
                self._read(connection)
            # A connection that breaks in `_send` is torn down while it is being read here:
            # then the parser meets closed buffers and sockets that are None.
            except (RedisError, OSError, ValueError, AttributeError) as error:
                if not away and not self._closing.is_set():
                    log.warning("other processes cannot be heard: %s", error)
                    away = True
            finally:
                self._lose(connection)
            self._closing.wait(LISTEN_AGAIN)

    def _open(self, connection: _Connection) -> None:
        connection.connect()
        with self._lock:
            self._connection = connection
            self._subscribe(self._subscriptions)

    def _lose(self, connection: _Connection) -> None:
        with self._lock:
            self._connection = None
            self._unconfirmed.clear()
            for subscription in self._subscriptions.values():
                subscription.confirmed.clear()
            connection.disconnect()

    def _read(self, connection: _Connection) -> None:
        asked = False
        row = 0
        while not self._closing.is_set():
            try:
                reply = connection.read_response(disable_decoding=True, disconnect_on_error=False)
            except RedisTimeoutError:
                if asked:
                    raise
                asked = True
                with self._lock:
                    self._send("PING", [], [])
                continue
            asked = False
            kind, *rest = reply
            if kind == b"message":
                self._hear(*rest)
            elif kind in (b"subscribe", b"unsubscribe"):
                with self._lock:
                    subscription = self._unconfirmed.popleft()
                if subscription:
                    subscription.confirmed.set()
            row += 1
            if row % _READ_AT_ONCE == 0:
                time.sleep(0)

    def _hear(self, channel: bytes, message: bytes) -> None:
        try:
            self._receive(channel.decode(), message)
        except Exception:
            log.exception("a message from another process was not taken")


class _Outgoing(NamedTuple):
    number: int
    channel: str
    message: bytes


class Sender:
    """Publishes in the background: many messages a round trip, in order, never waiting.

    While Redis is away what was put last is kept. A message may be sent twice, so it is
    sent with `origin` and a number that grows. `count(channels)` is called before some are
    sent, and what it returns with the numbers of those who heard each.
    """

    def __init__(
        self,
        url: str,
        origin: bytes,
        count: Callable[[list[str]], Callable[[list[int]], None]],
    ) -> None:
        self.dropped = 0
        self._url = url
        self._origin = origin
        self._count = count
        self._outbox: deque[_Outgoing] = deque()
        self._bytes = 0
        self._number = 0
        self._thread: Thread | None = None
        self._closing = Event()
        # Guards all of the above; told when the outbox gains a message or becomes empty.
        self._changed = condition()

    def put(self, channel: str, message: bytes) -> None:
        """Have `message` published on `channel`."""
        start = None
        with self._changed:
            if self._closing.is_set():
                self.dropped += 1
                return
            self._number += 1
            self._outbox.append(_Outgoing(self._number, channel, message))
            self._bytes += len(message)
            while len(self._outbox) > MAX_MESSAGES or self._bytes > MAX_BYTES:
                self._remove_first()
                self.dropped += 1
            if self._thread is None:
                start = self._thread = Thread(target=self._run, name="redis-sender", daemon=True)
            self._changed.notify()
        if start:
            start.start()

    def close(self, timeout: float) -> None:
        """Send what waits, for at most `timeout` seconds, and stop."""
        with self._changed:
            self._changed.wait_for(lambda: not self._outbox, timeout)
            self._closing.set()
            self.dropped += len(self._outbox)
            self._outbox.clear()
            self._changed.notify_all()

    # Under the lock:

    def _remove_first(self) -> None:
        self._bytes -= len(self._outbox.popleft().message)

    # In the sending thread:

    def _run(self) -> None:
        away = False
        connection = _connection(self._url, SEND_TIMEOUT)
        while batch := self._next():
            try:
                if away:
                    connection.connect()
                    self._closing.wait(SEND_AGAIN)
                counted = self._publish(connection, batch)
                # What comes meanwhile is sent together, and the answer is there by then.
                self._closing.wait(GATHER)
                counted([connection.read_response() for _ in batch])
            except (RedisError, OSError) as error:
                connection.disconnect()
                if not away and not self._closing.is_set():
                    log.warning("other processes cannot be told: %s", error)
                    away = True
                self._closing.wait(SEND_AGAIN)
                continue
            self._sent(batch[-1].number)
            if away:
                log.info("telling other processes again; %d messages dropped so far", self.dropped)
                away = False
        connection.disconnect()

    def _next(self) -> list[_Outgoing]:
        """Wait for messages and return the oldest; none when closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._outbox or self._closing.is_set())
            return list(islice(self._outbox, _SENT_AT_ONCE))

    def _publish(
        self, connection: _Connection, batch: list[_Outgoing]
    ) -> Callable[[list[int]], None]:
        """Send `batch`, and return what takes the answers."""
        commands = [
            ("PUBLISH", each.channel, b"%b %d %b" % (self._origin, each.number, each.message))
            for each in batch
        ]
        counted = self._count([each.channel for each in batch])
        connection.send_packed_command(connection.pack_commands(commands), check_health=False)
        return counted

    def _sent(self, number: int) -> None:
        """Remove what has been sent; some of it may have been dropped meanwhile."""
        with self._changed:
            while self._outbox and self._outbox[0].number <= number:
                self._remove_first()
            if not self._outbox:
                self._changed.notify_all()
