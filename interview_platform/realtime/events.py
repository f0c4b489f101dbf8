"""What the payloads of socket events have in common: msgspec structs, checked in a microsecond.

A struct's constraints are the wire contract's; what does not fit is refused whole.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Any, TypeVar

import msgspec
import orjson
from bson import ObjectId
from msgspec import Meta, Struct

from ..core.errors import Invalid, TooLarge
from ..core.text import hidden_in_name, is_blank

InterviewId = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{24}\Z")]
# In ms since the epoch, by the client's clock.
ClientTime = Annotated[int, Meta(ge=0, lt=2**53)]
SocketId = Annotated[str, Meta(min_length=1, max_length=64)]
ClientId = Annotated[str, Meta(min_length=1, max_length=64)]

# How msgspec, or a struct, names the field at fault, and what is left to say of it.
_FIELD = (
    (re.compile(r"^(?P<problem>.*) - at `\$\.(?P<field>\w+).*`$"), "{problem}"),
    (re.compile(r"^Object missing required field `(?P<field>\w+)`$"), "Missing."),
    (re.compile(r"^Object contains unknown field `(?P<field>\w+)`$"), "Unknown field."),
    (re.compile(r"^(?P<field>\w+): (?P<problem>.*)$"), "{problem}"),
)

Payload = TypeVar("Payload", bound=Struct)


# One object for one interview: to look it up is to compare nothing.
_id_of = lru_cache(maxsize=10_000)(ObjectId)


class RoomEvent(Struct, forbid_unknown_fields=True):
    """What every event of a room says: which interview it belongs to."""

    interviewId: InterviewId

    @property
    def interview_id(self) -> ObjectId:
        return _id_of(self.interviewId)


class LoggedEvent(RoomEvent, kw_only=True):
    """An event that is logged, once for each `clientId` that a person's clients give."""

    clientId: ClientId | None = None


def load(kind: type[Payload], payload: object) -> Payload:
    """Return the payload of an event. Raises `Invalid` or `TooLarge`, naming the field at fault."""
    try:
        # Attachments are bytes as they come; no text is taken for some in base64.
        return msgspec.convert(payload, kind, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        field, problem = _spell(str(error))
        raise Invalid({field: [problem]}) from error


def bound_json(field: str, value: Any, most: int) -> None:
    """Check, for a struct, that `value` has at most `most` bytes of JSON.

    Raises ValueError for what is not JSON, and `TooLarge`.
    """
    try:
        size = len(orjson.dumps(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{field}: only JSON values can be sent") from error
    check_size(field, size, most, "bytes of JSON")


def check_size(field: str, size: int, most: int, unit: str = "bytes") -> None:
    """Raise `TooLarge`, for a struct's own check, beyond `most`."""
    if size > most:
        problem = f"At most {most} {unit}."
        raise TooLarge(f"{field}: {problem}", {field: [problem]})


def check_text(field: str, text: str, *, blank: bool = True) -> None:
    """Raise ValueError, for a struct's own check, for text that cannot be kept as it is."""
    if not blank and not text.strip():
        raise ValueError(f"{field}: must not be blank")
    if "\0" in text:
        raise ValueError(f"{field}: must not hold NUL")


def check_title(field: str, text: str) -> None:
    """Raise ValueError, for a struct's own check, for text that is no name or title."""
    check_text(field, text)
    if is_blank(text):
        raise ValueError(f"{field}: must not be blank")
    hidden = hidden_in_name(text)
    if hidden is not None:
        raise ValueError(f"{field}: must not hold U+{ord(hidden):04X}, which is not seen")


def _spell(text: str) -> tuple[str, str]:
    """Return the field at fault and what is wrong with it."""
    for pattern, problem in _FIELD:
        if match := pattern.match(text):
            return match["field"], problem.format(**match.groupdict())
    return "payload", text
