"""Who sits in which room, as Redis has it: seats by web process, which do not outlive it.

A room is a hash, with a field for each socket that is named for its process as well. What
counts of it are the seats of processes that live: each keeps a key of its own fresh. Both
kinds of keys are gone `LIFETIME` seconds after the last process has let go of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from bson import ObjectId
from msgspec import Struct
from redis import Redis

from ..core.clock import isoformat

# In seconds, and thrice the time between two signs of life.
LIFETIME = 12

# Redis's hashes and texts.
Fields = dict[bytes, bytes]


class Seat(Struct, frozen=True, omit_defaults=True):
    """A socket in a room, or in its waiting room, and who is behind it.

    `quality` is what the client has told of its connection.
    """

    socket_id: str
    user_id: str
    name: str
    role: str
    since: datetime
    waiting: bool
    camera: bool = False
    microphone: bool = False
    screen: bool = False
    quality: dict[str, Any] | None = None


@dataclass(slots=True)
class Taken:
    """What Redis has of a room: this process's own fields, and what counts of the others'.

    `stale` are fields of processes that are gone.
    """

    own: Fields = field(default_factory=dict)
    others: list[Seat] = field(default_factory=list)
    stale: list[bytes] = field(default_factory=list)


class Seats:
    """Raises redis-py's errors. All but `clear` change `process`'s fields and dead ones' alone."""

    def __init__(self, redis: Redis, process: str) -> None:
        self._redis = redis
        self._process = process

    def read(self, interview_ids: Collection[ObjectId]) -> dict[ObjectId, Taken]:
        """Return what Redis has of each of the rooms."""
        with self._redis.pipeline(transaction=False) as pipe:
            for interview_id in interview_ids:
                pipe.hgetall(_room_key(interview_id))
            rooms: list[Fields] = pipe.execute()
        living = self._living({_process_of(name) for room in rooms for name in room})
        return {
            interview_id: self._sort(room, living)
            for interview_id, room in zip(interview_ids, rooms, strict=True)
        }

    def write(
        self, wanted: Mapping[ObjectId, Iterable[Seat]], taken: Mapping[ObjectId, Taken]
    ) -> list[ObjectId]:
        """Give this process the seats that are `wanted` instead of those `taken`.

        Clears what dead processes left, and keeps all of it from expiring. Returns the
        rooms that have changed.
        """
        changed = []
        with self._redis.pipeline(transaction=False) as pipe:
            # First of all, since nobody counts the seats of a process without it.
            pipe.set(_process_key(self._process), 1, ex=LIFETIME)
            for interview_id, seats in wanted.items():
                key, kept = _room_key(interview_id), taken[interview_id]
                fields = {self._name(seat): msgspec.json.encode(seat) for seat in seats}
                new = {name: value for name, value in fields.items() if kept.own.get(name) != value}
                old = [*(name for name in kept.own if name not in fields), *kept.stale]
                if new:
                    pipe.hset(key, mapping=new)  # type: ignore[arg-type]
                if old:
                    pipe.hdel(key, *old)
                if new or old:
                    changed.append(interview_id)
                if fields:
                    pipe.expire(key, LIFETIME)
            pipe.execute()
        return changed

    def clear(self, interview_id: ObjectId) -> None:
        """Remove every seat of a room, whoever's process it is of."""
        self._redis.delete(_room_key(interview_id))

    def _living(self, processes: set[str]) -> set[str]:
        others = list(processes - {self._process})
        if not others:
            return set()
        signs = self._redis.mget([_process_key(process) for process in others])
        return {process for process, sign in zip(others, signs, strict=True) if sign}

    def _sort(self, room: Fields, living: set[str]) -> Taken:
        taken = Taken()
        for name, value in room.items():
            process = _process_of(name)
            if process == self._process:
                taken.own[name] = value
            elif process in living:
                taken.others.append(msgspec.json.decode(value, type=Seat))
            else:
                taken.stale.append(name)
        return taken

    def _name(self, seat: Seat) -> bytes:
        return f"{self._process}:{seat.socket_id}".encode()


def participants(seats: Iterable[Seat]) -> list[dict[str, Any]]:
    """Return who sits there as the wire has it: one entry a person, by who came first.

    Only who waits with every socket counts as waiting.
    """
    people: defaultdict[str, list[Seat]] = defaultdict(list)
    for seat in sorted(seats, key=lambda seat: (seat.since, seat.socket_id)):
        people[seat.user_id].append(seat)
    return [
        {
            "userId": user_id,
            "name": own[-1].name,
            "role": own[-1].role,
            "waiting": all(seat.waiting for seat in own),
            "sockets": [_socket(seat) for seat in own],
        }
        for user_id, own in people.items()
    ]


def _socket(seat: Seat) -> dict[str, Any]:
    told: dict[str, Any] = {
        "socketId": seat.socket_id,
        "since": isoformat(seat.since),
        "camera": seat.camera,
        "microphone": seat.microphone,
        "screen": seat.screen,
    }
    return told if seat.quality is None else {**told, "quality": seat.quality}


def _room_key(interview_id: ObjectId) -> str:
    return f"presence:room:{interview_id}"


def _process_key(process: str) -> str:
    return f"presence:process:{process}"


def _process_of(name: bytes) -> str:
    return name.partition(b":")[0].decode()
