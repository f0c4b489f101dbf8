"""A network between the service and a store, that tests can disturb."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from contextlib import suppress
from threading import Thread
from typing import Self


class Network(ABC):
    """Takes connections for the time of a `with`, each on a thread of its own."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @abstractmethod
    def _serve(self, client: socket.socket) -> None:
        """Carry what one client and the store say to each other."""

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                Thread(target=self._serve, args=(client,), daemon=True).start()
