"""The numbers of what is stored, for the feed here and for processes that host the interview."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from bson import ObjectId

from ..core.broadcast import Message
from ..core.mongo import Document
from ..interviews.rooms import interview_of, room_of
from ..session_log.service import SessionLog
from .hosting import Hosts
from .retelling import UNTOLD
from .rooms import Rooms

# Between processes: entries of the log that one of them has stored, from number `first` on,
# and the numbers of those that nobody is told of.
NUMBERED = "log:numbered"

_ID = 12  # bytes


class Numbering:
    """What it brings is no more than news: who does not hear of it finds it in the log."""

    def __init__(self, session_log: SessionLog, rooms: Rooms, hosts: Hosts) -> None:
        self._log = session_log
        self._rooms = rooms
        self._hosts = hosts
        session_log.tell_to(self._stored, self._refused)
        rooms.on(NUMBERED, self._hear)

    def _stored(self, entries: Sequence[Document]) -> None:
        for interview_id, group in groupby(entries, key=itemgetter("interview")):
            stored = list(group)
            if hosted := self._hosts.get(interview_id):
                for entry in stored:
                    hosted.feed.stored(entry["_id"], entry["seq"])
            room = room_of(interview_id)
            if self._rooms.others_hear(room):
                told = {
                    "first": stored[0]["seq"],
                    "ids": b"".join(entry["_id"].binary for entry in stored),
                    "untold": [entry["seq"] for entry in stored if entry["type"] in UNTOLD],
                }
                self._rooms.tell_others(room, NUMBERED, told)

    def _refused(self, entries: Sequence[Document]) -> None:
        for entry in entries:
            if hosted := self._hosts.get(entry["interview"]):
                hosted.feed.failed(entry["_id"])

    def _hear(self, message: Message) -> None:
        interview_id = interview_of(message.room)
        if interview_id is None:
            return
        first, ids, untold = (message.data[name] for name in ("first", "ids", "untold"))
        count = len(ids) // _ID
        self._log.hear(interview_id, first + count - 1)
        if hosted := self._hosts.get(interview_id):
            feed = hosted.feed
            for index in range(count):
                seq, entry_id = first + index, ObjectId(ids[_ID * index : _ID * (index + 1)])
                if seq in untold or feed.knows(str(entry_id)):
                    feed.stored(entry_id, seq)
