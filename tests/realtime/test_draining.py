"""SIGTERM under load: everyone is told, what is under way ends, and nothing new begins."""

from __future__ import annotations

import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import requests

from tests.realtime.bare_server import Live, hanging_up, read_to_the_end, serve, text, wait_until


def test_sigterm_drains_under_load(tmp_path: Path) -> None:
    told: list[str] = []
    with serve(tmp_path) as live, ThreadPoolExecutor(9) as pool, ExitStack() as clients:
        for _ in range(4):
            client = clients.enter_context(live.client())
            client.on("draining", lambda: told.append("draining"), namespace="/bare")
            client.on("disconnect", told.append, namespace="/bare")
        slow = pool.submit(requests.get, f"{live.url}/slow", timeout=15)
        chats = [pool.submit(chat_to_the_end, live) for _ in range(8)]
        time.sleep(0.5)  # the load is on, and the slow request under way

        live.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses_connections(live), 2.5)
        assert live.process.poll() is None
        assert not slow.done()
        assert live.process.wait(timeout=9) == 0

        assert slow.result().json() == {"done": True}
        assert [chat.result() for chat in chats] == [1000] * 8
        assert sorted(told) == ["draining"] * 4 + ["server disconnect"] * 4
        assert live.process.stdout is not None
        assert live.process.stdout.read() == "12 said goodbye\n"


def test_an_idle_connection_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with serve(tmp_path) as live, requests.Session() as idle:
        idle.get(f"{live.url}/state", timeout=5)
        live.process.send_signal(signal.SIGTERM)
        assert live.process.wait(timeout=5) == 0


def test_the_process_ends_after_its_last_callback(tmp_path: Path) -> None:
    with serve(tmp_path, DRAIN_SECONDS="3") as live:
        live.process.send_signal(signal.SIGTERM)
        assert live.process.wait(timeout=9) == 0
        assert live.process.stdout is not None
        assert live.process.stdout.read() == "0 said goodbye\n"


def test_clients_that_come_back_at_once_are_sent_elsewhere(tmp_path: Path) -> None:
    with serve(tmp_path) as live:
        with hanging_up(live.joined()) as connection:
            live.process.send_signal(signal.SIGTERM)
            assert read_to_the_end(connection) == ([b'42/bare,["draining"]', b"1"], 1000)
        answer = requests.get(f"{live.url}/socket.io/?EIO=4&transport=polling", timeout=5)
        assert answer.status_code == 503


def chat_to_the_end(live: Live) -> int:
    """Keep ten events under way until the drain is announced; return the close code."""
    event = f'42/bare,1["echo","{"x" * 1000}"]'
    with hanging_up(live.joined()) as connection:
        for _ in range(10):
            connection.send(event)
        while text(connection) != '42/bare,["draining"]':
            connection.send(event)
        return read_to_the_end(connection)[1]


def refuses_connections(live: Live) -> bool:
    try:
        socket.create_connection(("127.0.0.1", live.port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False
