"""A network between the service and Redis that holds answers back."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Event, Thread
from urllib.parse import urlsplit

from tests.realtime.network import Network


class HoldingProxy(Network):
    """Passes bytes on to the Redis at `url`, and holds the answers back to those who publish
    in a `room` that is held."""

    def __init__(self, url: str) -> None:
        super().__init__()
        parts = urlsplit(url)
        self._redis = parts.hostname, parts.port
        self._path = parts.path
        self._room = b""
        self.holds = Event()
        self._released = Event()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}{self._path}"

    def hold(self, room: str) -> None:
        self._room = f":{room}\r\n".encode()

    def release(self) -> None:
        self._released.set()

    def __exit__(self, *_: object) -> None:
        self.release()
        super().__exit__()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._redis) as redis:
            held = Event()
            Thread(target=self._ask, args=(client, redis, held), daemon=True).start()
            self._answer(client, redis, held)

    def _ask(self, client: socket.socket, redis: socket.socket, held: Event) -> None:
        with suppress(OSError):
            while asked := client.recv(65536):
                if self._room and b"PUBLISH" in asked and self._room in asked:
                    held.set()
                redis.sendall(asked)
            redis.shutdown(socket.SHUT_RDWR)

    def _answer(self, client: socket.socket, redis: socket.socket, held: Event) -> None:
        with suppress(OSError):
            while answer := redis.recv(65536):
                if held.is_set():
                    self.holds.set()
                    self._released.wait()
                client.sendall(answer)
