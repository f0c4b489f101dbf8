"""Sockets that keep to no protocol but what a test has them say, and what they cost a process."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests
from websocket import ABNF, WebSocket, WebSocketException, create_connection

from tests.live import DEADLINE, NAMESPACE, WebProcess

SMALL_BUFFER = (socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)


class RawSocket:
    """A WebSocket on Socket.IO's path, which reads only when asked to.

    With the `sid` of a session that polls, it is the beginning of that one's upgrade.
    """

    def __init__(
        self, web: WebProcess, token: str | None = None, sid: str | None = None, **options: Any
    ) -> None:
        address = f"ws://127.0.0.1:{web.port}/socket.io/?EIO=4&transport=websocket"
        if sid is not None:
            address += f"&sid={sid}"
        self.websocket: WebSocket = create_connection(address, timeout=DEADLINE, **options)
        if sid is None:
            assert self.read().startswith("0{")
        if token is not None:
            self.say(f"40{NAMESPACE},{json.dumps({'token': token})}")
            assert self.read().startswith(f"40{NAMESPACE},"), "it was not let in"

    def say(self, text: str) -> None:
        self.websocket.send(text)

    def emit(self, event: str, payload: Any, number: int | None = None) -> None:
        """Send an event, to be acknowledged under `number` if there is one."""
        self.say(packet(event, payload, number))

    def call(self, event: str, payload: Any) -> dict[str, Any]:
        """Send an event and return its acknowledgement, passing over what comes before it."""
        self.emit(event, payload, 0)
        while not (answer := self.read()).startswith(f"43{NAMESPACE},0["):
            pass
        acknowledged: dict[str, Any] = json.loads(answer[len(f"43{NAMESPACE},0") :])[0]
        return acknowledged

    def flood(self, data: bytes) -> bool:
        """Send bytes as they are; False where the service has closed the connection."""
        assert self.websocket.sock is not None
        try:
            self.websocket.sock.sendall(data)
        except OSError:
            return False
        return True

    def read(self) -> str:
        """Return the next text, answering what asks for a sign of life."""
        while True:
            message = self.websocket.recv()
            if message == "2":
                self.say("3")
            elif isinstance(message, str):
                return message

    def read_all(self) -> list[str]:
        """Return what still comes until the service closes the connection."""
        texts = []
        with suppress(WebSocketException, OSError):
            while text := self.read():
                texts.append(text)
        return texts

    @property
    def closed(self) -> bool:
        """Whether the service has closed the connection; what came before that is lost."""
        assert self.websocket.sock is not None
        self.websocket.sock.settimeout(0.01)
        try:
            return not self.websocket.sock.recv(65536)
        except TimeoutError:
            return False
        except OSError:
            return True
        finally:
            self.websocket.sock.settimeout(DEADLINE)

    def reset(self) -> None:
        """End the connection without a word."""
        connection = self.websocket.sock
        assert connection is not None
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # Wakes a thread that sends; closing alone does not.
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()


@contextmanager
def raw(web: WebProcess, token: str | None = None, **options: Any) -> Iterator[RawSocket]:
    """Have a raw socket for as long as the block takes."""
    connection = RawSocket(web, token, **options)
    try:
        yield connection
    finally:
        connection.reset()


def packet(event: str, payload: Any, number: int | None = None) -> str:
    """Return an event as Socket.IO writes it."""
    head = "" if number is None else str(number)
    return f"42{NAMESPACE},{head}{json.dumps([event, payload])}"


def frame(data: str | bytes, opcode: int = ABNF.OPCODE_TEXT, *, deflated: int = 0) -> bytes:
    """Return a WebSocket frame as a client writes it; `deflated` sets the bit that says so."""
    content = data.encode() if isinstance(data, str) else data
    encoded: bytes = ABNF(1, deflated, 0, 0, opcode, 1, content).format()
    return encoded


def worker_of(web: WebProcess) -> Path:
    """Return the directory, under /proc, of the process that serves `web`."""
    pid = web.process.pid
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return Path(f"/proc/{child}")


def peak_memory(process: Path, *, anew: bool = False) -> int:
    """Return the most bytes that the process has held, or holds now if the count is to begin."""
    if anew:
        (process / "clear_refs").write_text("5")
    lines = (process / "status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024


def polling_session(url: str) -> str:
    """Begin a session by long polling at a service; returns where it is continued."""
    polling = f"{url}/socket.io/?EIO=4&transport=polling"
    greeting = json.loads(requests.get(polling, timeout=5).text[1:])
    return f"{polling}&sid={greeting['sid']}"
