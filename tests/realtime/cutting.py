"""A network between the service and its store that loses answers."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Lock

from pymongo.uri_parser import parse_uri

from interview_platform.core import mongo
from interview_platform.core.mongo import Store
from tests.realtime.network import Network


class CuttingProxy(Network):
    """Passes messages on to the store at `uri`, and on demand keeps its answers back."""

    def __init__(self, uri: str) -> None:
        super().__init__()
        self._store: tuple[str, int] = parse_uri(uri)["nodelist"][0]
        self._lock = Lock()
        self._command = b""
        self._to_lose = 0
        self.lost = 0

    def connect(self, database: str) -> Store:
        """Return the database as it is seen through this network."""
        return mongo.connect(
            f"mongodb://127.0.0.1:{self.port}/?directConnection=true&serverMonitoringMode=poll",
            database,
        )

    def lose_answers(self, *, to: str, count: int) -> None:
        """Have the next `count` commands named `to` carried out, but cut off their answers."""
        with self._lock:
            self._command, self._to_lose = to.encode(), count

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._store) as store, suppress(OSError, EOFError):
            while True:
                request = _message(client)
                store.sendall(request)
                answer = _message(store)
                if self._loses(request):
                    return
                client.sendall(answer)

    def _loses(self, request: bytes) -> bool:
        # A command's name is the first key of its body, which follows head, flags and type.
        name = request[26:].split(b"\0", 1)[0]
        with self._lock:
            if not self._to_lose or name != self._command:
                return False
            self._to_lose -= 1
            self.lost += 1
        return True


def _message(connection: socket.socket) -> bytes:
    """Read one message of MongoDB's protocol, which begins with its length."""
    head = _read(connection, 4)
    return head + _read(connection, int.from_bytes(head, "little") - 4)


def _read(connection: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)
