"""The shape of an event's handler, in which each group of events hands in its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from msgspec import Struct

from ..core.promise import Promise
from .acknowledgements import Acknowledgement
from .connections import Connection, Membership
from .events import RoomEvent

Answer = Acknowledgement | Promise[Acknowledgement]


class Handler(NamedTuple):
    """What an event's payload must be, and what is done about it.

    `handle` takes the socket and the payload; the acknowledgement that it returns may be
    one to come. `cost` is how many chat messages take as long, beside the one that every
    event counts as; what depends on the event, `handle` takes from `Connection.tokens`.
    """

    payload: type[Struct]
    handle: Callable[[Connection, Any], Answer]
    cost: float = 0.0


class RoomHandler(NamedTuple):
    """The same, of an event for sockets alone that have joined the interview's room.

    `handle` takes the socket's place there.
    """

    payload: type[RoomEvent]
    handle: Callable[[Membership, Any], Answer]
    cost: float = 0.0


Handlers = Mapping[str, Handler | RoomHandler]
