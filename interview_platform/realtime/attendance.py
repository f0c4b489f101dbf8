"""Who is in an interview's room: coming in, leaving, and being shown out."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from bson import ObjectId

from ..core.errors import Conflict, NotFound
from ..interviews.rooms import room_of, socket_room_of
from ..interviews.service import InterviewService
from ..session_log.service import SessionLog
from .acknowledgements import Acknowledgement, accepted, acknowledge
from .connections import Connection, Connections
from .rooms import Rooms


class Attendance:
    """Lets sockets into rooms and out of them, tells those who are there, and logs it."""

    def __init__(
        self,
        connections: Connections,
        rooms: Rooms,
        interviews: InterviewService,
        session_log: SessionLog,
    ) -> None:
        self._connections = connections
        self._rooms = rooms
        self._interviews = interviews
        self._log = session_log

    def join(
        self, connection: Connection, interview_id: ObjectId, *, yjs: bool
    ) -> Acknowledgement | Future[Acknowledgement]:
        """Have the socket come in, and return the acknowledgement; doing so again changes nothing.

        With `yjs` it hears binary updates from then on. Raises what `InterviewService.admit`
        does, and `Unavailable` where the log takes no more.
        """
        interview = self._interviews.admit(connection.actor, interview_id)
        answer = {"role": str(connection.actor.role), "status": str(interview.status)}
        names = self._rooms.listen(connection, interview_id, yjs=yjs)
        if connection not in self._connections:
            self._rooms.forget(names)
            raise NotFound("The socket is gone")
        if not self._rooms.enter(connection, interview_id, names):
            return {"ok": True, **answer}
        try:
            stored = accepted(self._append(connection, interview_id, "participant.joined"))
        except Exception:
            self._rooms.leave(connection, interview_id)
            raise
        self._welcome(connection, interview_id)
        try:
            # Once more, as the room hears of changes to the interview only from now on.
            self._interviews.admit(connection.actor, interview_id)
        except Exception:
            self.leave(connection, interview_id)
            raise
        return acknowledge(stored, **answer)

    def leave(self, connection: Connection, interview_id: ObjectId) -> None:
        """Have the socket leave the room, if it is there."""
        if self._rooms.leave(connection, interview_id):
            self._rooms.say(room_of(interview_id), "userLeft", _told(connection))
            # It has left, whether the log takes it or not.
            self._append(connection, interview_id, "participant.left")

    def leave_all(self, connection: Connection) -> None:
        for interview_id in list(connection.joined):
            self.leave(connection, interview_id)

    def review(self) -> None:
        """Show out of every room of this process who may not be there any more.

        The store is asked once. A socket's own `userLeft` is the last that it hears of the
        room. Raises PyMongo's errors.
        """
        present = [(each, joined) for each in self._connections for joined in each.joined]
        if not present:
            return
        refusals = self._interviews.refusals({(each.actor, joined) for each, joined in present})
        for connection, interview_id in present:
            reason = refusals.get((connection.actor, interview_id))
            if reason is None or interview_id not in connection.joined:
                continue
            own = socket_room_of(interview_id, connection.socket_id)
            self._rooms.say(own, "userLeft", _told(connection))
            if isinstance(reason, Conflict):
                # The interview is over: so it is for everyone, and its log is closed.
                self._rooms.leave(connection, interview_id)
            else:
                self.leave(connection, interview_id)

    def _welcome(self, connection: Connection, interview_id: ObjectId) -> None:
        actor = connection.actor
        newcomer = {
            **_told(connection),
            "role": str(actor.role),
            "userId": str(actor.user_id),
            "name": actor.name,
        }
        self._rooms.say(room_of(interview_id), "userJoined", newcomer)

    def _append(self, connection: Connection, interview_id: ObjectId, event: str) -> Future[int]:
        data = {"event": event, **_told(connection)}
        return self._log.append(interview_id, "system", connection.actor_entry, data)


def _told(connection: Connection) -> dict[str, Any]:
    return {"socketId": connection.socket_id}
