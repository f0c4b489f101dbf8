"""Which sockets have lately come into a room or left it, for as long as Redis may not know."""

from __future__ import annotations

import time
from collections import OrderedDict

from bson import ObjectId

# How many sockets are remembered at most; of more, the oldest are forgotten.
MOST = 10_000


class RecentMoves:
    """Remembers each socket's last move for `lifetime` seconds."""

    def __init__(self, lifetime: float) -> None:
        self._lifetime = lifetime
        # Whether it joined, and when, the oldest first.
        self._moves: OrderedDict[tuple[ObjectId, str], tuple[bool, float]] = OrderedDict()

    def put(self, interview_id: ObjectId, socket_id: str, *, joined: bool) -> None:
        """Note that a socket has joined the room, or left it."""
        now = time.monotonic()
        key = interview_id, socket_id
        self._moves.pop(key, None)
        self._moves[key] = joined, now
        while len(self._moves) > MOST or next(iter(self._moves.values()))[1] < now - self._lifetime:
            self._moves.popitem(last=False)

    def get(self, interview_id: ObjectId, socket_id: str) -> bool | None:
        """Tell whether a socket has joined or left last; None where it has not moved lately."""
        move = self._moves.get((interview_id, socket_id))
        if move is None or move[1] < time.monotonic() - self._lifetime:
            return None
        return move[0]
