"""The web server's connections: how long each may keep it waiting, and how many there may be.

Loaded before gevent patches: nothing that holds locks or threads may be imported here.
"""

from __future__ import annotations

import errno
import logging
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from enum import Enum
from socket import SHUT_RD
from time import monotonic
from typing import Any, BinaryIO

from .errors import RequestTimeout
from .network import network_of

HEAD_TIMEOUT = 10.0
"""Seconds in which the head of a request has to be here: of the first one from the beginning
of the connection on, of later ones from their first byte on."""

BODY_PATIENCE = 20.0
"""Seconds that the service waits for a body altogether, and at most at a time."""

BODY_RATE = 1_000
"""Bytes of a body that earn a second of patience, up to the above: a slow link is no fault."""

REST_TIMEOUT = 10.0
"""Seconds in which what the application left of a body has to be here."""

STALL_TIMEOUT = 30.0
"""Seconds after which a client is cut off that takes nothing more of a response."""

log = logging.getLogger(__name__)


class _Awaited(Enum):
    """What is read next."""

    REQUEST = "the first byte of a request"
    HEAD = "the rest of its head"
    BODY = "its body, as the application asks for it"
    REST = "what the application left of the body"
    NOTHING = "nothing any more"


class Client:
    """A client's connection as gunicorn sees it: its `socket`, with an end to every wait.

    Reading raises `RequestTimeout` in the middle of a request that takes too long, and finds
    the end of the connection between requests. Time that the application takes does not count.
    A timer is made only where there is nothing to read at once.
    """

    __slots__ = (
        "_awaited",
        "_keepalive",
        "_patience",
        "_request",
        "_until",
        "caller",
        "idle_since",
        "network",
        "socket",
    )

    def __init__(self, socket: Any, address: str, keepalive: float) -> None:
        self.socket = socket
        self.network = network_of(address)
        # Whom the request at hand counts for, where proxies vouch for that.
        self.caller = ""
        # Since when no request is under way; 0 while one is.
        self.idle_since = monotonic()
        self._keepalive = keepalive
        self._awaited = _Awaited.REQUEST
        self._until = self.idle_since + HEAD_TIMEOUT
        self._patience = 0.0
        self._request: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.socket, name)

    def recv(self, size: int) -> bytes:
        began = monotonic()
        awaited = self._awaited
        patience = self._patience if awaited is _Awaited.BODY else self._until - began
        if patience <= 0:
            return self._give_up()
        self.socket.settimeout(patience)
        try:
            data: bytes = self.socket.recv(size)
        except TimeoutError:
            return self._give_up()
        if awaited is _Awaited.BODY:
            patience += len(data) / BODY_RATE - (monotonic() - began)
            self._patience = min(BODY_PATIENCE, patience)
        elif awaited is _Awaited.REQUEST and data:
            self._awaited, self.idle_since = _Awaited.HEAD, 0.0
            self._until = monotonic() + HEAD_TIMEOUT
        return data

    def sendall(self, data: bytes) -> None:
        """Send `data`. Raises BrokenPipeError where the client does not take it."""
        rest = memoryview(data)
        self.socket.settimeout(STALL_TIMEOUT)
        try:
            while rest:
                rest = rest[self.socket.send(rest) :]
        except TimeoutError as error:
            raise _stalled() from error

    def sendfile(self, file: BinaryIO, offset: int = 0, count: int | None = None) -> int:
        """Send a file; as `sendall`."""
        self.socket.settimeout(STALL_TIMEOUT)
        try:
            return int(self.socket.sendfile(file, offset, count))
        except TimeoutError as error:
            raise _stalled() from error

    def begin(self, request: Any) -> None:
        """Note that the application answers `request` now, and may read its body."""
        self._request, self._awaited, self._patience = request, _Awaited.BODY, BODY_PATIENCE
        # A request may have arrived together with the one before it.
        self.idle_since = 0.0

    def end(self) -> None:
        """Note that the request is answered, and what is left of its body has to come."""
        self._request, self._awaited = None, _Awaited.REST
        self._until = monotonic() + REST_TIMEOUT

    def rest(self, *, begun: bool) -> None:
        """Note that the next request may take its time to come, unless it has `begun` to."""
        if self._awaited is not _Awaited.REST:
            return
        now = monotonic()
        if begun:
            self._awaited, self._until = _Awaited.HEAD, now + HEAD_TIMEOUT
        else:
            self._awaited, self._until = _Awaited.REQUEST, now + self._keepalive
            self.idle_since = now

    def stop_reading(self) -> None:
        """Have gunicorn close the connection, but for a request that has arrived already."""
        with suppress(OSError):
            # gevent's own shutdown would have gunicorn log an error for each reader it wakes.
            self.socket._sock.shutdown(SHUT_RD)

    def _give_up(self) -> bytes:
        awaited, self._awaited, self._until = self._awaited, _Awaited.NOTHING, 0.0
        if awaited is _Awaited.BODY:
            self._request.must_close = True
        if awaited in (_Awaited.HEAD, _Awaited.BODY):
            raise RequestTimeout
        # Nobody waits for an answer.
        return b""


