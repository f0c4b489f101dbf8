"""What people meet by picture and sound with: LiveKit's tokens, or STUN and TURN servers."""

from __future__ import annotations

import hashlib
import hmac
import time
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from bson import ObjectId
from livekit.api import TokenVerifier
from pymongo.database import Database

from interview_platform.core.mongo import Document
from interview_platform.core.settings import Settings
from interview_platform.media.ice import IceServers
from tests import video_server
from tests.meeting import Meeting
from tests.service import Company, Person, make_settings
from tests.turn import Coturn, coturn

STUN = "stun:stun.example.com:3478"
TURN = ("turn:turn.example.com:3478?transport=udp", "turns:turn.example.com:5349")

TURN_SETTINGS = {"STUN_URLS": STUN, "TURN_URLS": ", ".join(TURN), "TURN_SECRET": "shared"}
# Stands for the settings of the server that the tests start.
COTURN: dict[str, str] = {"TURN_URLS": "coturn"}

with_livekit = pytest.mark.parametrize("settings", [video_server.SETTINGS], indirect=True)


@pytest.fixture
def settings(
    request: pytest.FixtureRequest,
    mongo_uri: str,
    database: Database[Document],
    redis_db_url: str,
) -> Settings:
    more: dict[str, str] = getattr(request, "param", {})
    if more is COTURN:
        server: Coturn = request.getfixturevalue("turn_server")
        more = {"TURN_URLS": server.url, "TURN_SECRET": server.secret}
    return make_settings(mongo_uri, database.name, redis_db_url, **more)


@pytest.fixture(scope="session")
def turn_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Coturn]:
    assert request.config.cache
    packages = request.config.cache.mkdir("coturn")
    with coturn(packages, tmp_path_factory.mktemp("coturn")) as server:
        yield server


def ask(meeting: Meeting, person: Person) -> dict[str, Any]:
    answer = person.post(f"/api/interviews/{meeting.id}/media-token")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json
    return told


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@with_livekit
def test_livekit_s_own_library_takes_the_token(meeting: Meeting, company: Company) -> None:
    path = f"/api/interviews/{meeting.id}"
    room = meeting.candidate.get(path).json["interview"]["meetingRoomId"]
    for person in (meeting.candidate, meeting.interviewer, company.admin):
        told = ask(meeting, person)
        assert told.keys() == {"provider", "url", "token", "room", "expiresAt"}
        assert (told["provider"], told["url"], told["room"]) == ("livekit", video_server.URL, room)
        claims = TokenVerifier(video_server.KEY, video_server.SECRET).verify(told["token"])
        assert claims.identity.partition(":")[0] == person.id
        assert claims.name == person.name
        assert claims.metadata == f'{{"role":"{person.role}"}}'
        grants = claims.video
        assert grants
        assert (grants.room, grants.room_join) == (room, True)
        assert (grants.can_publish, grants.can_subscribe, grants.can_publish_data) == (True,) * 3
        assert grants.room_admin is (person is not meeting.candidate)
        # Nothing that reaches beyond the room, and no name but the account's.
        assert not grants.can_update_own_metadata
        for beyond in ("room_create", "room_list", "room_record", "ingress_admin", "hidden"):
            assert not getattr(grants, beyond), beyond


@with_livekit
def test_each_token_is_a_participant_of_its_own(meeting: Meeting) -> None:
    tokens = [ask(meeting, meeting.candidate)["token"] for _ in range(3)]
    claims = [
        TokenVerifier(video_server.KEY, video_server.SECRET).verify(token) for token in tokens
    ]
    assert len({each.identity for each in claims}) == 3
    assert len({each.video.room for each in claims if each.video}) == 1


@with_livekit
def test_rooms_are_as_many_as_interviews(company: Company, database: Database[Document]) -> None:
    first, second = Meeting(company), Meeting(company)
    older = Meeting(company)
    database.interviews.update_one({"_id": ObjectId(older.id)}, {"$unset": {"meetingRoomId": ""}})
    rooms = {ask(each, each.interviewer)["room"] for each in (first, second, older)}
    assert len(rooms) == 3


