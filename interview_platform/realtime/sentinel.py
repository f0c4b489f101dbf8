"""Closes sockets whose session has ended, and keeps rooms to those who may be there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread

from pymongo.errors import PyMongoError

from ..auth.service import AuthService
from ..core.mongo import describe
from .connections import Connection, Connections
from .moderation import Moderation

log = logging.getLogger(__name__)

INTERVAL = 2.0


class Sentinel:
    """Looks every `INTERVAL` seconds, and at once when told to.

    The store is asked which sessions live and who may be in which room. Asking is what makes
    it sure: announcements pass through Redis, which may be away.
    """

    def __init__(
        self,
        connections: Connections,
        auth: AuthService,
        moderation: Moderation,
        disconnect: Callable[[Connection], None],
    ) -> None:
        self._connections = connections
        self._auth = auth
        self._moderation = moderation
        self._disconnect = disconnect
        self._told = Event()
        self._started = False
        self._away = False

    def start(self) -> None:
        """Begin to watch, if that is not so yet; called when a first socket connects."""
        if not self._started:
            self._started = True
            Thread(target=self._run, name="sentinel", daemon=True).start()

    def look(self) -> None:
        """Have the store asked at once; never waits."""
        self._told.set()

    def on_sessions_ended(self, ended: dict[str, str]) -> None:
        """Look at once if an announcement names somebody who is connected here; never waits."""
        named = ended.values()
        for connection in self._connections:
            actor = connection.actor
            if str(actor.session_id) in named or str(actor.user_id) in named:
                self.look()
                return

    def _run(self) -> None:
        while True:
            self._told.wait(INTERVAL)
            self._told.clear()
            if not self._connections:
                continue
            try:
                self._close_ended()
                self._moderation.review()
            except PyMongoError as error:
                self._lost(error)
            except Exception:
                log.exception("could not check sessions and rooms")
            else:
                self._found()

    def _close_ended(self) -> None:
        watched = [(each, each.actor.session_id) for each in self._connections]
        live = self._auth.live_sessions({session_id for _, session_id in watched})
        for connection, session_id in watched:
            # One that renewed its token meanwhile may live by another session.
            if session_id not in live and connection.actor.session_id == session_id:
                self._disconnect(connection)

    def _lost(self, error: PyMongoError) -> None:
        if not self._away:
            self._away = True
            log.warning("sessions and rooms cannot be checked: %s", describe(error))

    def _found(self) -> None:
        if self._away:
            self._away = False
            log.info("sessions and rooms are checked again")
