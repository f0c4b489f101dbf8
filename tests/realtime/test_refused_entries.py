"""What becomes of events that were told before the store had a word in it."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event

from bson import ObjectId
from pymongo import MongoClient

from interview_platform.core import mongo
from interview_platform.core.broadcast import Broadcaster
from interview_platform.core.errors import Invalid
from interview_platform.core.mongo import Document, Store
from interview_platform.core.workpool import Workpool
from interview_platform.realtime.hosting import Hosts
from interview_platform.realtime.numbering import Numbering
from interview_platform.realtime.rooms import Rooms
from interview_platform.session_log.repository import SessionLogRepository
from interview_platform.session_log.service import SessionLog

TIMEOUT = 20


class Held(SessionLogRepository):
    """Stores nothing before it is let."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.let = Event()

    def insert(self, documents: Sequence[Document]) -> None:
        assert self.let.wait(TIMEOUT)
        super().insert(documents)


def test_what_the_store_refuses_is_told_to_nobody_who_comes_back(
    mongo_client: MongoClient[Document], redis_url: str
) -> None:
    repository = Held(mongo_client[f"log_{ObjectId()}"])
    mongo.sync_schema([repository])
    log = SessionLog(repository, Workpool(1, 16))
    broadcaster = Broadcaster(redis_url)
    rooms = Rooms(broadcaster)
    hosts = Hosts(rooms, log)
    Numbering(log, rooms, hosts)
    interview_id = ObjectId()
    try:
        hosted = hosts.open(interview_id)
        # The second is of a type that the store's rules do not know.
        entries = [log.append(interview_id, kind, None, {}) for kind in ("chat", "gossip", "chat")]
        for entry in entries:
            hosted.feed.wrote(entry.id)
            rooms.say(hosted.room, "chatMessage", {"id": str(entry.id)})
        assert [each.data["id"] for each in hosted.feed.unnumbered()] == [
            str(entry.id) for entry in entries
        ]
        repository.let.set()
        assert isinstance(entries[1].stored.exception(TIMEOUT), Invalid)
        assert [entries[0].stored.result(TIMEOUT), entries[2].stored.result(TIMEOUT)] == [1, 2]
        assert hosted.feed.unnumbered() == []
        assert hosted.feed.upto == 2
    finally:
        log.close(0)
        broadcaster.close()
