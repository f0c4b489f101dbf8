"""Closes sockets whose session or token has ended."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread

from ..auth.service import AuthService
from ..core.clock import utcnow
from .connections import Connection, Connections

log = logging.getLogger(__name__)

INTERVAL = 2.0


class Sentinel:
    """Asks the store every `INTERVAL` seconds which sessions live, and at once when told to.

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
        self._told = Event()
        self._started = False

    def start(self) -> None:
        """Begin to watch, if that is not so yet; called when a first socket connects."""
        if not self._started:
            self._started = True
            Thread(target=self._watch, name="session-sentinel", daemon=True).start()

    def on_sessions_ended(self, ended: dict[str, str]) -> None:
        """Look at once if an announcement names somebody who is connected here; never waits."""
        named = ended.values()
        for connection in self._connections:
            actor = connection.actor
            if str(actor.session_id) in named or str(actor.user_id) in named:
                self._told.set()
                return

    def _watch(self) -> None:
        while True:
            self._told.wait(INTERVAL)
            self._told.clear()
            try:
                self._close_ended()
            except Exception:
                log.exception("could not check the sockets' sessions")

    def _close_ended(self) -> None:
        watched = list(self._connections)
        if not watched:
            return
        live = self._auth.live_sessions({each.actor.session_id for each in watched})
        now = utcnow()
        for connection in watched:
            if connection.actor.session_id not in live or connection.expires_at <= now:
                self._disconnect(connection)
