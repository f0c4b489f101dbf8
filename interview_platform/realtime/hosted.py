"""One interview of which this process has sockets: its rooms, its feed and its document."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

from bson import ObjectId

from ..interviews.rooms import room_of, staff_room_of, yjs_room_of
from .feed import Feed
from .replica import Replica


@dataclass(slots=True, eq=False)
class Hosted:
    """An interview of which this process has sockets, or had a moment ago.

    `preparing` guards its beginning, `reading` the comparison of its feed with the log.
    """

    interview_id: ObjectId
    feed: Feed = field(init=False)
    # The names of its rooms, which are asked for with each event.
    room: str = field(init=False)
    staff_room: str = field(init=False)
    yjs_room: str = field(init=False)
    holders: int = 0
    ready: bool = False
    replica: Replica | None = None
    preparing: Lock = field(default_factory=Lock)
    reading: Lock = field(default_factory=Lock)
    # All keyframes of the document up to this number are made.
    keyframe: int = 0
    looked_at: float = 0.0
    looks: int = 0

    def __post_init__(self) -> None:
        self.feed = Feed(self.interview_id)
        self.room = room_of(self.interview_id)
        self.staff_room = staff_room_of(self.interview_id)
        self.yjs_room = yjs_room_of(self.interview_id)
