"""A network between the service and its store that loses answers."""

from __future__ import annotations

from threading import Lock

from interview_platform.core import mongo
from interview_platform.core.mongo import Store
from tests.realtime.mongo_network import MongoNetwork


class CuttingProxy(MongoNetwork):
    """Keeps the store's answers back on demand."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self._lock = Lock()
        self._command = ""
        self._to_lose = 0
        self.lost = 0

    def connect(self, database: str) -> Store:
        """Return the database as it is seen through this network."""
        return mongo.connect(self.uri, database)

    def lose_answers(self, *, to: str, count: int) -> None:
        """Have the next `count` commands named `to` carried out, but cut off their answers."""
        with self._lock:
            self._command, self._to_lose = to, count

    def passes(self, command: str, request: bytes) -> bool:
        with self._lock:
            if not self._to_lose or command != self._command:
                return True
            self._to_lose -= 1
            self.lost += 1
        return False
