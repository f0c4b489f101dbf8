"""A live server process with nothing on it but the transport, and clients of it."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import socketio
from websocket import ABNF, WebSocket, create_connection

ROOT = Path(__file__).parents[2]
GUNICORN = ("-m", "gunicorn", "-c", f"{ROOT}/gunicorn.conf.py", "tests.realtime.bare_app:app")
PYWSGI = ("-m", "tests.realtime.bare_app")


@dataclass
class Live:
    """A server process that runs."""

    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def state(self) -> dict[str, Any]:
        """Return what the process says of itself: pid, greenlets, sockets, calls of handlers."""
        answer: dict[str, Any] = requests.get(f"{self.url}/state", timeout=5).json()
        return answer

    def answers(self) -> bool:
        with suppress(requests.ConnectionError):
            return bool(self.state())
        return False

    @contextmanager
    def client(self, *transports: str) -> Iterator[socketio.Client]:
        """Connect Socket.IO's own client: by long polling and then WebSocket, unless told."""
        with requests.Session() as session:
            client = socketio.Client(reconnection=False, http_session=session)
            client.connect(self.url, namespaces=["/bare"], transports=transports or None)
            connection = client.eio.ws
            try:
                yield client
            finally:
                client.disconnect()
                connection.shutdown()  # which it leaves out where the server closes first

    def websocket(self, **options: Any) -> WebSocket:
        """Open a WebSocket that has said nothing yet, with the server's greeting read."""
        address = f"ws://127.0.0.1:{self.port}/socket.io/?EIO=4&transport=websocket"
        connection = create_connection(address, timeout=10, **options)
        assert text(connection).startswith("0{")
        return connection

    def joined(self) -> WebSocket:
        """Open a WebSocket and connect it to the namespace."""
        connection = self.websocket()
        connection.send("40/bare,")
        assert text(connection).startswith("40/bare,")
        return connection


@contextmanager
def serve(directory: Path, command: tuple[str, ...] = GUNICORN, **settings: str) -> Iterator[Live]:
    """Run a server in `directory` until the end of the block, whatever state it is in then."""
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PORT": str(port), **settings},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        live = Live(process, port)
        try:
            wait_until(live.answers, 30)
            yield live
        finally:
            process.terminate()
            process.wait(timeout=15)


@contextmanager
def hanging_up(connection: WebSocket) -> Iterator[WebSocket]:
    """Close the socket at the end, whatever was said on it."""
    try:
        yield connection
    finally:
        connection.shutdown()  # type: ignore[no-untyped-call]


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def text(connection: WebSocket) -> str:
    """Return the next message, which is text."""
    message = connection.recv()
    assert isinstance(message, str)
    return message


def frame(data: bytes, opcode: int = ABNF.OPCODE_TEXT, *, fin: int = 1, rsv1: int = 0) -> bytes:
    encoded: bytes = ABNF(fin, rsv1, 0, 0, opcode, 1, data).format()
    return encoded


def send_raw(connection: WebSocket, data: bytes) -> None:
    assert connection.sock is not None
    connection.sock.sendall(data)


def reset(connection: WebSocket) -> None:
    """End the connection as a machine that vanished would, without a word."""
    assert connection.sock is not None
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.sock.close()


def read_to_the_end(connection: WebSocket) -> tuple[list[bytes], int]:
    """Return the messages that still come, and the code that the connection closes with."""
    messages: list[bytes] = []
    while True:
        opcode, data = connection.recv_data(control_frame=True)
        if opcode == ABNF.OPCODE_CLOSE:
            return messages, int(struct.unpack("!H", data[:2])[0])
        messages.append(data)


def echoes(connection: WebSocket, value: str) -> bool:
    """Tell whether the connection still serves, and nothing stands before the answer."""
    connection.send(f'42/bare,7["echo","{value}"]')
    return text(connection) == f'43/bare,7[{{"ok":true,"value":"{value}"}}]'
