"""What is logged, and the document that it becomes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from bson import ObjectId, encode
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument

from ..auth.model import Actor
from ..core.clock import utcnow
from ..core.errors import Conflict, Invalid, TooLarge
from ..core.mongo import Document
from ..core.promise import Promise

TYPES = ("webrtc", "code", "eye-tracking", "system", "chat")

MAX_BYTES = 2 * 1024 * 1024
# The store refuses documents that are nested deeper than 100.
MAX_DEPTH = 64

# What keeps erased content from being guessed by its hash, in bytes.
SALT_BYTES = 16
# How much of a hash stands for the id that a client gave an event, in bytes.
_CLIENT_KEY_BYTES = 16
# What a document weighs beside its actor and its data, roughly, in bytes.
_FRAME = 240


class Event(NamedTuple):
    """Something that happened: its type, who did it, what it says, and when (None: now)."""

    type: str
    actor: Mapping[str, Any] | None
    data: Mapping[str, Any]
    at: datetime | None = None


class Entry:
    """An event on its way to the store: everything of its document but `seq`.

    `stored` is the promise of that number, or of that of the entry in the same log that has the
    same `client_key`: there is never a second one. What was given as the event's data may change
    later. Raises `Invalid` for what cannot be stored, and `TooLarge` beyond `MAX_BYTES`.
    """

    __slots__ = ("document", "id", "size", "stored")

    def __init__(
        self,
        interview_id: ObjectId,
        kind: str,
        actor: Mapping[str, Any] | None,
        data: Mapping[str, Any],
        at: datetime | None = None,
        client_key: bytes | None = None,
    ) -> None:
        # Exactly: of a class as abstract as this one, to ask for its kind takes long.
        if actor is not None and type(actor) is not RawBSONDocument:
            actor = _freeze("actor", actor)
        frozen = _freeze("data", data)
        size = _FRAME + len(frozen.raw) + (0 if actor is None else len(actor.raw))
        if size > MAX_BYTES:
            raise TooLarge(f"An event holds at most {MAX_BYTES} bytes")
        now = utcnow()
        self.id = ObjectId()
        self.size = size
        self.stored: Promise[int] = Promise()
        self.document: Document = {
            "_id": self.id,
            "interview": interview_id,
            "type": kind,
            "timestamp": at or now,
            "actor": actor,
            "data": frozen,
            "salt": os.urandom(SALT_BYTES),
            "createdAt": now,
        }
        if client_key is not None:
            self.document["clientKey"] = client_key

    @property
    def client_key(self) -> bytes | None:
        key: bytes | None = self.document.get("clientKey")
        return key

    def numbered(self, seq: int) -> Document:
        """Return the document to store as number `seq`."""
        return {**self.document, "seq": seq}


def client_key(user_id: ObjectId, client_id: str) -> bytes:
    """Return what stands for an id that a person's client gave an event, in one interview.

    A hash, since anything may be in such an id.
    """
    return sha256(user_id.binary + client_id.encode()).digest()[:_CLIENT_KEY_BYTES]


def sealed_error() -> Conflict:
    """Make the error for an event that comes after the seal."""
    return Conflict("The interview's log is sealed")


def log_actor(actor: Actor) -> RawBSONDocument:
    """Return who acts, as the log has it: `{userId, name, role}`, encoded once for all events."""
    return _freeze("actor", {"userId": actor.user_id, "name": actor.name, "role": str(actor.role)})


def _freeze(field: str, content: Mapping[str, Any]) -> RawBSONDocument:
    """Encode `content` once and for all."""
    try:
        raw = encode(content)
    except RecursionError as error:
        raise _too_deep(field) from error
    except (BSONError, OverflowError, ValueError, TypeError) as error:
        raise Invalid({field: ["Holds a value that cannot be stored."]}) from error
    # Each level has the byte of its type in front: few of these are few levels.
    if raw.count(b"\x03") + raw.count(b"\x04") >= MAX_DEPTH and _depth(content) > MAX_DEPTH:
        raise _too_deep(field)
    return RawBSONDocument(raw)


def _too_deep(field: str) -> Invalid:
    return Invalid({field: [f"Nested deeper than {MAX_DEPTH}."]})


def _depth(content: Mapping[str, Any]) -> int:
    """Return how deep `content` is nested, or more than `MAX_DEPTH` where it is deeper."""
    depth = 0
    level: list[Any] = [content]
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, Mapping) else parent)
            if isinstance(child, Mapping | list | tuple)
        ]
    return depth
