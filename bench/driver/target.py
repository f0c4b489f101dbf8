"""The service under load, as the driver sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..processes import cpu_time


@dataclass(frozen=True)
class Target:
    """`keeps` says that it acknowledges events once they are stored, and speaks Yjs."""

    host: str
    port: int
    pids: tuple[int, ...]
    keeps: bool

    @classmethod
    def of(cls, told: dict[str, Any]) -> Target:
        return cls(told["host"], told["port"], tuple(told["pids"]), told["keeps"])

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    @property
    def host_header(self) -> bytes:
        return f"{self.host}:{self.port}".encode()

    def cpu(self) -> float:
        """Return the seconds of CPU that its processes have taken so far."""
        return sum(map(cpu_time, self.pids))
