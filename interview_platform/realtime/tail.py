"""Follows the logs of hosted interviews: tells late what was not heard, and where all stand."""

from __future__ import annotations

import logging
import time
from threading import Thread

from bson import ObjectId
from pymongo.errors import PyMongoError

from ..core.broadcast import Message
from ..core.mongo import Document, describe
from ..editor.service import KEYFRAME_EVERY, EditorService
from ..session_log.service import SessionLog
from .editing import Editing
from .hosted import Hosted
from .hosting import Hosts
from .retelling import retell
from .rooms import Rooms

log = logging.getLogger(__name__)

# Seconds: between two rounds; and between two looks into the log of an interview of which
# nothing is known to be missing.
INTERVAL = 0.5
LOOK = 5.0
# Looks into a log that is hosted since a moment ago, one a round.
FIRST_LOOKS = 3
# Rounds between two positions told.
POSITION_EVERY = 2


class Tail:
    """Goes round the hosted interviews in a thread of its own."""

    def __init__(
        self,
        *,
        hosts: Hosts,
        rooms: Rooms,
        editing: Editing,
        editor: EditorService,
        session_log: SessionLog,
    ) -> None:
        self._hosts = hosts
        self._rooms = rooms
        self._editing = editing
        self._editor = editor
        self._log = session_log
        self._started = False
        self._away = False

    def start(self) -> None:
        """Begin to follow, if that is not so yet."""
        if not self._started:
            self._started = True
            Thread(target=self._run, name="log-tail", daemon=True).start()

    def catch_up(self, hosted: Hosted) -> None:
        """Tell what the log holds and this process has not told. Raises PyMongo's errors."""
        feed = hosted.feed
        with hosted.reading:
            hosted.looked_at = time.monotonic()
            hosted.looks += 1
            found = list(self._log.ids_since(hosted.interview_id, feed.upto))
            unknown = [entry_id for _, entry_id in found if not feed.knows(str(entry_id))]
            entries: dict[ObjectId, Document] = {}
            if unknown:
                entries = {entry["_id"]: entry for entry in self._log.by_ids(unknown)}
            for seq, entry_id in found:
                if feed.passes(seq, str(entry_id)) and entry_id in entries:
                    self._tell_late(hosted, entries[entry_id])

    def _tell_late(self, hosted: Hosted, entry: Document) -> None:
        if entry["type"] == "code":
            self._editing.tell_late(hosted, entry)
            return
        if retold := retell(entry):
            self._rooms.take(Message(retold.room, retold.event, retold.data, None))

    def _run(self) -> None:
        rounds = 0
        while True:
            time.sleep(INTERVAL)
            rounds += 1
            for hosted in self._hosts:
                try:
                    self._look_after(hosted)
                except PyMongoError as error:
                    self._lost(error)
                except Exception:
                    log.exception("could not follow a log")
                else:
                    self._found()
            self._hosts.end_deserted()
            if rounds % POSITION_EVERY == 0:
                self._tell_positions()

    def _look_after(self, hosted: Hosted) -> None:
        if not hosted.ready:
            return
        feed = hosted.feed
        # Others may have told nobody of what they wrote before they knew that this process hears.
        new = hosted.looks < FIRST_LOOKS
        if new or feed.in_want or time.monotonic() - hosted.looked_at > LOOK:
            self.catch_up(hosted)
            for message in feed.overdue():
                self._editing.log_again(hosted, message)
        due = feed.upto - feed.upto % KEYFRAME_EVERY
        if due > hosted.keyframe:
            self._editor.keep(hosted.interview_id, due)
            hosted.keyframe = due

    def _tell_positions(self) -> None:
        for hosted in self._hosts:
            feed = hosted.feed
            followers = self._rooms.following(hosted.interview_id)
            if followers and feed.upto > feed.positioned:
                feed.positioned = feed.upto
                told = {"interviewId": str(hosted.interview_id), "seq": feed.upto}
                self._rooms.tell_followers(hosted.interview_id, "position", told)

    def _lost(self, error: PyMongoError) -> None:
        if not self._away:
            self._away = True
            log.warning("logs cannot be followed: %s", describe(error))

    def _found(self) -> None:
        if self._away:
            self._away = False
            log.info("logs are followed again")
