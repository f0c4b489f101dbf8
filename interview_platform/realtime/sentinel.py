"""Closes sockets whose session or token has ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from threading import Thread
from typing import Any

from bson import ObjectId

from ..auth.service import AuthService
from ..core.clock import utcnow
from .connections import Connection, Connections

log = logging.getLogger(__name__)

INTERVAL = 2.0


class Sentinel:
    """Hears of ended sessions at once, and asks the store every `INTERVAL` seconds beside.

    Asking is what makes it sure: announcements pass through Redis, which may be away.
    """

    def __init__(
        self,
        connections: Connections,
        auth: AuthService,
        disconnect: Callable[[Connection], None],
    ) -> None:
        self._connections = connections
        self._auth = auth
        self._disconnect = disconnect
        self._started = False

    def start(self) -> None:
        """Begin to watch, if that is not so yet; called when a first socket connects."""
        if not self._started:
            self._started = True
            Thread(target=self._watch, name="session-sentinel", daemon=True).start()

    def on_sessions_ended(self, data: dict[str, Any]) -> None:
        """Close the sockets of the session, or of the user, that an announcement names."""
        if "session" in data:
            self._close(self._connections.of_session(ObjectId(data["session"])))
        else:
            self._close_dead(self._connections.of_user(ObjectId(data["user"])))

    def _watch(self) -> None:
        while True:
            time.sleep(INTERVAL)
            try:
                self._close_dead(self._connections)
            except Exception:
                log.exception("could not check the sockets' sessions")

    def _close_dead(self, connections: Iterable[Connection]) -> None:
        now = utcnow()
        watched = list(connections)
        if not watched:
            return
        live = self._auth.live_sessions({each.actor.session_id for each in watched})
        self._close(
            each for each in watched if each.actor.session_id not in live or each.expires_at <= now
        )

    def _close(self, connections: Iterable[Connection]) -> None:
        for connection in list(connections):
            self._disconnect(connection)
