"""The interviews that this process hosts: those whose rooms its own sockets are in."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator

from bson import ObjectId

from ..core.broadcast import Message
from ..session_log.service import SessionLog
from .feed import BEFORE
from .hosted import Hosted
from .rooms import Rooms

# Seconds for which an interview is hosted on when nobody is left, and how many at once: who
# loses a connection or loads a page anew is back by then, and finds the document as it is.
LINGER = 15.0
MOST_LINGERING = 200


class Hosts:
    """Begins to host an interview with its first socket here, and ends soon after the last."""

    def __init__(self, rooms: Rooms, session_log: SessionLog) -> None:
        self._rooms = rooms
        self._log = session_log
        self._hosted: dict[ObjectId, Hosted] = {}
        # The same, by the rooms that everybody and the staff are in.
        self._by_room: dict[str, Hosted] = {}
        # Since when nobody is left, the longest first.
        self._deserted: OrderedDict[ObjectId, float] = OrderedDict()
        rooms.pass_if(self._is_news)

    def __iter__(self) -> Iterator[Hosted]:
        return iter(list(self._hosted.values()))

    def get(self, interview_id: ObjectId) -> Hosted | None:
        return self._hosted.get(interview_id)

    def of_room(self, room: str) -> Hosted | None:
        """Return the interview that this is the room of, or the staff's room."""
        return self._by_room.get(room)

    def open(self, interview_id: ObjectId) -> Hosted:
        """Host an interview until it is released as often; waits for the stores.

        Raises PyMongo's errors.
        """
        hosted = self._hosted.get(interview_id)
        if hosted is None:
            hosted = self._hosted[interview_id] = Hosted(interview_id)
            self._by_room[hosted.room] = self._by_room[hosted.staff_room] = hosted
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
            self._drop(hosted)
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
        del self._deserted[interview_id]
        hosted = self._hosted[interview_id]
        self._drop(hosted)
        self._rooms.forget(hosted.room, hosted.staff_room)

    def _drop(self, hosted: Hosted) -> None:
        del self._hosted[hosted.interview_id]
        del self._by_room[hosted.room], self._by_room[hosted.staff_room]

    def _prepare(self, hosted: Hosted) -> None:
        interview_id = hosted.interview_id
        # First to hear, then to read: what lies between is heard or read, and not lost.
        self._rooms.listen(hosted.room, hosted.staff_room)
        try:
            last = self._log.last_seq(interview_id)
            before = list(self._log.ids_since(interview_id, max(0, last - BEFORE)))
        except BaseException:
            self._rooms.forget(hosted.room, hosted.staff_room)
            raise
        upto = before[-1][0] if before else last
        hosted.feed.begin(upto, (str(entry_id) for _, entry_id in before))
        # Older ones that lack are made by whoever reads.
        hosted.keyframe = upto
        hosted.ready = True

    def _is_news(self, entry_id: str, message: Message) -> bool:
        hosted = self.of_room(message.room)
        return hosted is None or hosted.feed.tells(entry_id, message)
