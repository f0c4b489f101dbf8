"""A TCP connection: written to and read from without waiting, or waited for while it is set up."""

from __future__ import annotations

import select
import socket
from collections import deque
from collections.abc import Callable

from .loop import Loop

PATIENCE = 60.0
"""Seconds that a server may take to answer while connections are set up."""


class Closed(Exception):
    """The server has closed the connection."""


class Stream:
    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unsent: deque[bytes] = deque()
        self._loop: Loop | None = None
        self.received = 0

    def run_in(self, loop: Loop, read: Callable[[bytes], None]) -> None:
        """Never wait again: have `read(data)` called by `loop` with what arrives."""
        self._loop = loop
        self._socket.setblocking(False)

        def ready(events: int) -> None:
            if events & select.EPOLLOUT:
                self._flush()
            if events & ~select.EPOLLOUT:
                read(self.receive())

        loop.watch(self._socket.fileno(), ready)

    def receive(self) -> bytes:
        """Return what has arrived. Raises `Closed`."""
        data = self._socket.recv(256 * 1024)
        if not data:
            raise Closed
        self.received += len(data)
        return data

    def send(self, data: bytes) -> None:
        if self._loop is None:
            self._socket.sendall(data)
        elif self._unsent:
            self._unsent.append(data)
        else:
            rest = data[self._offer(data) :]
            if rest:
                self._unsent.append(rest)
                self._loop.want_to_write(self._socket.fileno(), True)

    def close(self) -> None:
        if self._loop:
            self._loop.forget(self._socket.fileno())
        self._socket.close()

    def _offer(self, data: bytes) -> int:
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0

    def _flush(self) -> None:
        while self._unsent:
            data = self._unsent[0]
            sent = self._offer(data)
            if sent < len(data):
                self._unsent[0] = data[sent:]
                return
            self._unsent.popleft()
        if self._loop:
            self._loop.want_to_write(self._socket.fileno(), False)
