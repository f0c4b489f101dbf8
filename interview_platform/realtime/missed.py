"""Sending a socket what it missed while it was away, so that neither a gap nor a double is left.

What has a number is sent out of the log; what was told to this process's sockets and has no
number yet is sent from the feed, in the step in which the socket enters. From then on it
hears what all the others hear.
"""

from __future__ import annotations

from collections.abc import Collection
from threading import Lock
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import gevent
from bson import ObjectId

from ..core.mongo import Document
from ..interviews.model import Admission, admitted_at
from ..interviews.rooms import staff_room_of
from ..session_log.service import SessionLog
from .connections import Connection
from .hosted import Hosted
from .retelling import TYPES, retell
from .rooms import Rooms
from .tail import Tail

# More than that, in events and in bytes, a client reads by the REST interface: who is sent
# too much at once is cut off.
MAX_MISSED = 1_000
MAX_MISSED_BYTES = 1024 * 1024

# How many entries are read for that, as the socket may hear only some of them.
MAX_READ = 4_000

# After so many entries others have their turn.
TURN = 50

# How many entries take as long as a chat message, to read and to send, and how many numbers of
# the log, to look for such entries among the rest.
ENTRIES_A_TOKEN = 4
NUMBERS_A_TOKEN = 128


class CaughtUp(NamedTuple):
    """How far a socket has come: all up to number `upto` was sent to it.

    Not `complete` where that is not all there is, but enough for one go.
    """

    upto: int
    sent: int = 0
    size: int = 0
    read: int = 0
    complete: bool = True

    @property
    def told(self) -> dict[str, Any]:
        return {"upto": self.upto, "complete": self.complete}


class Missed:
    def __init__(self, session_log: SessionLog, rooms: Rooms, tail: Tail) -> None:
        self._log = session_log
        self._rooms = rooms
        self._tail = tail
        self._turns: WeakValueDictionary[ObjectId, Lock] = WeakValueDictionary()

    def reach(self, hosted: Hosted, seq: int) -> None:
        """Have this process tell all up to number `seq`, which is stored.

        Who enters after that is told nothing older, however late it arrives here. Does not
        wait where that is so already. Raises PyMongo's errors.
        """
        if hosted.feed.upto < seq:
            self._tail.catch_up(hosted)

    def turn_of(self, person: ObjectId) -> Lock:
        """Return what a person's sockets take turns by, so that one of them is sent at a time."""
        return self._turns.setdefault(person, Lock())

    def send(
        self,
        hosted: Hosted,
        connection: Connection,
        so_far: CaughtUp,
        admissions: Collection[Admission] | None = None,
    ) -> CaughtUp:
        """Send what came after `so_far`, up to what is told by now.

        With `admissions`, nothing is sent of what was logged outside them. Does not wait
        where nothing came. Raises PyMongo's errors.
        """
        feed = hosted.feed
        upto, sent, size, read, complete = so_far
        if admissions:
            upto = max(upto, min(admission.first for admission in admissions) - 1)
        if upto > feed.upto:
            self._tail.catch_up(hosted)
            upto = min(upto, feed.upto)
        while complete and upto < feed.upto:
            target, start = feed.upto, upto
            for entry in self._log.entries(
                hosted.interview_id, after=upto, upto=target, types=TYPES
            ):
                if sent == MAX_MISSED or size > MAX_MISSED_BYTES or read == MAX_READ:
                    complete = False
                    break
                read += 1
                connection.tokens.owe(1 / ENTRIES_A_TOKEN)
                if not read % TURN:
                    gevent.sleep(0)
                hidden = admissions is not None and not admitted_at(admissions, entry["seq"])
                if not hidden and (sent_bytes := self._send(connection, entry)):
                    sent, size = sent + 1, size + sent_bytes
                upto = entry["seq"]
            else:
                upto = target
            connection.tokens.owe((upto - start) / NUMBERS_A_TOKEN)
        return CaughtUp(upto, sent, size, read, complete)

    def send_unnumbered(self, hosted: Hosted, connection: Connection) -> None:
        """Send what was told and has no number yet; never waits."""
        for message in hosted.feed.unnumbered():
            if self._rooms.is_for(connection, message):
                self._rooms.tell(connection, message.event, message.data)

    def _send(self, connection: Connection, entry: Document) -> int:
        """Send what is told of `entry`, if the socket may hear it; returns its bytes."""
        retold = retell(entry)
        if retold is None:
            return 0
        if retold.room == staff_room_of(entry["interview"]) and not connection.is_staff:
            return 0
        data = {**retold.data, "seq": entry["seq"]}
        return self._rooms.tell(connection, retold.event, data)
