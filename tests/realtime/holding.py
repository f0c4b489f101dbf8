"""A network between the service and Redis that holds answers back."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Event, Thread
from typing import Self
from urllib.parse import urlsplit


class HoldingProxy:
    """Passes bytes on to the Redis at `url`, and holds the answers back to those who publish
    in a `room` that is held."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._redis = parts.hostname, parts.port
        self._path = parts.path
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._room = b""
        self.holds = Event()
        self._released = Event()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}{self._path}"

    def hold(self, room: str) -> None:
        self._room = f":{room}\r\n".encode()

    def release(self) -> None:
        self._released.set()

    def __enter__(self) -> Self:
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                redis = socket.create_connection(self._redis)
                held = Event()
                Thread(target=self._ask, args=(client, redis, held), daemon=True).start()
                Thread(target=self._answer, args=(client, redis, held), daemon=True).start()

    def _ask(self, client: socket.socket, redis: socket.socket, held: Event) -> None:
        with suppress(OSError):
            while asked := client.recv(65536):
                if self._room and b"PUBLISH" in asked and self._room in asked:
                    held.set()
                redis.sendall(asked)
            redis.shutdown(socket.SHUT_RDWR)

    def _answer(self, client: socket.socket, redis: socket.socket, held: Event) -> None:
        with client, redis, suppress(OSError):
            while answer := redis.recv(65536):
                if held.is_set():
                    self.holds.set()
                    self._released.wait()
                client.sendall(answer)
