"""Presence: who is in each interview's room, with which sockets, over all web processes.

A process keeps its own sockets in memory and in Redis, and takes the others' from there. It
says that something changed as a hint alone: each process then looks for itself and tells
its own sockets, so that they never hear of an older state after a newer one. It looks every
`BEAT` seconds too, which mends whatever went wrong: a hint that was lost, a Redis that came
back empty, a process that was killed.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Collection
from threading import Event, Lock, Thread
from typing import Any

from bson import ObjectId
from msgspec import structs
from redis import Redis
from redis.exceptions import RedisError

from ..core.broadcast import Message
from .recent_moves import RecentMoves
from .rooms import Publish, interview_of, room_of
from .seats import LIFETIME, Seat, Seats, participants

__all__ = ["CHANGED", "Presence", "Seat"]

log = logging.getLogger(__name__)

# Between processes: that somebody's presence in the room is another now.
CHANGED = "presence:changed"

# All in seconds. A room is told of its presence at most once in `PAUSE`.
BEAT = LIFETIME / 3
PAUSE = 0.2
AGAIN = 1.0

ROOMS_AT_ONCE = 250

Participants = list[dict[str, Any]]
Tell = Callable[[str, str, Any], None]


class Presence:
    """`publish` says something in a room on every process; it must not wait.

    Nothing here raises or waits because Redis is away: others are taken to be where they
    were for as long as `LIFETIME`, then this process knows of its own sockets alone.
    """

    def __init__(self, redis: Redis, publish: Publish) -> None:
        self._seats = Seats(redis, secrets.token_hex(8))
        self._publish = publish
        self._tell: Tell | None = None
        self._own: dict[ObjectId, dict[str, Seat]] = {}
        # Rooms that Redis and the sockets here may not know the latest of.
        self._unsettled: set[ObjectId] = set()
        self._thread: Thread | None = None
        # Guards all of the above that changes.
        self._lock = Lock()
        self._woken = Event()
        self._closing = Event()
        # Of the rooms with sockets here: who else was there, and what was told last.
        self._others: dict[ObjectId, list[Seat]] = {}
        self._told: dict[ObjectId, Participants] = {}
        # What was heard of sockets in rooms, which Redis may not have yet.
        self._news = RecentMoves(LIFETIME)
        self._next_beat = 0.0
        self._away_since: float | None = None

    def deliver_to(self, tell: Tell) -> None:
        """Have `tell` send an event to the sockets of a room on this process; it must not wait."""
        self._tell = tell

    def enter(self, interview_id: ObjectId, seat: Seat) -> None:
        """Have a socket of this process be there, in the place of what it was; never waits."""
        with self._lock:
            self._own.setdefault(interview_id, {})[seat.socket_id] = seat
            self._unsettle(interview_id)

    def update(self, interview_id: ObjectId, socket_id: str, **changes: Any) -> None:
        """Change fields of a socket's seat, if it is there; never waits."""
        with self._lock:
            seats = self._own.get(interview_id, {})
            if socket_id in seats:
                seats[socket_id] = structs.replace(seats[socket_id], **changes)
                self._unsettle(interview_id)

    def leave(self, interview_id: ObjectId, socket_id: str) -> None:
        """Have a socket of this process be gone, if it is there; never waits."""
        with self._lock:
            seats = self._own.get(interview_id, {})
            if seats.pop(socket_id, None) is None:
                return
            if not seats:
                del self._own[interview_id]
            self._unsettle(interview_id)

    def note_joined(self, interview_id: ObjectId, socket_id: str) -> None:
        """Note that a socket of any process has joined, before Redis tells; never waits."""
        self._news.put(interview_id, socket_id, joined=True)

    def note_left(self, interview_id: ObjectId, socket_id: str) -> None:
        """Note that a socket of any process has left, before Redis tells; never waits."""
        self._news.put(interview_id, socket_id, joined=False)

    def has_joined(self, interview_id: ObjectId, socket_id: str) -> bool:
        """Tell whether a socket of any process is in the room, and not waiting for it.

        By what this process knows, which has to have sockets in the room; asks nobody.
        """
        own = self._own.get(interview_id, {}).get(socket_id)
        if own is not None:
            return not own.waiting
        news = self._news.get(interview_id, socket_id)
        if news is not None:
            return news
        others = self._others.get(interview_id, ())
        return any(seat.socket_id == socket_id and not seat.waiting for seat in others)

    def hear(self, message: Message) -> None:
        """Take the hint `CHANGED` that was said in a room; never waits."""
        interview_id = interview_of(message.room)
        with self._lock:
            if interview_id in self._own:
                self._unsettle(interview_id)

    def participants(self, interview_id: ObjectId) -> Participants:
        """Return who is in the room, as the event `presence` tells it. Asks Redis."""
        return self.rooms([interview_id])[interview_id]

    def rooms(self, interview_ids: Collection[ObjectId]) -> dict[ObjectId, Participants]:
        """Return for each of the rooms what `participants` does, asking Redis as seldom."""
        others = self._ask(interview_ids)
        return {
            interview_id: participants([*self._here(interview_id), *others.get(interview_id, ())])
            for interview_id in interview_ids
        }

    def of_socket(self, interview_id: ObjectId, socket_id: str) -> Seat | None:
        """Return the seat of a socket of any process; None for one that is not there."""
        here = self._here(interview_id)
        for seat in here:
            if seat.socket_id == socket_id:
                return seat
        others = self._ask([interview_id]).get(interview_id, ())
        return next((seat for seat in others if seat.socket_id == socket_id), None)

    def forget(self, interview_id: ObjectId) -> None:
        """Remove from Redis who was in the room of an interview that is over.

        Raises redis-py's errors.
        """
        self._seats.clear(interview_id)

    def close(self, timeout: float = 2.0) -> None:
        """Have every socket of this process be gone, and stop; waits `timeout` s at most."""
        with self._lock:
            self._unsettled.update(self._own)
            self._own.clear()
            self._closing.set()
            self._woken.set()
            thread = self._thread
        if thread:
            thread.join(timeout)

    def _here(self, interview_id: ObjectId) -> list[Seat]:
        with self._lock:
            return list(self._own.get(interview_id, {}).values())

    def _ask(self, interview_ids: Collection[ObjectId]) -> dict[ObjectId, list[Seat]]:
        """Return the others in the rooms; those seen last where Redis is away."""
        # Who asks does not wait for a Redis that is known to be away: the thread does.
        if self._away_since is None:
            try:
                taken = self._seats.read(interview_ids)
            except RedisError as error:
                self._lost(error)
            else:
                others = {interview_id: kept.others for interview_id, kept in taken.items()}
                self._others.update((each, others[each]) for each in others if each in self._own)
                return others
        return self._others

    # Under the lock:

    def _unsettle(self, *interview_ids: ObjectId) -> None:
        """Have the thread see to the rooms; to none, but whether Redis is there."""
        if self._closing.is_set():
            return
        self._unsettled.update(interview_ids)
        self._woken.set()
        if self._thread is None:
            self._thread = Thread(target=self._run, name="presence", daemon=True)
            self._thread.start()

    # In the thread:

    def _run(self) -> None:
        closing = False
        while not closing:
            self._woken.wait(self._rest())
            self._woken.clear()
            # What is left when this is set is settled as well, once more and for good.
            closing = self._closing.is_set()
            with self._lock:
                if time.monotonic() >= self._next_beat:
                    self._next_beat = time.monotonic() + BEAT
                    self._unsettled.update(self._own)
                rooms, self._unsettled = self._unsettled, set()
                seats = {room: list(self._own.get(room, {}).values()) for room in rooms}
            try:
                self._settle(seats)
            except Exception:
                log.exception("presence was not settled")
            self._closing.wait(PAUSE if self._away_since is None else AGAIN)

    def _rest(self) -> float | None:
        """Return for how many seconds nothing is to be done by itself; None: for ever."""
        if not self._own and self._away_since is None:
            return None
        return max(0.0, self._next_beat - time.monotonic())

    def _settle(self, seats: dict[ObjectId, list[Seat]]) -> None:
        """Bring Redis, and the sockets here, up to date: some rooms, then others' turn."""
        rooms = list(seats)
        there = True
        for start in range(0, max(1, len(rooms)), ROOMS_AT_ONCE):
            some = {room: seats[room] for room in rooms[start : start + ROOMS_AT_ONCE]}
            there = there and self._exchange(some)
            if not there:
                with self._lock:
                    self._unsettle(*some)
            for room, own in some.items():
                if own:
                    self._tell_room(room, own)
                else:
                    self._others.pop(room, None)
                    self._told.pop(room, None)

    def _exchange(self, seats: dict[ObjectId, list[Seat]]) -> bool:
        """Let Redis know of own seats, and learn of the others'; False where it is away."""
        try:
            taken = self._seats.read(seats)
            changed = self._seats.write(seats, taken)
        except RedisError as error:
            self._lost(error)
            return False
        self._found()
        self._others.update((room, kept.others) for room, kept in taken.items())
        for room in changed:
            self._publish(room_of(room), CHANGED, None)
        return True

    def _tell_room(self, interview_id: ObjectId, own: list[Seat]) -> None:
        now = participants([*own, *self._others.get(interview_id, ())])
        if now == self._told.get(interview_id):
            return
        self._told[interview_id] = now
        if self._tell:
            data = {"interviewId": str(interview_id), "participants": now}
            self._tell(room_of(interview_id), "presence", data)

    def _lost(self, error: RedisError) -> None:
        if self._away_since is None:
            self._away_since = time.monotonic()
            log.warning("who is in rooms on other processes is not known: %s", error)
        elif time.monotonic() - self._away_since > LIFETIME:
            self._others.clear()
        with self._lock:
            self._unsettle()

    def _found(self) -> None:
        if self._away_since is not None:
            self._away_since = None
            # What else Redis may have lost is found at once.
            self._next_beat = 0.0
            log.info("who is in rooms on other processes is known again")
