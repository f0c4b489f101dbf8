"""Access tokens of open sockets: replaced by newer ones, or closed at their ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from typing import Annotated

from msgspec import Meta, Struct

from ..auth.guard import Authenticator
from ..core.clock import milliseconds, utcnow
from ..core.errors import Unauthorized
from ..core.mongo import soon
from .connections import Connection, Connections
from .handlers import Answer, Handler, Handlers
from .rooms import Rooms

log = logging.getLogger(__name__)

MAX_TOKEN = 4096

# Seconds between two looks at the clock.
INTERVAL = 2.0

# How long before its token's end a socket is warned; at most half of a token's life.
WARNING = timedelta(seconds=60)


class Renew(Struct, forbid_unknown_fields=True):
    token: Annotated[str, Meta(min_length=1, max_length=MAX_TOKEN)]


class Renewal:
    """Warns each socket some time before its token ends, and closes it once that has ended.

    The store is not asked, since it may be away. `close` ends the connection in a way that
    clients come back from by themselves, with the token that they have by then. Tokens are
    issued for `token_life`.
    """

    def __init__(
        self,
        *,
        connections: Connections,
        authenticator: Authenticator,
        rooms: Rooms,
        close: Callable[[Connection], None],
        token_life: timedelta,
    ) -> None:
        self._connections = connections
        self._authenticator = authenticator
        self._rooms = rooms
        self._close = close
        self._warning = min(WARNING, token_life / 2)
        self._started = False

    def handlers(self) -> Handlers:
        return {"renew": Handler(Renew, self._renew, cost=5)}

    def start(self) -> None:
        """Begin to watch the clock, if that is not so yet; called when a first socket connects."""
        if not self._started:
            self._started = True
            Thread(target=self._run, name="renewal", daemon=True).start()

    def _renew(self, connection: Connection, event: Renew) -> Answer:
        """Keep the socket until the end of another access token of the same person.

        The token may belong to another session of theirs: the socket then closes when that
        one ends. Raises `Unauthorized` for a token that could not connect, and for one of
        somebody else or of another role, since the socket entered its rooms in this role.
        """
        with soon():
            actor, expires_at = self._authenticator.bearer(event.token)
        known = connection.actor
        if (actor.user_id, actor.role) != (known.user_id, known.role):
            raise Unauthorized("The token belongs to somebody else")
        connection.renew(actor, expires_at)
        return {"ok": True, "expiresAt": milliseconds(expires_at)}

    def _run(self) -> None:
        while True:
            time.sleep(INTERVAL)
            try:
                self._look()
            except Exception:
                log.exception("could not look after the tokens of sockets")

    def _look(self) -> None:
        now = utcnow()
        for connection in self._connections:
            left = connection.expires_at - now
            told = {"expiresAt": milliseconds(connection.expires_at)}
            if left <= timedelta():
                self._rooms.tell(connection, "tokenExpired", told)
                self._close(connection)
            elif left <= self._warning and not connection.warned:
                connection.warned = True
                told["expiresInMs"] = left // timedelta(milliseconds=1)
                self._rooms.tell(connection, "tokenExpiring", told)
