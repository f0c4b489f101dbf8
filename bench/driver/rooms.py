"""Interviews under way: people in rooms who signal, type, chat and are watched."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .loop import Loop
from .meter import Meter
from .socketio import Client, Packet
from .target import Target
from .typist import Typist, YjsTypist

AT_ONCE = 20
"""Sockets that connect side by side."""

SECOND = 1000  # ms

KEYSTROKES = 16_000
"""Rooms start typing at places of the recorded session that are spread over so much of it."""

# Everything sent but code carries its number, by which it is known again.
NUMBER = b"n=%08d"
_NUMBER = b"n="
_DIGITS = 8
# Samples of gaze are known by the time of the first.
_TIME = b'"t":'
_TIME_DIGITS = 13
_CODE = b'"codeUpdate",'

# A payload of 200 bytes.
SIGNAL = (
    b'"payload":{"type":"candidate","sdpMid":"0","candidate":"candidate:842163049 1 udp 1677729535 '
    b"203.0.113.7 46154 typ srflx raddr 10.0.0.17 rport 46154 generation 0 ufrag EEtuQwX9k2Lm "
    b'%s network-cost 999"}' % NUMBER
)
GAZE = b'"metrics":{"x":0.4821,"y":0.5137,"onScreen":true,"faces":1,"focus":"%s"}' % NUMBER
SAMPLE = b'{"t":%d,"x":0.4821,"y":0.5137,"onScreen":true,"faces":1,"focus":true}'
CHAT = b'"message":"What does this do for an empty list? %s"' % NUMBER


@dataclass(frozen=True)
class Seat:
    """Somebody's place in an interview; without a token they are whoever they say they are."""

    interview: str
    role: str
    token: str | None


@dataclass
class Seated:
    client: Client
    state: bytes = b""


def take_seats(target: Target, seats: Sequence[Seat]) -> list[Seated]:
    """Connect and join, some at a time; returns once everybody is in."""
    taken: list[Seated] = []
    for start in range(0, len(seats), AT_ONCE):
        batch = seats[start : start + AT_ONCE]
        clients = [Client(target) for _ in batch]
        for seat, client in zip(batch, clients, strict=True):
            client.enter(seat.token)
        ids = [client.await_entry() for client in clients]
        numbers = [
            client.ask("joinRoom", _join(target, seat))
            for seat, client in zip(batch, clients, strict=True)
        ]
        for client, own_id, number in zip(clients, ids, numbers, strict=True):
            if target.keeps:
                _, attachments = client.answer(number)
                taken.append(Seated(client, attachments[0]))
            else:
                client.await_packet(_tells_of(own_id))
                taken.append(Seated(client))
    return taken


def _tells_of(socket_id: str) -> Callable[[bytes], bool]:
    own = b'"socketId":"%s"' % socket_id.encode()
    return lambda text: b'"userJoined"' in text and own in text


def _join(target: Target, seat: Seat) -> dict[str, Any]:
    wish: dict[str, Any] = {"interviewId": seat.interview, "role": seat.role}
    if target.keeps:
        wish["sync"] = "yjs"
        if seat.role == "candidate":
            wish["consent"] = {"gaze": True, "recording": True}
    return wish


