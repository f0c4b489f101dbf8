"""LiveKit's webhooks: taken by their signature alone, and each of them once."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest
from bson import ObjectId
from flask import Flask
from livekit.api import TokenVerifier, WebhookReceiver
from pymongo.database import Database

from interview_platform.app import create_app
from interview_platform.core.mongo import Document
from interview_platform.core.settings import Settings
from interview_platform.wiring import Services
from tests import video_server
from tests.meeting import Meeting
from tests.queries import recorded, stages
from tests.service import Answer, Company, Person, make_settings

_numbers = itertools.count(1)


@pytest.fixture
def settings(mongo_uri: str, database: Database[Document], redis_db_url: str) -> Settings:
    return make_settings(mongo_uri, database.name, redis_db_url, **video_server.SETTINGS)


class VideoRoom:
    """A meeting's room at the video server, which reports what happens there."""

    def __init__(self, meeting: Meeting) -> None:
        self.meeting = meeting
        told = meeting.interviewer.post(f"/api/interviews/{meeting.id}/media-token").json
        self.name = told["room"]

    def identity(self, person: Person) -> str:
        told = person.post(f"/api/interviews/{self.meeting.id}/media-token").json
        return TokenVerifier(video_server.KEY, video_server.SECRET).verify(told["token"]).identity

    def report(self, event: str, **fields: Any) -> bytes:
        return video_server.report(
            id=f"EV_{next(_numbers)}",
            event=event,
            createdAt=str(1_790_000_000),
            room={"name": self.name, "sid": "RM_1"},
            **fields,
        )

    @property
    def log(self) -> list[dict[str, Any]]:
        return self.meeting.log(type="webrtc")


@pytest.fixture
def room(meeting: Meeting) -> VideoRoom:
    return VideoRoom(meeting)


def send(company: Company, body: bytes, signature: str | None = None) -> Answer:
    headers = {"Content-Type": "application/webhook+json"}
    if signature != "":
        headers["Authorization"] = signature or video_server.sign(body)
    return company.anyone.call("POST", "/api/webhooks/livekit", data=body, headers=headers)


def take(company: Company, body: bytes) -> bool:
    """Send a report that must be accepted; tell whether it was logged."""
    answer = send(company, body)
    assert answer.status_code == 200, answer.text
    logged: bool = answer.json["logged"]
    return logged


def test_what_happens_in_the_room_is_logged(company: Company, room: VideoRoom) -> None:
    cleo = room.meeting.candidate
    identity = room.identity(cleo)
    participant = {"identity": identity, "sid": "PA_1", "name": "Somebody else", "metadata": "x"}
    track = {"sid": "TR_1", "type": "VIDEO", "source": "SCREEN_SHARE"}
    microphone = {"sid": "TR_2", "type": "AUDIO", "source": "MICROPHONE"}
    recorder = {"identity": "EG_1", "sid": "PA_2"}
    reports = [
        room.report("room_started"),
        room.report("participant_joined", participant=participant),
        room.report("track_published", participant=participant, track=track),
        room.report("track_published", participant=participant, track=microphone),
        room.report("participant_joined", participant=recorder),
        room.report("track_unpublished", participant=participant, track=track),
        room.report(
            "participant_left", participant={**participant, "disconnectReason": "CLIENT_INITIATED"}
        ),
        # What tells of a recording names the room in its own way.
        video_server.report(
            id="EV_egress",
            event="egress_ended",
            egressInfo={"egressId": "EG_1", "roomName": room.name, "status": "EGRESS_COMPLETE"},
        ),
        room.report("room_finished"),
    ]
    receiver = WebhookReceiver(TokenVerifier(video_server.KEY, video_server.SECRET))
    for body in reports:
        # What the tests send is what LiveKit's own library takes.
        assert receiver.receive(body.decode(), video_server.sign(body)).event
        assert take(company, body)
    when = {"reportedAt": "2026-09-21T14:13:20.000Z"}
    who = {"participant": {"sid": "PA_1", "identity": identity}}
    told_track = {"track": {"sid": "TR_1", "type": "VIDEO", "source": "SCREEN_SHARE"}}
    left = {"participant": {**who["participant"], "reason": "CLIENT_INITIATED"}}
    assert [entry["data"] for entry in room.log] == [
        {"event": "livekit.room_started", **when},
        {"event": "livekit.participant_joined", **when, **who},
        {"event": "livekit.track_published", **when, **who, **told_track},
        {"event": "livekit.track_published", **when, **who, "track": microphone},
        {"event": "livekit.participant_joined", **when, "participant": recorder},
        {"event": "livekit.track_unpublished", **when, **who, **told_track},
        {"event": "livekit.participant_left", **when, **left},
        {
            "event": "livekit.egress_ended",
            "recording": {"id": "EG_1", "status": "EGRESS_COMPLETE"},
        },
        {"event": "livekit.room_finished", **when},
    ]
    # Who it was is who the account is, whatever they are called at the video server.
    actor = {"userId": cleo.id, "name": cleo.name, "role": "candidate"}
    actors = [entry["actor"] for entry in room.log]
    assert actors == [None, actor, actor, actor, None, actor, actor, None, None]


