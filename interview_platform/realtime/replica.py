"""This process's copy of an interview's shared document."""

from __future__ import annotations

from threading import Lock
from typing import Self

from ..editor.service import Document
from .connections import Membership


class Replica:
    """The document, and the sockets here whose editors take snapshots of it.

    `with` keeps it to oneself, be it on a thread of one's own; what others edit meanwhile
    is worked in at the end.
    """

    def __init__(self, document: Document, language: str) -> None:
        self.document = document
        self.language = language
        self.plain: dict[str, Membership] = {}
        self.shown_at = 0.0
        # Whether the text will be shown to them in a moment.
        self.showing = False
        self._lock = Lock()
        self._heard: list[bytes] = []

    def __enter__(self) -> Self:
        self._lock.acquire()
        self._catch_up()
        return self

    def __exit__(self, *_: object) -> None:
        self._catch_up()
        self._lock.release()

    def hear(self, update: bytes) -> None:
        """Work in an edit by others, now or when the document is free again; never waits."""
        self._heard.append(update)
        if self._lock.acquire(blocking=False):
            self.__exit__()

    def _catch_up(self) -> None:
        while self._heard:
            self.document.apply(self._heard.pop(0), trusted=True)
