"""A mail provider that takes its time, and remembers who knocked when."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from contextlib import closing, suppress
from typing import Self

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Provider:
    """Answers each request with 202 after `delay` seconds, any number side by side."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.arrivals: list[float] = []
        """When each request had come in, in seconds since the epoch."""

    @property
    def settings(self) -> dict[str, str]:
        """The settings that have a service send its mail here."""
        return {
            "SENDGRID_BASE_URL": f"http://127.0.0.1:{self._port}",
            "SENDGRID_API_KEY": "SG.measured",
            "EMAIL_FROM": "interviews@example.com",
        }

    def __enter__(self) -> Self:
        self._thread.start()
        serving = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(serving, self._loop).result()
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended = (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError)
        with closing(writer), suppress(*ended):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                await reader.readexactly(int(length[1]) if length else 0)
                self.arrivals.append(time.time())
                await asyncio.sleep(self._delay)
                writer.write(
                    b"HTTP/1.1 202 Accepted\r\nX-Message-Id: 1\r\nContent-Length: 0\r\n\r\n"
                )
                await writer.drain()
