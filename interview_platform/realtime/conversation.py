"""What people in a room exchange: signals, chat, runs of their code, bookmarks, media."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from ..core.clock import milliseconds, utcnow
from ..core.errors import NotFound
from ..interviews.presence import Presence
from ..interviews.rooms import socket_room_of
from .acknowledgements import acknowledge
from .connections import Connection, Membership
from .events import LoggedEvent, SocketId, bound_json, check_size, check_text, check_title
from .handlers import Answer, Handlers, RoomHandler
from .proceedings import Audience, Proceedings
from .rooms import Rooms

MAX_SIGNAL_BYTES = 64 * 1024
MAX_OUTPUT = 64 * 1024

Message = Annotated[str, Meta(min_length=1, max_length=4000)]
Language = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9+#._ -]{0,39}\Z")]


class Signal(LoggedEvent):
    payload: Any
    to: SocketId | None = None

    def __post_init__(self) -> None:
        bound_json("payload", self.payload, MAX_SIGNAL_BYTES)

    @property
    def kind(self) -> str:
        """What the log keeps of the payload: its type, never what is in it."""
        if isinstance(self.payload, dict):
            kind = self.payload.get("type")
            if kind in ("offer", "answer", "pranswer", "rollback", "candidate"):
                return str(kind)
            if "candidate" in self.payload:
                return "candidate"
        return "other"


class ChatMessage(LoggedEvent):
    message: Message

    def __post_init__(self) -> None:
        check_text("message", self.message, blank=False)


class CodeRun(LoggedEvent):
    """A run of the code in somebody's own sandbox; `durationMs` is in milliseconds."""

    language: Language
    stdout: str
    stderr: str
    exitCode: Annotated[int, Meta(ge=-(2**31), lt=2**32)]
    durationMs: Annotated[float, Meta(ge=0, le=24 * 3600 * 1000)]
    stdin: str | None = None

    def __post_init__(self) -> None:
        for field, text in (
            ("stdin", self.stdin),
            ("stdout", self.stdout),
            ("stderr", self.stderr),
        ):
            check_size(field, len(text or ""), MAX_OUTPUT, "characters")

    @property
    def told(self) -> dict[str, Any]:
        return {
            "language": self.language,
            "stdin": self.stdin,
            "stdout": self.stdout,
            "stderr": self.stderr,
            "exitCode": self.exitCode,
            "durationMs": self.durationMs,
        }


class Bookmark(LoggedEvent):
    label: Annotated[str, Meta(min_length=1, max_length=200)]
    rating: Annotated[int, Meta(ge=1, le=5)] | None = None

    def __post_init__(self) -> None:
        check_title("label", self.label)


class Quality(Struct, forbid_unknown_fields=True):
    """How a connection does: round trip in ms, loss as a share, bit rate in bits a second."""

    rtt: Annotated[float, Meta(ge=0, le=600_000)] | None = None
    loss: Annotated[float, Meta(ge=0, le=1)] | None = None
    bitrate: Annotated[float, Meta(ge=0, le=1e12)] | None = None
    level: Literal["good", "fair", "poor"] | None = None

    @property
    def told(self) -> dict[str, Any]:
        values = {
            "rtt": self.rtt,
            "loss": self.loss,
            "bitrate": self.bitrate,
            "level": self.level,
        }
        return {name: value for name, value in values.items() if value is not None}


class MediaState(LoggedEvent):
    camera: bool | None = None
    microphone: bool | None = None
    screen: bool | None = None
    quality: Quality | None = None

    def __post_init__(self) -> None:
        if not self.devices and self.quality is None:
            raise ValueError("camera: one of camera, microphone, screen or quality is needed")

    @property
    def devices(self) -> dict[str, bool]:
        """What is said of devices; what is left out stays."""
        values = {"camera": self.camera, "microphone": self.microphone, "screen": self.screen}
        return {name: on for name, on in values.items() if on is not None}


class Conversation:
    """Signals and the quality of connections pass by; all else is kept in the log."""

    def __init__(self, proceedings: Proceedings, rooms: Rooms, presence: Presence) -> None:
        self._proceedings = proceedings
        self._rooms = rooms
        self._presence = presence

    def handlers(self) -> Handlers:
        return {
            "signal": RoomHandler(Signal, self._signal),
            "chatMessage": RoomHandler(ChatMessage, self._chat),
            "codeRun": RoomHandler(CodeRun, self._run),
            "bookmark": RoomHandler(Bookmark, self._bookmark),
            "mediaState": RoomHandler(MediaState, self._media),
        }

    def _signal(self, membership: Membership, event: Signal) -> Answer:
        hosted, to = membership.hosted, event.to
        socket_id = membership.connection.socket_id
        if to and (to == socket_id or not self._presence.has_joined(hosted.interview_id, to)):
            raise NotFound("Nobody else is in the room by this socket")
        kept = {"signal": event.kind, "to": to or "room"}
        entry = self._proceedings.note(membership, "webrtc", kept, client_id=event.clientId)
        data = {"socketId": socket_id, "payload": event.payload}
        room = socket_room_of(hosted.interview_id, to) if to else hosted.room
        self._rooms.say(room, "signal", data, skip=socket_id)
        return acknowledge(entry.stored)

    def _chat(self, membership: Membership, event: ChatMessage) -> Answer:
        connection = membership.connection
        now = utcnow()
        told = {
            "message": event.message,
            "from": connection.socket_id,
            "timestamp": milliseconds(now),
            **_who(connection),
        }
        return self._proceedings.tell(
            membership,
            "chat",
            {"message": event.message, "socketId": connection.socket_id},
            event="chatMessage",
            told=told,
            at=now,
            client_id=event.clientId,
        )

    def _run(self, membership: Membership, event: CodeRun) -> Answer:
        connection = membership.connection
        now = utcnow()
        return self._proceedings.tell(
            membership,
            "system",
            {"event": "code.run", **event.told},
            event="codeRun",
            told={**event.told, **_who(connection), "timestamp": milliseconds(now)},
            skip=connection.socket_id,
            at=now,
            client_id=event.clientId,
        )

    def _bookmark(self, membership: Membership, event: Bookmark) -> Answer:
        now = utcnow()
        mark = {"label": event.label, "rating": event.rating}
        return self._proceedings.tell(
            membership,
            "system",
            {"event": "bookmark", **mark},
            event="bookmark",
            told={**mark, **_who(membership.connection), "timestamp": milliseconds(now)},
            audience=Audience.STAFF,
            at=now,
            client_id=event.clientId,
        )

    def _media(self, membership: Membership, event: MediaState) -> Answer:
        interview_id = membership.hosted.interview_id
        devices, socket_id = event.devices, membership.connection.socket_id
        changes: dict[str, Any] = dict(devices)
        if event.quality:
            changes["quality"] = event.quality.told
        if not devices:
            self._presence.update(interview_id, socket_id, **changes)
            return {"ok": True}
        kept = {"event": "media.state", "socketId": socket_id, **devices}
        entry = self._proceedings.note(membership, "webrtc", kept, client_id=event.clientId)
        self._presence.update(interview_id, socket_id, **changes)
        return acknowledge(entry.stored)


def _who(connection: Connection) -> dict[str, Any]:
    return {"userId": str(connection.actor.user_id), "name": connection.actor.name}