@with_livekit
def test_a_token_lets_somebody_connect_for_ten_minutes(meeting: Meeting, company: Company) -> None:
    for person in (meeting.candidate, meeting.interviewer, company.admin):
        told = ask(meeting, person)
        claims = jwt.decode(told["token"], options={"verify_signature": False})
        assert claims["exp"] == int(moment(told["expiresAt"]).timestamp())
        assert claims["nbf"] <= time.time() < claims["exp"]
        assert claims["exp"] - claims["nbf"] <= 600


@pytest.mark.parametrize("settings", [TURN_SETTINGS], indirect=True)
@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        # Begins soon: until half an hour after its end.
        (5, 65, 95),
        # Should have ended long ago, but runs on: for a while at a time.
        (-180, -120, 15),
        # Far ahead: as long as an interview may be.
        (60 * 24, 60 * 25, 60 * 12),
        # Of an older document, which does not say.
        (None, None, 15),
    ],
)
def test_turn_credentials_last_as_long_as_the_interview(
    meeting: Meeting,
    database: Database[Document],
    start: int | None,
    end: int | None,
    expected: int,
) -> None:
    now = datetime.now(UTC)
    schedule = (
        None
        if start is None or end is None
        else {"start": now + timedelta(minutes=start), "end": now + timedelta(minutes=end)}
    )
    changes = {"$set": {"schedule": schedule}}
    database.interviews.update_one({"_id": ObjectId(meeting.id)}, changes)
    told = ask(meeting, meeting.interviewer)
    left = moment(told["expiresAt"]) - now
    assert abs(left - timedelta(minutes=expected)) < timedelta(seconds=60)


@pytest.mark.parametrize("settings", [{}, video_server.SETTINGS], indirect=True)
def test_a_candidate_waits_until_let_in(
    company: Company, database: Database[Document], settings: Settings
) -> None:
    meeting = Meeting(company, live=False)
    path = f"/api/interviews/{meeting.id}/media-token"
    assert meeting.candidate.post(path).status_code == 409
    ask(meeting, meeting.interviewer)
    let_in = {"$set": {"candidateAdmittedAt": datetime.now(UTC)}}
    database.interviews.update_one({"_id": ObjectId(meeting.id)}, let_in)
    ask(meeting, meeting.candidate)
    meeting.start()
    ask(meeting, meeting.candidate)
    meeting.end()
    for person in (meeting.candidate, meeting.interviewer, company.admin):
        assert person.post(path).status_code == 409


def test_without_servers_people_connect_by_themselves(meeting: Meeting) -> None:
    told = ask(meeting, meeting.candidate)
    assert told.keys() == {"provider", "iceServers", "expiresAt"}
    assert (told["provider"], told["iceServers"]) == ("p2p", [])


@pytest.mark.parametrize(
    "settings",
    [TURN_SETTINGS],
    indirect=True,
)
def test_turn_credentials_end_with_the_interview(meeting: Meeting) -> None:
    told = ask(meeting, meeting.candidate)
    stun, turn = told["iceServers"]
    assert stun == {"urls": [STUN]}
    assert turn["urls"] == list(TURN)
    end = int(moment(told["expiresAt"]).timestamp())
    assert turn["username"] == f"{end}:{meeting.candidate.id}"
    code = hmac.new(b"shared", turn["username"].encode(), hashlib.sha1).digest()
    assert turn["credential"] == b64encode(code).decode()


@pytest.mark.parametrize("settings", [COTURN], indirect=True)
def test_coturn_takes_the_credentials_and_no_others(meeting: Meeting, turn_server: Coturn) -> None:
    [turn] = ask(meeting, meeting.candidate)["iceServers"]
    assert turn["urls"] == [turn_server.url]
    username, credential = turn["username"], turn["credential"]
    assert turn_server.allocate(username, credential) == 200
    # Neither somebody else's, nor for longer.
    end, _, user_id = username.partition(":")
    for forged in (f"{end}:{meeting.interviewer.id}", f"{int(end) + 60}:{user_id}"):
        assert turn_server.allocate(forged, credential) == 401
    servers = IceServers((), (turn_server.url,), turn_server.secret)
    [over] = servers.for_user(user_id, datetime.now(UTC) - timedelta(seconds=60))
    assert turn_server.allocate(over["username"], over["credential"]) == 401
