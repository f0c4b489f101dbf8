"""The interviews that this process hosts: those whose rooms its own sockets are in."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Lock

from bson import ObjectId

from ..core.broadcast import Message
from ..interviews.rooms import room_of, staff_room_of
from ..session_log.service import SessionLog
from .feed import BEFORE, Feed
from .replica import Replica
from .rooms import Rooms

# Seconds for which an interview is hosted on when nobody is left, and how many at once: who
# loses a connection or loads a page anew is back by then, and finds the document as it is.
LINGER = 15.0
MOST_LINGERING = 200


@dataclass(slots=True, eq=False)
class Hosted:
    """An interview of which this process has sockets, or had a moment ago.

    `preparing` guards its beginning, `reading` the comparison of its feed with the log.
    """

    interview_id: ObjectId
    feed: Feed
    holders: int = 0
    ready: bool = False
    replica: Replica | None = None
    preparing: Lock = field(default_factory=Lock)
    reading: Lock = field(default_factory=Lock)
    # All keyframes of the document up to this number are made.
    keyframe: int = 0
    looked_at: float = 0.0
    looks: int = 0


class Hosts:
    """Begins to host an interview with its first socket here, and ends soon after the last."""

    def __init__(self, rooms: Rooms, session_log: SessionLog) -> None:
        self._rooms = rooms
        self._log = session_log
        self._hosted: dict[ObjectId, Hosted] = {}
        # Since when nobody is left, the longest first.
        self._deserted: OrderedDict[ObjectId, float] = OrderedDict()
        rooms.pass_if(self._is_news)

    def __iter__(self) -> Iterator[Hosted]:
        return iter(list(self._hosted.values()))

    def get(self, interview_id: ObjectId) -> Hosted | None:
        return self._hosted.get(interview_id)

    def open(self, interview_id: ObjectId) -> Hosted:
        """Host an interview until it is released as often; waits for the stores.

        Raises PyMongo's errors.
        """
        hosted = self._hosted.get(interview_id)
        if hosted is None:
            hosted = self._hosted[interview_id] = Hosted(interview_id, Feed(interview_id))
        self._deserted.pop(interview_id, None)
        hosted.holders += 1
        try:
            with hosted.preparing:
                if not hosted.ready:
                    self._prepare(hosted)
        except BaseException:
            self.release(interview_id)
            raise
        return hosted

    def release(self, interview_id: ObjectId) -> None:
        hosted = self._hosted[interview_id]
        hosted.holders -= 1
        if hosted.holders:
            return
        if not hosted.ready:
            del self._hosted[interview_id]
            return
        self._deserted[interview_id] = time.monotonic()
        if len(self._deserted) > MOST_LINGERING:
            self._end(next(iter(self._deserted)))

    def end_deserted(self) -> None:
        """End to host what nobody has come back to; never waits."""
        before = time.monotonic() - LINGER
        for interview_id, since in list(self._deserted.items()):
            # Ending one may let others come back to the next.
            if since <= before and self._deserted.get(interview_id) == since:
                self._end(interview_id)

    def _end(self, interview_id: ObjectId) -> None:
        del self._deserted[interview_id], self._hosted[interview_id]
        self._rooms.forget(*_rooms_of(interview_id))

    def _prepare(self, hosted: Hosted) -> None:
        interview_id = hosted.interview_id
        # First to hear, then to read: what lies between is heard or read, and not lost.
        self._rooms.listen(*_rooms_of(interview_id))
        try:
            last = self._log.last_seq(interview_id)
            before = list(self._log.ids_since(interview_id, max(0, last - BEFORE)))
        except BaseException:
            self._rooms.forget(*_rooms_of(interview_id))
            raise
        upto = before[-1][0] if before else last
        hosted.feed.begin(upto, (str(entry_id) for _, entry_id in before))
        # Older ones that lack are made by whoever reads.
        hosted.keyframe = upto
        hosted.ready = True

    def _is_news(self, interview_id: ObjectId, entry_id: str, message: Message) -> bool:
        hosted = self._hosted.get(interview_id)
        return hosted is None or hosted.feed.tells(entry_id, message)


def _rooms_of(interview_id: ObjectId) -> tuple[str, str]:
    return room_of(interview_id), staff_room_of(interview_id)
