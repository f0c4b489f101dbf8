"""Networks between the service and its stores or clients, that tests can disturb."""

from __future__ import annotations

import socket
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from queue import SimpleQueue
from random import Random
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
        """Carry what one client and the other end say to each other."""

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                Thread(target=self._serve, args=(client,), daemon=True).start()


class SlowNetwork(Network):
    """Carries everything to `port` and back, up to so many seconds later, in order."""

    def __init__(self, port: int, latency: float) -> None:
        super().__init__()
        self._far = port
        self._latency = latency
        self._random = Random(port)

    def _serve(self, client: socket.socket) -> None:
        threads: list[Thread] = []
        with client, socket.create_connection(("127.0.0.1", self._far)) as server:
            for source, target in ((client, server), (server, client)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                on_its_way: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
                threads.append(Thread(target=self._read, args=(source, on_its_way), daemon=True))
                threads.append(Thread(target=self._write, args=(target, on_its_way), daemon=True))
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    def _read(self, source: socket.socket, on_its_way: SimpleQueue[tuple[float, bytes]]) -> None:
        data = b" "
        while data:
            try:
                data = source.recv(65_536)
            except OSError:
                data = b""
            on_its_way.put((time.monotonic() + self._random.uniform(0, self._latency), data))

    def _write(self, target: socket.socket, on_its_way: SimpleQueue[tuple[float, bytes]]) -> None:
        with suppress(OSError):
            while True:
                due, data = on_its_way.get()
                time.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    target.shutdown(socket.SHUT_WR)
                    return
                target.sendall(data)