class Connections:
    """The connections of this process, at most `per_address` for each address.

    Behind `trusted_proxies` all connections come from a proxy, so that the requests under way
    are counted, by the address that the proxies vouch for.
    """

    def __init__(self, per_address: int, trusted_proxies: int) -> None:
        self.trusted_proxies = trusted_proxies
        self._per_address = per_address
        self._clients: dict[str, set[Client]] = {}
        self._requests: Counter[str] = Counter()
        # Addresses that are known in the log as having too many.
        self._refused: set[str] = set()

    def admit(self, client: Client) -> bool:
        """Count a connection; False, and not counted, where its address has too many.

        The one of these that has been idle for longest makes room for it.
        """
        clients = self._clients.setdefault(client.network, set())
        counts = bool(client.network) and not self.trusted_proxies
        if counts and len(clients) >= self._per_address:
            idle = min(
                (each for each in clients if each.idle_since),
                key=lambda each: each.idle_since,
                default=None,
            )
            if idle is None:
                self._note_refusal(client.network)
                return False
            clients.remove(idle)
            idle.stop_reading()
        clients.add(client)
        return True

    def release(self, client: Client) -> None:
        """Take back what `admit` did."""
        clients = self._clients.get(client.network)
        if clients is not None:
            clients.discard(client)
            if not clients:
                del self._clients[client.network]
                self._refused.discard(client.network)

    def begin(self, client: Client, headers: Iterable[tuple[str, str]]) -> bool:
        """Count a request that proxies pass on; False, and not counted, where there are too many.

        `end` takes that back.
        """
        caller = network_of(self._vouched_for(headers)) or client.network
        if self._requests[caller] >= self._per_address:
            self._note_refusal(caller)
            return False
        self._requests[caller] += 1
        client.caller = caller
        return True

    def end(self, client: Client) -> None:
        caller, client.caller = client.caller, ""
        if caller:
            self._requests[caller] -= 1
            if not self._requests[caller]:
                del self._requests[caller]
                self._refused.discard(caller)

    def stop_idle(self) -> None:
        """Have the connections closed that no request is under way on."""
        for clients in list(self._clients.values()):
            for client in clients:
                if client.idle_since:
                    client.stop_reading()

    def _vouched_for(self, headers: Iterable[tuple[str, str]]) -> str:
        """Return the address that the outermost trusted proxy has seen, as ProxyFix finds it."""
        values = ",".join(value for name, value in headers if name == "X-FORWARDED-FOR")
        addresses = [part.strip() for part in values.split(",") if part.strip()]
        if len(addresses) < self.trusted_proxies:
            return ""
        return addresses[-self.trusted_proxies]

    def _note_refusal(self, network: str) -> None:
        if network not in self._refused:
            self._refused.add(network)
            log.warning("%s has too many connections, and more are refused", network)


def _stalled() -> OSError:
    log.info("a response is cut off, the client does not read it")
    return BrokenPipeError(errno.EPIPE, "the client does not read")
