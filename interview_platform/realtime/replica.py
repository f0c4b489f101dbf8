"""This process's copy of an interview's shared document."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Self

from gevent.lock import Semaphore

from ..core.errors import ServiceError
from ..editor.service import Document

if TYPE_CHECKING:
    from .connections import Membership

log = logging.getLogger(__name__)


class Heard(NamedTuple):
    """An edit, and the socket that it came from, which need not be told."""

    update: bytes
    skip: str | None


class Replica:
    """The document, and the whole-text editors here, by socket, to which it is sent.

    `with` keeps it to oneself, be it on a thread of one's own; what others edit meanwhile
    is worked in at the end. `spread` is told then what of each edit was new.
    """

    def __init__(self, spread: Callable[[Heard], None]) -> None:
        self.document = Document()
        self.language = ""
        # Whether it has to be read again: it is not, or may not be, what the log makes.
        self.in_doubt = True
        self.plain: dict[str, Membership] = {}
        self.shown_at = 0.0
        # Whether the text will be shown to them in a moment.
        self.showing = False
        self._spread = spread
        # Of gevent: threading's, tried in vain, lets others run.
        self._lock = Semaphore()
        # A list, since it is empty nearly always.
        self._heard: list[Heard] = []

    def __enter__(self) -> Self:
        self._lock.acquire()
        self._catch_up()
        return self

    def __exit__(self, *_: object) -> None:
        self._catch_up()
        self._lock.release()

    def hear(self, update: bytes, skip: str | None = None) -> None:
        """Work in an edit by others, now or when the document is free again; never waits."""
        self._heard.append(Heard(update, skip))
        if self._lock.acquire(blocking=False):
            self.__exit__()

    def _catch_up(self) -> None:
        while self._heard:
            update, skip = self._heard.pop(0)
            try:
                new = self.document.apply(update, trusted=True)
            except ServiceError as error:
                log.warning("an edit cannot be worked in: %s", error)
            else:
                # One that rests on edits that are not here yet is new with the last of them.
                if new is not None:
                    self._spread(Heard(new, skip))
