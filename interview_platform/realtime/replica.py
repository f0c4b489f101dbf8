"""This process's copy of an interview's shared document."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Self

import gevent
from gevent.lock import Semaphore

from ..core.errors import ServiceError, Unavailable
from ..editor.service import Document

if TYPE_CHECKING:
    from .connections import Membership

log = logging.getLogger(__name__)

# Seconds after which an edit is tried again for which the threads were too busy.
BUSY_RETRY = 0.1


class Heard(NamedTuple):
    """An edit, and the socket that it came from, which need not be told."""

    update: bytes
    skip: str | None


class Replica:
    """The document, and the whole-text editors here, by socket, to which it is sent.

    `with` keeps it to oneself, be it on a thread of one's own; what others edit meanwhile
    is worked in at the end. `spread` is told then what of each edit was new. `on_thread` runs
    what takes long, and waits for it.
    """

    def __init__(
        self,
        spread: Callable[[Heard], None],
        on_thread: Callable[[Callable[[], bytes | None]], bytes | None],
    ) -> None:
        self.document = Document()
        self.language = ""
        # Whether it has to be read again: it is not, or may not be, what the log makes.
        self.in_doubt = True
        self.plain: dict[str, Membership] = {}
        self.shown_at = 0.0
        # Whether the text will be shown to them in a moment.
        self.showing = False
        self._spread = spread
        self._on_thread = on_thread
        # Of gevent: threading's, tried in vain, lets others run.
        self._lock = Semaphore()
        # A list, since it is empty nearly always.
        self._heard: list[Heard] = []
        # Whether somebody is about to work in what takes long.
        self._catching_up = False

    def __enter__(self) -> Self:
        self._lock.acquire()
        self._catch_up()
        return self

    def __exit__(self, *_: object) -> None:
        self._catch_up_at_once()
        self._lock.release()
        if self._heard and not self._catching_up:
            self._catching_up = True
            gevent.spawn(self._catch_up_later)

    def hear(self, update: bytes, skip: str | None = None) -> None:
        """Work in an edit by others, now or when the document is free again; never waits."""
        self._heard.append(Heard(update, skip))
        if self._lock.acquire(blocking=False):
            self.__exit__()

    def _catch_up_later(self) -> None:
        try:
            with self:
                self._catching_up = False
        except Exception:
            self._catching_up = False
            raise

    def _catch_up_at_once(self) -> None:
        """Work in what was heard, up to what takes long; never waits."""
        while self._heard and not self.document.is_heavy(self._heard[0].update):
            self._work_in(self._heard.pop(0))

    def _catch_up(self) -> None:
        """Work in all that was heard; waits for what takes long."""
        while self._heard:
            heard = self._heard.pop(0)
            self._work_in(heard, heavy=self.document.is_heavy(heard.update))

    def _work_in(self, heard: Heard, *, heavy: bool = False) -> None:
        update, skip = heard
        work = partial(self.document.apply, update, trusted=True)
        try:
            new = self._on_thread_at_last(work) if heavy else work()
        except ServiceError as error:
            log.warning("an edit cannot be worked in: %s", error)
        else:
            # One that rests on edits that are not here yet is new with the last of them.
            if new is not None:
                self._spread(Heard(new, skip))

    def _on_thread_at_last(self, work: Callable[[], bytes | None]) -> bytes | None:
        """Return what `work` returns on a thread, however busy the threads are until then."""
        while True:
            try:
                return self._on_thread(work)
            except Unavailable:
                gevent.sleep(BUSY_RETRY)
