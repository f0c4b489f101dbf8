"""What is told of a log entry, out of the log: to those who missed it when it happened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..core.clock import isoformat, milliseconds
from ..core.mongo import Document
from ..interviews.rooms import room_of, staff_room_of

# The types of entries of which something is told again. Edits of the document are not
# among them: who missed some gets the document.
TYPES = ("chat", "system")

# The types of entries that nobody waits for: nothing is told of them, or not by their ids.
UNTOLD = frozenset({"webrtc", "eye-tracking"})


class Retold(NamedTuple):
    """An event as it was told first, and the room that it was told in."""

    room: str
    event: str
    data: dict[str, Any]


def retell(entry: Document) -> Retold | None:
    """Return what is told of `entry`, or None if nothing is."""
    data = entry.get("data") or {}
    kind = "chat" if entry["type"] == "chat" else data.get("event")
    teller = _TELLERS.get(str(kind))
    actor = entry.get("actor") or {}
    if teller is None or entry.get("erased"):
        return None
    event, staff_only, tell = teller
    room = (staff_room_of if staff_only else room_of)(entry["interview"])
    return Retold(room, event, {**tell(entry, actor, data), "id": str(entry["_id"])})


_Tell = Callable[[Document, Document, Document], dict[str, Any]]


def _joined(_: Document, actor: Document, data: Document) -> dict[str, Any]:
    return {
        "socketId": data.get("socketId"),
        "role": actor.get("role"),
        **_who(actor),
    }


def _left(_: Document, __: Document, data: Document) -> dict[str, Any]:
    return {"socketId": data.get("socketId")}


def _chat(entry: Document, actor: Document, data: Document) -> dict[str, Any]:
    return {
        "message": data.get("message"),
        "from": data.get("socketId"),
        "timestamp": milliseconds(entry["timestamp"]),
        **_who(actor),
    }


def _said(entry: Document, actor: Document, data: Document) -> dict[str, Any]:
    """Tell what the data holds, who said it, and when."""
    said = {name: value for name, value in data.items() if name != "event"}
    return {**said, **_who(actor), "timestamp": milliseconds(entry["timestamp"])}


def _language(_: Document, actor: Document, data: Document) -> dict[str, Any]:
    return {"language": data.get("language"), "userId": _who(actor)["userId"]}


def _consent(entry: Document, actor: Document, data: Document) -> dict[str, Any]:
    choice = {name: data.get(name) for name in ("gaze", "recording", "version")}
    return {**choice, "at": isoformat(entry["timestamp"]), "userId": _who(actor)["userId"]}


def _started(entry: Document, _: Document, __: Document) -> dict[str, Any]:
    return {"interviewId": str(entry["interview"]), "startedAt": entry["timestamp"]}


def _who(actor: Document) -> dict[str, Any]:
    user_id = actor.get("userId")
    return {"userId": str(user_id) if user_id else None, "name": actor.get("name")}


_TELLERS: dict[str, tuple[str, bool, _Tell]] = {
    "chat": ("chatMessage", False, _chat),
    "participant.joined": ("userJoined", False, _joined),
    "participant.left": ("userLeft", False, _left),
    "code.language": ("language", False, _language),
    "code.run": ("codeRun", False, _said),
    "bookmark": ("bookmark", True, _said),
    "consent.given": ("consent", False, _consent),
    "consent.withdrawn": ("consent", False, _consent),
    "interview.started": ("interviewStarted", False, _started),
}
