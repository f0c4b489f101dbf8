"""Watching the dashboard: admins are told of its figures whenever they change."""

from __future__ import annotations

import logging
from threading import Event, Lock, Thread

from msgspec import Struct
from pymongo.errors import PyMongoError

from ..core.mongo import Document, describe
from ..dashboards.sharing import SharedDashboard
from .connections import Connection, Connections
from .handlers import Answer, Handler, Handlers
from .rooms import Rooms

log = logging.getLogger(__name__)

# Seconds between two looks, and between two while another process makes the first figures.
INTERVAL = 2.0
AGAIN = 0.1


class WatchDashboard(Struct, forbid_unknown_fields=True):
    watch: bool = True


class Watching:
    """Looks every `INTERVAL` seconds in a thread of its own, which lives while somebody watches.

    Whoever begins to watch is told at once, and everyone when the figures have changed.
    """

    def __init__(self, connections: Connections, rooms: Rooms, dashboard: SharedDashboard) -> None:
        self._connections = connections
        self._rooms = rooms
        self._dashboard = dashboard
        self._figures: Document = {}
        # Who watches, and the figures that each was told last.
        self._watchers: dict[Connection, Document | None] = {}
        self._thread: Thread | None = None
        # Guards the two above.
        self._lock = Lock()
        self._woken = Event()
        self._away = False

    def handlers(self) -> Handlers:
        return {"watchDashboard": Handler(WatchDashboard, self._watch, cost=5)}

    def _watch(self, connection: Connection, event: WatchDashboard) -> Answer:
        with self._lock:
            if not event.watch:
                self._watchers.pop(connection, None)
                return {"ok": True}
            self._watchers[connection] = None
            self._woken.set()
            if self._thread is None:
                self._thread = Thread(target=self._run, name="dashboard", daemon=True)
                self._thread.start()
        return {"ok": True}

    def _run(self) -> None:
        while self._is_watched():
            self._woken.clear()
            self._woken.wait(INTERVAL if self._look() else AGAIN)

    def _look(self) -> bool:
        """Tell who watches what there is to tell; False where another process is still at it."""
        try:
            figures = self._dashboard.current()
            if figures is None:
                return False
            self._tell(figures)
        except PyMongoError as error:
            self._lost(error)
        except Exception:
            log.exception("the dashboard was not made")
        else:
            self._found()
        return True

    def _is_watched(self) -> bool:
        """Let go of who has left, and tell whether anybody watches; ends the thread if not."""
        with self._lock:
            for connection in list(self._watchers):
                if connection not in self._connections:
                    del self._watchers[connection]
            if not self._watchers:
                self._thread = None
            return bool(self._watchers)

    def _tell(self, figures: Document) -> None:
        if _without_time(figures) != _without_time(self._figures):
            self._figures = figures
        with self._lock:
            late = [each for each, told in self._watchers.items() if told is not self._figures]
            self._watchers.update(dict.fromkeys(late, self._figures))
        for connection in late:
            self._rooms.tell(connection, "dashboard", figures)

    def _lost(self, error: PyMongoError) -> None:
        if not self._away:
            self._away = True
            log.warning("the dashboard cannot be made: %s", describe(error))

    def _found(self) -> None:
        if self._away:
            self._away = False
            log.info("the dashboard is made again")


def _without_time(figures: Document) -> Document:
    return {name: value for name, value in figures.items() if name != "at"}
