"""The payloads of the socket events, as msgspec structs: checked in about a microsecond.

A struct's constraints are the wire contract's; what does not fit is refused whole.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
import orjson
from bson import ObjectId
from msgspec import Meta, Struct

from ..core.errors import Invalid

InterviewId = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{24}\Z")]
SocketId = Annotated[str, Meta(min_length=1, max_length=64)]
Snapshot = Annotated[str, Meta(max_length=512 * 1024)]
Update = Annotated[bytes, Meta(max_length=256 * 1024)]
Message = Annotated[str, Meta(min_length=1, max_length=4000)]

MAX_SIGNAL_BYTES = 64 * 1024
MAX_METRICS_BYTES = 16 * 1024
MAX_METRICS_DEPTH = 8

# How msgspec, or a struct below, names the field at fault, and what is left to say of it.
_FIELD = (
    (re.compile(r"^(?P<problem>.*) - at `\$\.(?P<field>\w+).*`$"), "{problem}"),
    (re.compile(r"^Object missing required field `(?P<field>\w+)`$"), "Missing."),
    (re.compile(r"^Object contains unknown field `(?P<field>\w+)`$"), "Unknown field."),
    (re.compile(r"^(?P<field>\w+): (?P<problem>.*)$"), "{problem}"),
)


class RoomEvent(Struct, forbid_unknown_fields=True):
    """What every event says: which interview it belongs to."""

    interviewId: InterviewId

    @property
    def interview_id(self) -> ObjectId:
        return ObjectId(self.interviewId)


class JoinRoom(RoomEvent):
    # Taken because clients send it; the role is the account's, whatever it says.
    role: Annotated[str, Meta(max_length=32)] | None = None
    sync: Literal["yjs"] | None = None


class LeaveRoom(RoomEvent):
    pass


class Signal(RoomEvent):
    payload: Any
    to: SocketId | None = None

    def __post_init__(self) -> None:
        _bound("payload", self.payload, MAX_SIGNAL_BYTES)

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


class CodeUpdate(RoomEvent):
    codeSnapshot: Snapshot | None = None
    update: Update | None = None

    def __post_init__(self) -> None:
        if (self.codeSnapshot is None) == (self.update is None):
            raise ValueError("codeSnapshot: either this or update is needed")


class EyeTracking(RoomEvent):
    metrics: dict[str, Any]

    def __post_init__(self) -> None:
        _bound("metrics", self.metrics, MAX_METRICS_BYTES)
        _check_storable(self.metrics, MAX_METRICS_DEPTH)


class ChatMessage(RoomEvent):
    message: Message

    def __post_init__(self) -> None:
        if not self.message.strip():
            raise ValueError("message: must not be blank")
        if "\0" in self.message:
            raise ValueError("message: must not hold NUL")


EVENTS: dict[str, type[RoomEvent]] = {
    "joinRoom": JoinRoom,
    "signal": Signal,
    "codeUpdate": CodeUpdate,
    "eyeTracking": EyeTracking,
    "chatMessage": ChatMessage,
    "leaveRoom": LeaveRoom,
}


def load(event: str, payload: object) -> RoomEvent:
    """Return the payload of `event`. Raises `Invalid`, naming the field at fault."""
    try:
        # Attachments are bytes as they come; no text is taken for some in base64.
        return msgspec.convert(payload, EVENTS[event], builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        field, problem = _spell(str(error))
        raise Invalid({field: [problem]}) from error


def _spell(text: str) -> tuple[str, str]:
    """Return the field at fault and what is wrong with it."""
    for pattern, problem in _FIELD:
        if match := pattern.match(text):
            return match["field"], problem.format(**match.groupdict())
    return "payload", text


def _bound(field: str, value: Any, most: int) -> None:
    try:
        size = len(orjson.dumps(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{field}: only JSON values can be sent") from error
    if size > most:
        raise ValueError(f"{field}: at most {most} bytes of JSON")


def _check_storable(value: Any, depth: int) -> None:
    if isinstance(value, dict):
        if any("\0" in key or key.startswith("$") for key in value):
            raise ValueError("metrics: names must not start with $ or hold NUL")
        value = list(value.values())
    if isinstance(value, list):
        if not depth:
            raise ValueError(f"metrics: nested more than {MAX_METRICS_DEPTH} deep")
        for part in value:
            _check_storable(part, depth - 1)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("metrics: numbers must fit 64 bits")