class Room:
    """One interview; the first of its clients is the candidate, who types and is watched.

    Gaze is told as the metrics of older clients, or with `samples`, as so many samples at once.
    """

    def __init__(
        self,
        target: Target,
        interview: str,
        seated: Sequence[Seated],
        meter: Meter,
        typist: Typist,
        samples: int,
    ) -> None:
        self._target = target
        self.interview = interview
        self._head = b'{"interviewId":"%s",' % interview.encode()
        self.clients = [each.client for each in seated]
        self._meter = meter
        self._typist = typist
        self._yjs: YjsTypist | None = None
        # Updates are known again by their bytes, and snapshots come in the order sent.
        self._updates: dict[bytes, int] = {}
        self._samples = samples
        self._times: dict[bytes, int] = {}
        self._sampled_until = 0
        self._snapshots: list[int] = []
        self._turn = 0
        self._state = seated[0].state

    @property
    def digest(self) -> str:
        """The SHA-256 of the text as it is here."""
        return hashlib.sha256(self._typist.text.encode()).hexdigest()

    def start(self, loop: Loop) -> None:
        for client in self.clients:
            client.run_in(loop, self._hears())

    def begin_typing(self) -> None:
        """Write what the typist starts from into the shared document."""
        if self._target.keeps:
            self._yjs = YjsTypist(self._typist, self._state)
            if update := self._yjs.begin():
                self._emit_update(update, time.monotonic())

    def signal(self, moment: float) -> None:
        number = self._meter.begin(moment, len(self.clients) - 1)
        self._next().emit(self._event(b"signal", SIGNAL % number))

    def gaze(self, moment: float) -> None:
        number = self._meter.begin(moment, len(self.clients) - 1)
        metrics = self._take_samples(number) if self._samples else GAZE % number
        self.clients[0].emit(self._event(b"eyeTracking", metrics))

    def chat(self, moment: float) -> None:
        number = self._meter.begin(moment, len(self.clients))
        packet = self._event(b"chatMessage", CHAT % number)
        self._next().emit(packet, acknowledged=self._target.keeps)

    def edit(self, moment: float) -> None:
        if self._yjs:
            self._emit_update(self._yjs.update(), moment)
        else:
            self._snapshots.append(self._meter.begin(moment, len(self.clients) - 1))
            self.clients[0].emit(self._event(b"codeUpdate", self._typist.snapshot()))

    def _emit_update(self, update: bytes, moment: float) -> None:
        self._updates[update] = self._meter.begin(moment, len(self.clients) - 1)
        place = b'"update":{"_placeholder":true,"num":0}'
        self.clients[0].emit(self._event(b"codeUpdate", place), update, acknowledged=True)

    def _take_samples(self, number: int) -> bytes:
        """Return the samples of the second before now, or of the time since the last."""
        now = int(1000 * time.time())
        first = max(now - SECOND, self._sampled_until)
        self._sampled_until = now
        self._times[b"%d" % first] = number
        step = (now - first) / self._samples
        return b'"samples":[%b]' % b",".join(
            SAMPLE % (first + step * index) for index in range(self._samples)
        )

    def _event(self, name: bytes, fields: bytes) -> bytes:
        return b'["%s",%s%s}]' % (name, self._head, fields)

    def _next(self) -> Client:
        """Return who speaks next: everybody but the watcher in turn."""
        self._turn += 1
        return self.clients[self._turn % min(2, len(self.clients))]

    def _hears(self) -> Callable[[Packet], None]:
        meter, updates, snapshots = self._meter, self._updates, iter(self._snapshots)
        times = self._times

        def hear(packet: Packet) -> None:
            text, attachments = packet
            if _CODE in text[:64]:
                # What others wrote, as the service itself does at the start, is not counted.
                number = updates.get(attachments[0]) if attachments else next(snapshots)
                if number is not None:
                    meter.arrive(number)
            elif (at := text.find(_NUMBER)) >= 0:
                at += len(_NUMBER)
                meter.arrive(int(text[at : at + _DIGITS]))
            elif (at := text.find(_TIME)) >= 0:
                at += len(_TIME)
                meter.arrive(times[text[at : at + _TIME_DIGITS]])

        return hear


class Rooms:
    """Many rooms with the same things going on in each, evenly spread over time.

    `rates` says how often a second `signal`, `edit`, `gaze` and `chat` happen in each room, and
    `samples` how many samples there are in an event of gaze.
    """

    def __init__(self, target: Target, told: dict[str, Any], loop: Loop) -> None:
        self.meter = Meter()
        self._target = target
        self._loop = loop
        self._seats: list[list[Seat]] = [
            [Seat(each["id"], role, token) for role, token in each["seats"]]
            for each in told["interviews"]
        ]
        self._rates: dict[str, float] = told["rates"]
        self._pad: int = told.get("pad", 0)
        self._samples: int = told.get("samples", 0)
        self.rooms: list[Room] = []

    @property
    def capacity(self) -> int:
        return len(self._seats)

    @property
    def received(self) -> int:
        return sum(client.received for room in self.rooms for client in room.clients)

    def open(self, count: int | None = None) -> None:
        """Have everybody of the first `count` rooms come in, where they have not yet."""
        seats = self._seats[len(self.rooms) : count]
        seated = iter(take_seats(self._target, [seat for each in seats for seat in each]))
        opened = []
        for members in seats:
            present = [next(seated) for _ in members]
            start = len(self.rooms) * KEYSTROKES // self.capacity
            typist = Typist(start if self._rates.get("edit") else 0, self._pad)
            interview = members[0].interview
            room = Room(self._target, interview, present, self.meter, typist, self._samples)
            self.rooms.append(room)
            opened.append(room)
        for room in opened:
            room.start(self._loop)
            if self._rates.get("edit"):
                room.begin_typing()

    def begin(self, start: float, stop: float, count: int | None = None) -> None:
        """Schedule what happens in the first `count` rooms from `start` until `stop`."""
        rooms = self.rooms[:count]
        for kind, rate in self._rates.items():
            for index, room in enumerate(rooms):
                first = start + index / len(rooms) / rate
                self._loop.every(1 / rate, first, stop, getattr(room, kind))

    def settled(self) -> bool:
        """Tell whether everything has arrived and is acknowledged."""
        return not self.meter.missing and not any(
            client.unacknowledged for room in self.rooms for client in room.clients
        )

    def result(self) -> dict[str, Any]:
        for room in self.rooms:
            for client in room.clients:
                self.meter.failures += [refusal.decode() for refusal in client.refusals]
                client.refusals.clear()
        texts = {room.interview: room.digest for room in self.rooms}
        return {**self.meter.result(), "texts": texts if self._rates.get("edit") else {}}
