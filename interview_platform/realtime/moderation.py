"""Who decides who is in an interview's room: staff, the interview's end, and people's rights."""

from __future__ import annotations

import logging
from typing import Annotated

import gevent
from bson import ObjectId
from msgspec import Meta
from pymongo.errors import PyMongoError

from ..auth.model import Role
from ..core.broadcast import Message
from ..core.errors import Conflict, Forbidden, NotFound, ServiceError
from ..core.faults import translate
from ..interviews.admission import AdmissionService
from ..interviews.model import InterviewRef
from ..interviews.presence import Presence
from ..interviews.rooms import CLOSE, socket_room_of, waiting_room_of
from ..media.participants import MediaParticipants
from .acknowledgements import acknowledge
from .attendance import Attendance
from .connections import Connection, Connections, Membership
from .events import LoggedEvent, RoomEvent, SocketId, check_text
from .handlers import Answer, Handler, Handlers, RoomHandler
from .proceedings import Proceedings
from .rooms import Rooms

log = logging.getLogger(__name__)

# Between processes: that a socket is shown out.
REMOVE = "room:remove"


class Admit(RoomEvent):
    pass


class Remove(LoggedEvent):
    socketId: SocketId
    reason: Annotated[str, Meta(max_length=500)] | None = None

    def __post_init__(self) -> None:
        check_text("reason", self.reason or "")


class Moderation:
    """Lets in who waits, and shows out who may not stay."""

    def __init__(
        self,
        *,
        connections: Connections,
        rooms: Rooms,
        attendance: Attendance,
        proceedings: Proceedings,
        admission: AdmissionService,
        presence: Presence,
        media: MediaParticipants,
    ) -> None:
        self._connections = connections
        self._rooms = rooms
        self._attendance = attendance
        self._proceedings = proceedings
        self._admission = admission
        self._presence = presence
        self._media = media
        rooms.on(CLOSE, self._close)
        rooms.on(REMOVE, self._remove_here)

    def handlers(self) -> Handlers:
        return {
            "admit": Handler(Admit, self._admit, cost=10),
            "remove": RoomHandler(Remove, self._remove),
        }

    def review(self) -> None:
        """Show out of every room of this process who may not be there any more, and let in
        who waits and may come in by now.

        The store is asked once. A socket's own `userLeft` is the last that it hears of the
        room. Raises PyMongo's errors.
        """
        present = [
            (connection, connection.actor, interview_id)
            for connection in self._connections
            for interview_id in connection.places
        ]
        if not present:
            return
        visits = self._admission.visits({(actor, where) for _, actor, where in present})
        for connection, actor, interview_id in present:
            visit = visits[actor, interview_id]
            if isinstance(visit, ServiceError):
                # Where the interview is over, it is so for everyone.
                self._show_out(connection, interview_id, tell=not isinstance(visit, Conflict))
            elif str(interview_id) in connection.waiting and not visit.waits:
                # It waits for the stores: nobody else's turn must wait for that.
                gevent.spawn(self._let_in, connection, visit)

    def _let_in(self, connection: Connection, visit: InterviewRef) -> None:
        try:
            self._attendance.let_in(connection, visit)
        except (ServiceError, PyMongoError) as error:
            log.warning("somebody waits on: %s", translate(error).message)

    def _admit(self, connection: Connection, event: Admit) -> Answer:
        self._admission.let_in(connection.actor, event.interview_id)
        return {"ok": True}

    def _remove(self, membership: Membership, event: Remove) -> Answer:
        interview_id = membership.hosted.interview_id
        person = self._presence.of_socket(interview_id, event.socketId)
        if person is None:
            raise NotFound("Nobody is here by this socket")
        if person.role == Role.ADMIN and membership.connection.actor.role is not Role.ADMIN:
            raise Forbidden("Only an admin removes an admin")
        self._media.remove_person(interview_id, ObjectId(person.user_id))
        entry = self._proceedings.note(
            membership,
            "system",
            {
                "event": "participant.removed",
                "socketId": event.socketId,
                "userId": person.user_id,
                "reason": event.reason,
            },
            client_id=event.clientId,
        )
        data = {"interviewId": event.interviewId, "reason": event.reason}
        room_of_one = waiting_room_of if person.waiting else socket_room_of
        self._rooms.say(room_of_one(interview_id, event.socketId), REMOVE, data)
        return acknowledge(entry.stored)

    def _remove_here(self, message: Message) -> None:
        interview_id = ObjectId(message.data["interviewId"])
        connection = self._connections.get(message.room.rpartition(":")[2])
        if connection:
            self._rooms.tell(connection, "removed", message.data)
            self._attendance.leave(connection, interview_id)

    def _show_out(self, connection: Connection, interview_id: ObjectId, *, tell: bool) -> None:
        self._rooms.tell(connection, "userLeft", {"socketId": connection.socket_id})
        self._attendance.leave(connection, interview_id, tell=tell)

    def _close(self, message: Message) -> None:
        interview_id = ObjectId(message.data)
        for connection in self._connections:
            if interview_id in connection.places:
                self._attendance.leave(connection, interview_id, tell=False)
