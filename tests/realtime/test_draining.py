"""SIGTERM under load: everyone is told, what is under way ends, and nothing new begins."""

from __future__ import annotations

import signal
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import requests
import socketio
from websocket import WebSocket, WebSocketException

from tests.realtime.bare_server import Live, read_to_the_end, serve, wait_until


def test_sigterm_drains_under_load(tmp_path: Path) -> None:
    with serve(tmp_path) as live:
        told: list[str] = []
        clients = [listening(live, told) for _ in range(4)]
        floods = [live.joined() for _ in range(8)]
        ends: list[tuple[list[bytes], int]] = []
        slow: list[requests.Response] = []
        idle = requests.Session()
        idle.get(f"{live.url}/state", timeout=5)
        threads = [
            *(threading.Thread(target=flood, args=[connection]) for connection in floods),
            *(threading.Thread(target=note_end, args=[connection, ends]) for connection in floods),
            threading.Thread(
                target=lambda: slow.append(requests.get(f"{live.url}/slow", timeout=15))
            ),
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.5)  # the load is on, and the slow request under way

        live.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses_connections(live), 2.5)
        assert live.process.poll() is None
        assert not slow
        assert live.process.wait(timeout=9) == 0

        for thread in threads:
            thread.join(timeout=5)
        assert slow[0].json() == {"done": True}
        assert [code for _, code in ends] == [1000] * len(floods)
        assert all(b'42/bare,["draining"]' in messages for messages, _ in ends)
        assert sorted(told) == ["draining"] * 4 + ["server disconnect"] * 4
        assert live.process.stdout is not None
        assert live.process.stdout.read() == f"{len(floods) + len(clients)} said goodbye\n"
        idle.close()
        for connection in floods:
            connection.shutdown()


def test_an_idle_connection_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with serve(tmp_path) as live, requests.Session() as idle:
        idle.get(f"{live.url}/state", timeout=5)
        live.process.send_signal(signal.SIGTERM)
        assert live.process.wait(timeout=5) == 0


def listening(live: Live, told: list[str]) -> socketio.Client:
    client = socketio.Client(reconnection=False)
    client.on("draining", lambda: told.append("draining"), namespace="/bare")
    client.on("disconnect", told.append, namespace="/bare")
    client.connect(live.url, namespaces=["/bare"])
    return client


def flood(connection: WebSocket) -> None:
    with suppress(OSError, WebSocketException):
        while True:
            connection.send(f'42/bare,1["echo","{"x" * 1000}"]')


def note_end(connection: WebSocket, ends: list[tuple[list[bytes], int]]) -> None:
    ends.append(read_to_the_end(connection))


def refuses_connections(live: Live) -> bool:
    try:
        socket.create_connection(("127.0.0.1", live.port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False
