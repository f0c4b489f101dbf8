"""Who is in an interview's room: waiting, coming in and leaving."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Literal

import gevent
from bson import ObjectId
from msgspec import Meta, Struct

from ..core.broadcast import Message
from ..core.clock import milliseconds, utcnow
from ..core.errors import Forbidden, NotFound, ServiceError
from ..core.promise import Promise
from ..interviews.admission import AdmissionService
from ..interviews.model import Admission, InterviewRef
from ..interviews.presence import Presence, Seat
from ..interviews.rooms import socket_room_of, waiting_room_of
from ..telemetry.service import Consent, ConsentService
from ..transport.limits import EVENT_BYTES
from .acknowledgements import Acknowledgement
from .awareness import AwarenessRelay
from .connections import Connection, Connections, Membership, Waiting
from .editing import Editing
from .events import ClientTime, RoomEvent, check_size
from .handlers import Answer, Handler, Handlers
from .hosted import Hosted
from .hosting import Hosts
from .missed import CaughtUp, Missed
from .observing import Observing
from .proceedings import Proceedings
from .replica import Replica
from .rooms import Rooms

log = logging.getLogger(__name__)

# What a state vector of as many clients as a document may have weighs at most, in bytes.
MAX_VECTOR = 64 * 1024


class ConsentChoice(Struct, forbid_unknown_fields=True):
    gaze: bool
    recording: bool


class JoinRoom(RoomEvent):
    # Taken because clients send it; the role is the account's, whatever it says.
    role: Annotated[str, Meta(max_length=32)] | None = None
    sync: Literal["yjs"] | None = None
    sv: bytes | None = None
    sinceSeq: Annotated[int, Meta(ge=0, lt=2**53)] | None = None
    consent: ConsentChoice | None = None
    # When it is sent.
    clientTime: ClientTime | None = None

    def __post_init__(self) -> None:
        if self.sv is not None and self.sync is None:
            raise ValueError('sv: is for those who join with sync: "yjs"')
        check_size("sv", len(self.sv or b""), MAX_VECTOR)


class LeaveRoom(RoomEvent):
    pass


class Attendance:
    """Lets sockets into rooms and out of them, tells those who are there, and logs it."""

    def __init__(
        self,
        *,
        connections: Connections,
        rooms: Rooms,
        hosts: Hosts,
        proceedings: Proceedings,
        editing: Editing,
        awareness: AwarenessRelay,
        missed: Missed,
        admission: AdmissionService,
        observing: Observing,
        consents: ConsentService,
        presence: Presence,
    ) -> None:
        self._connections = connections
        self._rooms = rooms
        self._hosts = hosts
        self._proceedings = proceedings
        self._editing = editing
        self._awareness = awareness
        self._missed = missed
        self._admission = admission
        self._observing = observing
        self._consents = consents
        self._presence = presence
        rooms.on("userJoined", self._hear_joined)
        rooms.on("userLeft", self._hear_left)

    def handlers(self) -> Handlers:
        return {
            "joinRoom": Handler(JoinRoom, self._join, cost=10),
            "leaveRoom": Handler(LeaveRoom, self._leave, cost=5),
        }

    def leave(self, connection: Connection, interview_id: ObjectId, *, tell: bool = True) -> None:
        """Have the socket leave the room, or the waiting room, if it is there; never waits.

        The others are told, unless they leave as well.
        """
        if waiting := connection.waiting.pop(str(interview_id), None):
            self._rooms.leave(connection, waiting.rooms)
            self._rooms.forget(*waiting.rooms)
            self._presence.leave(interview_id, connection.socket_id)
        membership = connection.joined.pop(str(interview_id), None)
        if membership is None:
            return
        hosted = membership.hosted
        self._rooms.leave(connection, membership.rooms)
        self._presence.leave(interview_id, connection.socket_id)
        self._observing.left(connection, interview_id)
        if hosted.replica:
            hosted.replica.plain.pop(connection.socket_id, None)
        told = _told(connection)
        try:
            entry = self._proceedings.note(
                membership, "system", {"event": "participant.left", **told}
            )
            told["id"] = str(entry.id)
        except ServiceError:
            log.warning("the log does not take that somebody has left")
        if tell:
            self._rooms.say(hosted.room, "userLeft", told)
        self._let_go(interview_id, membership.rooms[-1])

    def leave_all(self, connection: Connection) -> None:
        for interview_id in connection.places:
            self.leave(connection, interview_id)

    def _join(self, connection: Connection, event: JoinRoom) -> Answer:
        """Have the socket come in, or wait; doing so again brings it up to date.

        Raises what `AdmissionService.admit` does, and `Unavailable` where the log takes no
        more.
        """
        interview_id = event.interview_id
        if event.clientTime is not None:
            connection.clock.observe(milliseconds(utcnow()), event.clientTime, certain=True)
        interview = self._admission.admit(connection.actor, interview_id)
        if event.consent is not None:
            self._observing.give_consent(
                connection,
                interview_id,
                gaze=event.consent.gaze,
                recording=event.consent.recording,
            )
        if interview.waits:
            return self._wait(connection, interview, event)
        answer: Answer = {}
        try:
            answer = self._enter(connection, interview, event)
        finally:
            if membership := connection.joined.get(str(interview_id)):
                _once_answered(answer, partial(self._editing.begin, membership))
        return answer

    def _wait(self, connection: Connection, interview: InterviewRef, event: JoinRoom) -> Answer:
        interview_id, key = interview.id, str(interview.id)
        answer = {"ok": True, "waiting": True, **_standing(connection, interview)}
        if key in connection.waiting:
            connection.waiting[key].wish = event
            return answer
        own = waiting_room_of(interview_id, connection.socket_id)
        waiting = Waiting(interview_id, [waiting_room_of(interview_id), own], event)
        self._rooms.listen(*waiting.rooms)
        if connection not in self._connections or key in connection.waiting:
            self._rooms.forget(*waiting.rooms)
            raise NotFound("The socket is gone")
        self._begin_to_wait(connection, waiting)
        self._rooms.tell(connection, "waiting", {"interviewId": str(interview_id)})
        # Once more, as the waiting room hears that it is opened only from now on.
        now = self._admission.admit(connection.actor, interview_id)
        if not now.waits:
            self.let_in(connection, now)
        return answer

    def _begin_to_wait(self, connection: Connection, waiting: Waiting) -> None:
        connection.waiting[str(waiting.interview_id)] = waiting
        self._rooms.enter(connection, waiting.rooms)
        self._presence.enter(waiting.interview_id, _seat(connection, waiting=True))

    def let_in(self, connection: Connection, interview: InterviewRef) -> None:
        """Bring a socket from the waiting room into the room, and tell it so."""
        waiting = connection.waiting.pop(str(interview.id), None)
        if waiting is None:
            return
        self._rooms.leave(connection, waiting.rooms)
        try:
            answer = self._enter(connection, interview, waiting.wish)
        except Exception:
            if connection in self._connections:
                # The next review tries again.
                self._begin_to_wait(connection, waiting)
            else:
                self._rooms.forget(*waiting.rooms)
                self._presence.leave(interview.id, connection.socket_id)
            raise
        self._rooms.forget(*waiting.rooms)

        def tell(done: Promise[Acknowledgement]) -> None:
            if not done.exception():
                held = {name: value for name, value in done.result().items() if name != "ok"}
                told = {"interviewId": str(interview.id), **held}
                self._rooms.tell(connection, "admitted", told)
            if membership := connection.joined.get(str(interview.id)):
                self._editing.begin(membership)

        if isinstance(answer, Promise):
            answer.add_done_callback(tell)

    def _enter(self, connection: Connection, interview: InterviewRef, event: JoinRoom) -> Answer:
        interview_id = event.interview_id
        hosted = self._hosts.open(interview_id)
        membership = _membership(connection, hosted, event)
        own = membership.rooms[-1]
        self._rooms.listen(own)
        try:
            replica = self._editing.open(hosted, lambda: self._admission.starter(interview_id))
            consent = self._consents.current(interview_id)
            # Staff are told everything.
            admissions = None if connection.is_staff else self._admission.admissions(interview)
            entered, answer = self._take_in(membership, replica, event, admissions)
        except BaseException:
            self._let_go(interview_id, own)
            raise
        answer = {**answer, **_standing(connection, interview), "consent": _choice(consent)}
        if not entered:
            self._let_go(interview_id, own)
            return {"ok": True, **answer, "participants": self._presence.participants(interview_id)}
        try:
            acknowledged = self._welcome(membership, answer)
            # Once more, as the room hears of changes to the interview only from now on.
            self._admission.admit(connection.actor, interview_id)
        except Exception:
            self.leave(connection, interview_id)
            raise
        return acknowledged

    def _take_in(
        self,
        membership: Membership,
        replica: Replica,
        event: JoinRoom,
        admissions: Sequence[Admission] | None,
    ) -> tuple[bool, Acknowledgement]:
        """Have the socket enter, and return whether it came in just now, and what it is told.

        One that is in already takes part as it asks to from now on. With `admissions`,
        nothing reaches it that was logged before the latest of them, but by a replay of
        what was logged within an earlier one.
        """
        connection, hosted = membership.connection, membership.hosted
        key = str(hosted.interview_id)
        caught_up = None
        # Who is in, and asked for that before, is told everything as it happens.
        followed = key in connection.joined and connection.joined[key].follows
        if admissions:
            self._missed.reach(hosted, admissions[-1].first)
        if event.sinceSeq is not None and not followed:
            caught_up = CaughtUp(event.sinceSeq)
            with self._missed.turn_of(connection.actor.user_id):
                caught_up = self._missed.send(hosted, connection, caught_up, admissions)
        with replica:
            if caught_up:
                caught_up = self._missed.send(hosted, connection, caught_up, admissions)
            # From here on nothing waits, so that nothing falls between then and now.
            if connection not in self._connections:
                raise NotFound("The socket is gone")
            former = connection.joined.get(key)
            state = self._editing.state(membership, event.sv)
            document = state.get("update") or state.get("codeSnapshot") or ""
            connection.tokens.owe(len(document) / EVENT_BYTES)
            if former:
                membership.awareness = former.awareness
                self._rooms.leave(connection, former.rooms)
            connection.joined[key] = membership
            self._rooms.enter(connection, membership.rooms)
            if membership.follows:
                self._rooms.follow(connection, hosted.interview_id)
            if caught_up:
                self._missed.send_unnumbered(hosted, connection)
            elif event.sinceSeq is not None:
                caught_up = CaughtUp(hosted.feed.upto)
        return former is None, {**state, **(caught_up.told if caught_up else {})}

    def _welcome(self, membership: Membership, answer: Acknowledgement) -> Promise[Acknowledgement]:
        connection, interview_id = membership.connection, membership.hosted.interview_id
        self._presence.enter(interview_id, _seat(connection, waiting=False))
        told = _told(connection)
        actor = connection.actor
        newcomer = {
            **told,
            "role": str(actor.role),
            "userId": str(actor.user_id),
            "name": actor.name,
        }
        return self._proceedings.tell(
            membership,
            "system",
            {"event": "participant.joined", **told},
            event="userJoined",
            told=newcomer,
            **answer,
            participants=self._presence.participants(interview_id),
        )

    def _hear_joined(self, message: Message) -> None:
        self._rooms.pass_on(message)
        if hosted := self._hosts.of_room(message.room):
            socket_id = message.data["socketId"]
            self._presence.note_joined(hosted.interview_id, socket_id)
            here = self._connections.get(socket_id) is not None
            self._awareness.send_standing(hosted, socket_id, here=here)

    def _hear_left(self, message: Message) -> None:
        self._rooms.pass_on(message)
        if hosted := self._hosts.of_room(message.room):
            self._presence.note_left(hosted.interview_id, message.data["socketId"])

    def _let_go(self, interview_id: ObjectId, own: str) -> None:
        self._rooms.forget(own)
        self._hosts.release(interview_id)

    def _leave(self, connection: Connection, event: LeaveRoom) -> Answer:
        interview_id = event.interview_id
        if interview_id not in connection.places:
            raise Forbidden("Join the room first")
        self.leave(connection, interview_id)
        return {"ok": True}


def _membership(connection: Connection, hosted: Hosted, event: JoinRoom) -> Membership:
    yjs = event.sync == "yjs"
    rooms = [hosted.room, *([hosted.yjs_room] if yjs else [])]
    if connection.is_staff:
        rooms.append(hosted.staff_room)
    rooms.append(socket_room_of(hosted.interview_id, connection.socket_id))
    return Membership(connection, hosted, rooms, yjs=yjs, follows=event.sinceSeq is not None)


def _once_answered(answer: Answer, call: Callable[[], None]) -> None:
    """Have `call` run once a handler's answer, which it is about to return, is sent."""
    # It is sent in one step with the handler's return or, where it is to come, with its end.
    if isinstance(answer, Promise):
        answer.add_done_callback(lambda _: gevent.spawn(call))
    else:
        gevent.spawn(call)


def _standing(connection: Connection, interview: InterviewRef) -> dict[str, Any]:
    return {"role": str(connection.actor.role), "status": str(interview.status)}


def _seat(connection: Connection, *, waiting: bool) -> Seat:
    actor = connection.actor
    return Seat(
        socket_id=connection.socket_id,
        user_id=str(actor.user_id),
        name=actor.name,
        role=str(actor.role),
        since=utcnow(),
        waiting=waiting,
    )


def _choice(consent: Consent | None) -> dict[str, Any] | None:
    if consent is None:
        return None
    return {"gaze": consent.gaze, "recording": consent.recording, "version": consent.version}


def _told(connection: Connection) -> dict[str, Any]:
    return {"socketId": connection.socket_id}