def test_29_a_wrong_signature_is_refused(company: Company, room: VideoRoom) -> None:
    body = room.report("room_started")
    now = int(time.time())
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    good = {"iss": video_server.KEY, "nbf": now, "exp": now + 300, "sha256": digest}

    def signed(secret: str = video_server.SECRET, algorithm: str = "HS256", **claims: Any) -> str:
        kept = {name: value for name, value in {**good, **claims}.items() if value is not None}
        return jwt.encode(kept, secret, algorithm=algorithm)

    other = room.report("room_finished")
    refused = {
        "missing": "",
        "no token": "nonsense",
        "as a bearer": f"Bearer {video_server.sign(body)}",
        "a user's": company.admin.token,
        "of another body": video_server.sign(other),
        "another secret": video_server.sign(body, secret="s" * 40),
        "another key": video_server.sign(body, key="APIother"),
        "expired": video_server.sign(body, lasts=timedelta(minutes=-2)),
        "no algorithm": signed("", "none"),
        "another algorithm": signed("s" * 64, "HS512"),
        "stale": signed(nbf=now - 12 * 60),
        "not yet": signed(nbf=now + 120),
        "for ever": signed(exp=None),
        "since ever": signed(nbf=None),
        "of nobody": signed(iss=None),
        "of no body": signed(sha256=None),
        "of a number": signed(sha256=1),
        "a token to join by": livekit_token(room.meeting),
    }
    for fault, signature in refused.items():
        answer = send(company, body, signature)
        assert answer.status_code == 401, fault
        assert set(answer.json) == {"code", "status", "message", "requestId"}, fault
    altered = body.replace(b"room_started", b"room_stopped")
    assert send(company, altered, video_server.sign(body)).status_code == 401
    assert room.log == []
    # The same claims, with nothing wrong with them.
    assert send(company, body, signed()).json == {"logged": True}


def livekit_token(meeting: Meeting) -> str:
    path = f"/api/interviews/{meeting.id}/media-token"
    token: str = meeting.candidate.post(path).json["token"]
    return token


@pytest.fixture
def second_app(settings: Settings, app: Flask) -> Iterator[Flask]:
    """The application of another process, on the same stores."""
    other = create_app(settings)
    with other.extensions["services"]:
        yield other


def test_29_replays_have_one_effect(company: Company, room: VideoRoom, second_app: Flask) -> None:
    body = room.report("room_started")
    signature = video_server.sign(body)
    processes = [company.app.test_client, second_app.test_client]

    def replay(number: int) -> bool:
        person = Person(processes[number % 2]())
        company_of = replace(company.anyone, client=person.client)
        answer = company_of.call(
            "POST",
            "/api/webhooks/livekit",
            data=body,
            headers={"Authorization": video_server.sign(body) if number % 3 else signature},
        )
        assert answer.status_code == 200, answer.text
        logged: bool = answer.json["logged"]
        return logged

    with ThreadPoolExecutor(6) as pool:
        logged = list(pool.map(replay, range(18)))
    assert sum(logged) == 1
    assert [entry["data"]["event"] for entry in room.log] == ["livekit.room_started"]
    assert not take(company, body)


def test_what_belongs_to_no_interview_s_log_changes_nothing(
    company: Company, room: VideoRoom, database: Database[Document]
) -> None:
    unknown = video_server.report(id="EV_a", event="room_started", room={"name": "elsewhere"})
    nowhere = video_server.report(
        id="EV_b", event="egress_started", egressInfo={"egressId": "EG_1"}
    )
    of_no_interest = room.report("ingress_started")
    for body in (unknown, nowhere, of_no_interest):
        assert not take(company, body)
    assert room.log == []
    assert database.webhookevents.count_documents({}) == 0
    # What happens as the interview ends belongs to it, until its log is sealed.
    room.meeting.end()
    assert take(company, room.report("participant_left"))
    receipt = company.admin.get(f"/api/interviews/{room.meeting.id}/receipt")
    assert receipt.status_code == 200, receipt.text
    sealed = room.meeting.log()
    assert not take(company, room.report("room_finished"))
    assert room.meeting.log() == sealed
    assert database.webhookevents.count_documents({}) == 1


def test_only_small_reports_are_read(company: Company, room: VideoRoom) -> None:
    long = room.report("room_started", participant={"metadata": "x" * 70_000})
    assert send(company, long).status_code == 413
    for body in (b"", b"[]", b"{}", b'{"id":"","event":"room_started"}', b'{"id":"a"}', b"\xff"):
        assert send(company, body).status_code == 400, body
    bad = json.dumps({"id": "EV_c", "event": "room_started", "createdAt": str(2**62)})
    assert send(company, bad.encode()).status_code == 400
    unstorable = json.loads(room.report("track_published")) | {"track": {"source": 2**63}}
    assert send(company, json.dumps(unstorable).encode()).status_code == 422
    assert room.log == []


def test_rooms_and_events_are_found_by_their_ids(
    company: Company, room: VideoRoom, database: Database[Document], services: Services
) -> None:
    with recorded(database) as commands:
        assert services.media_rooms.interview_of(room.name) == ObjectId(room.meeting.id)
    [command] = commands
    assert "COLLSCAN" not in stages(database, command)
