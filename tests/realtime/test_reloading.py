"""A document that is read again, since an edit of it could not be logged."""

from __future__ import annotations

from datetime import timedelta

import pytest
from bson import ObjectId

from interview_platform.auth.model import Actor, Role
from interview_platform.core.clock import utcnow
from interview_platform.core.errors import Unavailable
from interview_platform.core.ratelimit import Bucket
from interview_platform.core.workpool import FairWorkpool
from interview_platform.editor.document import Document
from interview_platform.realtime.connections import Connection, Membership
from interview_platform.realtime.editing import CodeUpdate, Editing
from interview_platform.realtime.hosting import Hosts
from interview_platform.realtime.proceedings import Proceedings
from interview_platform.realtime.rooms import Rooms
from interview_platform.transport.outgoing import Outgoing
from interview_platform.wiring import Services
from tests.editors import rewrite

TIMEOUT = 20


def test_edits_that_were_not_heard_are_told_when_the_document_is_read_again(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, interview_id = services.session_log, ObjectId()
    rooms = Rooms(services.broadcaster)
    hosts = Hosts(rooms, log)
    editing = Editing(
        editor=services.editor,
        session_log=log,
        proceedings=Proceedings(log, rooms),
        rooms=rooms,
        hosts=hosts,
        pool=FairWorkpool(1, 8, 8),
    )
    hosted = hosts.open(interview_id)
    editing.open(hosted, lambda: ("one", "python"))
    heard: list[Outgoing] = []

    def hear(outgoing: Outgoing, /, *_: object) -> None:
        heard.append(outgoing)

    actor = Actor(user_id=ObjectId(), role=Role.ADMIN, name="Ida", session_id=ObjectId())
    expires_at, tokens = utcnow() + timedelta(hours=1), Bucket(1, 1)
    connection = Connection("socket", actor, expires_at, hear, tokens)
    membership = Membership(connection, hosted, [hosted.room, hosted.yjs_room], yjs=True)
    rooms.enter(connection, membership.rooms)
    state = editing.state(membership, None)["update"]

    # Another process logs an edit, and this one does not hear of it.
    elsewhere = rewrite(Document.of([state]), "one two")
    stored = log.append(interview_id, "code", None, {"update": elsewhere}).stored
    stored.result(TIMEOUT)

    def full(*_: object) -> None:
        monkeypatch.undo()
        raise Unavailable("full")

    own = Document.of([state])
    event = CodeUpdate(interviewId=str(interview_id), update=rewrite(own, "zero one"))
    update = editing.handlers()["codeUpdate"]
    monkeypatch.setattr(log, "append", full)
    with pytest.raises(Unavailable):
        update.handle(membership, event)  # type: ignore[arg-type]
    assert heard == []
    update.handle(membership, event)  # type: ignore[arg-type]
    for outgoing in heard:
        for attachment in outgoing.attachments:
            own.apply(attachment, trusted=True)
    assert own.text == "zero one two"
