"""An event as a client sends it, read at one go: nearly every packet that comes is one.

Packets of Socket.IO 5 (github.com/socketio/socket.io-protocol), without what Engine.IO puts
in front.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

MAX_ATTACHMENTS = 10
MAX_DEPTH = 254
"""How many levels of JSON can be written again to others: orjson's own bound."""

RESERVED_EVENTS = frozenset({"connect", "disconnect", "*"})
"""Names that python-socketio gives a meaning of its own, and that no client may send."""

# The head of an event: how many attachments it has, in which namespace it is, and the number
# that it is acknowledged by.
EVENT_HEAD = re.compile(
    r"(?:2|5(?P<attachments>\d{1,10})-)(?:(?P<namespace>/[^,\[]*),)?(?P<id>\d{0,100})",
    re.ASCII,
)

# Its name, which comes after that, as far as it is plain.
EVENT_NAME = re.compile(r'\["(\w{1,100})"', re.ASCII)


class UnreadableEventError(ValueError):
    """An event that is refused; `event` knows what its head says."""

    def __init__(self, event: Incoming, reason: Exception) -> None:
        super().__init__(str(reason))
        self.event = event


class Incoming:
    """An event, with the attachments that its text announces.

    `content` starts with its name, and is whole once nothing is `missing`. `id` is the number
    that the client wants it to be acknowledged by.
    """

    __slots__ = ("_attachments", "content", "id", "missing", "namespace")

    def __init__(self, namespace: str, id: int | None) -> None:  # noqa: A002
        self.namespace = namespace
        self.id = id
        self.content: list[Any] = []
        self.missing = 0
        self._attachments: list[bytes] = []

    @classmethod
    def read(cls, text: str) -> Incoming | None:
        """Read the text of an event; None for a packet of another kind.

        Raises UnreadableEventError.
        """
        head = EVENT_HEAD.match(text)
        if head is None:
            return None
        attachments, namespace, number = head.groups()
        event = cls(namespace or "/", int(number) if number else None)
        try:
            event.content = content = orjson.loads(text[head.end() :])
            if not isinstance(content, list) or not content or not isinstance(content[0], str):
                raise ValueError("not a list that starts with a name")
            if content[0] in RESERVED_EVENTS:
                raise ValueError("not a name that a client may use")
            if text.count("[") + text.count("{") > MAX_DEPTH:
                orjson.dumps(content)
            if attachments is not None:
                event.missing = int(attachments)
                if not 0 < event.missing <= MAX_ATTACHMENTS:
                    raise ValueError("not as many attachments as an event may have")
        except (ValueError, TypeError) as error:
            raise UnreadableEventError(event, error) from error
        return event

    def attach(self, attachment: bytes, most_bytes: int) -> None:
        """Take the next attachment; the last one puts each in its place.

        Raises UnreadableEventError for attachments of more than `most_bytes` together, and
        where one has no place or several: a small packet must not turn into a huge one on its
        way to others.
        """
        self._attachments.append(attachment)
        self.missing -= 1
        try:
            if sum(map(len, self._attachments)) > most_bytes:
                raise ValueError("the attachments are too large")
            if not self.missing:
                self._place()
        except ValueError as error:
            raise UnreadableEventError(self, error) from error

    def _place(self) -> None:
        unplaced = dict(enumerate(self._attachments))

        def place(parent: Any) -> None:
            for key, value in parent.items() if isinstance(parent, dict) else enumerate(parent):
                if isinstance(value, dict) and "_placeholder" in value:
                    parent[key] = unplaced.pop(value["num"])
                elif isinstance(value, dict | list):
                    place(value)

        try:
            place(self.content)
        except (KeyError, TypeError) as error:
            raise ValueError("a placeholder without an attachment of its own") from error
        if unplaced:
            raise ValueError("an attachment without a placeholder")
