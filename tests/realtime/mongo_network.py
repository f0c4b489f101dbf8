"""A network between the service and its store, that tests can watch or disturb."""

from __future__ import annotations

import socket
from contextlib import suppress

from pymongo.uri_parser import parse_uri

from tests.realtime.network import Network


class MongoNetwork(Network):
    """Passes messages on to the store at `uri`, and its answers back."""

    def __init__(self, uri: str) -> None:
        super().__init__()
        self._store: tuple[str, int] = parse_uri(uri)["nodelist"][0]

    @property
    def uri(self) -> str:
        """Where the store is found through this network."""
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true&serverMonitoringMode=poll"

    def passes(self, command: str, request: bytes) -> bool:
        """Tell whether the answer to a request, which the store has carried out, is passed on.

        Where it is not, the connection is cut.
        """
        return True

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._store) as store, suppress(OSError, EOFError):
            while True:
                request = _message(client)
                store.sendall(request)
                answer = _message(store)
                # A command's name is the first key of its body, which follows head, flags and type.
                if not self.passes(request[26:].split(b"\0", 1)[0].decode(), request):
                    return
                client.sendall(answer)


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
