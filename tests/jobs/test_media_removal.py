"""Those who may not be in a video room any more are removed from it, by a worker."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bson import ObjectId
from livekit.api import TokenVerifier
from pymongo.database import Database

from interview_platform.core.mongo import Document
from interview_platform.core.settings import Settings
from interview_platform.local.stores import free_port
from interview_platform.media.livekit import LiveKit
from interview_platform.media.room_service import Refused, RoomService, Unreachable
from interview_platform.wiring import Services
from tests import video_server
from tests.interviews import slot
from tests.live import wait_until
from tests.meeting import Connect, Meeting
from tests.queries import recorded, stages
from tests.service import Company, Person, make_settings
from tests.video_server import VideoServer
from tests.workers import worker

# Seconds, for what a sweep of the worker has to find first.
DEADLINE = 40.0


@pytest.fixture
def video() -> Iterator[VideoServer]:
    with video_server.serving() as server:
        yield server


@pytest.fixture
def settings(
    mongo_uri: str, database: Database[Document], redis_db_url: str, video: VideoServer
) -> Settings:
    return make_settings(mongo_uri, database.name, redis_db_url, **video.settings)


def token_of(meeting: Meeting, person: Person) -> str:
    answer = person.post(f"/api/interviews/{meeting.id}/media-token")
    assert answer.status_code == 200, answer.text
    token: str = answer.json["token"]
    return token


class Rooms:
    """Meetings with people in their video rooms, of whom some are to go and others to stay."""

    def __init__(self, company: Company, database: Database[Document], video: VideoServer) -> None:
        self.company = company
        self.admin = company.admin
        self._database = database
        self._video = video
        self.going: set[tuple[str, str]] = set()
        self.staying: set[tuple[str, str]] = set()

    def go(self, meeting: Meeting, person: Person) -> None:
        self.going.add(self._video.join(token_of(meeting, person)))

    def stay(self, meeting: Meeting, person: Person) -> None:
        self.staying.add(self._video.join(token_of(meeting, person)))

    def reassign(self) -> None:
        meeting = Meeting(self.company, live=False)
        self.go(meeting, meeting.interviewer)
        self.stay(meeting, self.admin)
        body = {"interviewerId": self.company.staff().id}
        answer = self.admin.patch(f"/api/admin/interviews/{meeting.id}", body)
        assert answer.status_code == 200, answer.text

    def move(self) -> None:
        """A candidate who was let in early waits again at another time."""
        meeting = Meeting(self.company, live=False)
        let_in = {"$set": {"candidateAdmittedAt": datetime.now(UTC)}}
        self._database.interviews.update_one({"_id": ObjectId(meeting.id)}, let_in)
        self.go(meeting, meeting.candidate)
        self.stay(meeting, meeting.interviewer)
        body = {"schedule": slot()}
        answer = self.admin.patch(f"/api/admin/interviews/{meeting.id}", body)
        assert answer.status_code == 200, answer.text

    def cancel(self) -> None:
        meeting = Meeting(self.company, live=False)
        self.go(meeting, meeting.interviewer)
        self.go(meeting, self.admin)
        answer = self.admin.post(f"/api/admin/interviews/{meeting.id}/cancel")
        assert answer.status_code == 200, answer.text

    def end(self) -> None:
        meeting = Meeting(self.company)
        for person in (meeting.interviewer, meeting.candidate, meeting.candidate):
            self.go(meeting, person)
        meeting.end()

    def deactivate(self) -> None:
        meeting = Meeting(self.company)
        self.go(meeting, meeting.candidate)
        self.stay(meeting, meeting.interviewer)
        path = f"/api/admin/candidates/{meeting.candidate.id}"
        assert self.admin.patch(path, {"status": "inactive"}).status_code == 200

    def promote(self) -> None:
        meeting = Meeting(self.company)
        self.go(meeting, meeting.interviewer)
        path = f"/api/admin/users/{meeting.interviewer.id}"
        assert self.admin.patch(path, {"role": "admin"}).status_code == 200

    def log_out(self) -> None:
        """Of one person's two logins, one ends."""
        meeting = Meeting(self.company)
        candidate = meeting.candidate
        elsewhere = Person(candidate.client, candidate.id, email=candidate.email).log_in()
        self.go(meeting, candidate)
        self.stay(meeting, elsewhere)
        assert candidate.post("/api/auth/logout").status_code == 204


def test_whoever_may_not_stay_is_removed(
    company: Company,
    database: Database[Document],
    settings: Settings,
    video: VideoServer,
    tmp_path: Path,
) -> None:
    rooms = Rooms(company, database, video)
    for cause in (
        rooms.reassign,
        rooms.move,
        rooms.cancel,
        rooms.end,
        rooms.deactivate,
        rooms.promote,
        rooms.log_out,
    ):
        cause()
    overdue = Meeting(company)
    rooms.go(overdue, overdue.interviewer)
    database.mediaparticipants.update_one(
        {"interview": ObjectId(overdue.id)},
        {"$set": {"createdAt": datetime.now(UTC) - timedelta(hours=12, seconds=1)}},
    )
    late = Meeting(company)
    unused = token_of(late, late.candidate)
    late.end()
    assert video.here == rooms.going | rooms.staying
    known = database.mediaparticipants
    with worker(settings, tmp_path / "worker.log"):
        wait_until(lambda: video.here == rooms.staying, "the removals", DEADLINE)
        wait_until(lambda: video.answers[404], "a try at the one who never came", DEADLINE)
        assert video.answers[200] == len(rooms.going)
        assert not rooms.staying & set(video.asked)

        # By a token that is good still, or that LiveKit has renewed, one may come in again.
        returned, newcomer = min(rooms.going), video.join(unused)
        video.here.add(returned)
        _hurry(database, {"_id": {"$in": [returned[1], newcomer[1]]}})
        wait_until(lambda: video.here == rooms.staying, "the second removal", DEADLINE)
        wait_until(
            lambda: known.find_one({"_id": newcomer[1], "removeUntil": {"$gt": in_minutes(10)}}),
            "the note that they may come again",
        )

        # Where nothing lets them in any more, they are forgotten.
        def all_forgotten() -> bool:
            # Again and again, since a removal that is under way writes later times.
            due = {"removeAt": datetime.now(UTC), "removeUntil": in_minutes(-1)}
            known.update_many({"removeAt": {"$exists": True}}, {"$set": due})
            time.sleep(1)
            return known.count_documents({}) == len(rooms.staying)

        wait_until(all_forgotten, "an end to what is known of them", DEADLINE)
    assert video.here == rooms.staying
    assert set(video.answers) == {200, 404}


def in_minutes(minutes: float) -> datetime:
    return datetime.now(UTC) + timedelta(minutes=minutes)


def _hurry(database: Database[Document], match: Document) -> None:
    """Have removals be due at once that are to be repeated later."""
    due = {"$set": {"removeAt": datetime.now(UTC)}}
    assert database.mediaparticipants.update_many(match, due).matched_count


def test_staff_remove_somebody_who_may_come_again(
    company: Company,
    database: Database[Document],
    settings: Settings,
    video: VideoServer,
    connect: Connect,
    tmp_path: Path,
) -> None:
    meeting = Meeting(company)
    candidate, interviewer = connect(meeting.candidate), connect(meeting.interviewer)
    assert candidate.join(meeting.id)["ok"]
    assert interviewer.join(meeting.id)["ok"]
    places = {video.join(token_of(meeting, meeting.candidate)) for _ in range(2)}
    other = video.join(token_of(meeting, meeting.interviewer))
    with worker(settings, tmp_path / "worker.log"):
        removal = {"interviewId": meeting.id, "socketId": candidate.id}
        assert interviewer.call("remove", removal)["ok"]
        assert candidate.next("removed")
        wait_until(lambda: video.here == {other}, "the removal", DEADLINE)
        back = video.join(token_of(meeting, meeting.candidate))
        _hurry(database, {"_id": {"$in": [identity for _, identity in places]}})
        wait_until(lambda: video.answers[404] >= 2, "the next round", DEADLINE)
    assert video.here == {other, back}


def test_a_server_that_fails_holds_nothing_up_and_loses_nothing(
    company: Company,
    database: Database[Document],
    settings: Settings,
    video: VideoServer,
    tmp_path: Path,
) -> None:
    meetings = [Meeting(company) for _ in range(3)]
    places = {video.join(token_of(meeting, meeting.candidate)) for meeting in meetings}
    for meeting in meetings:
        meeting.end()
    log = tmp_path / "worker.log"
    video.fails = 503
    with worker(settings, log) as process:
        refused = "a participant is not removed: LiveKit answered 503 unavailable"
        wait_until(lambda: refused in log.read_text(), "a refusal", DEADLINE)
        video.hangs.set()
        hung = "participants are not removed yet: LiveKit did not answer (TimeoutError)"
        wait_until(lambda: hung in log.read_text(), "a call without an answer", DEADLINE)
        company.anyone.post("/api/auth/password/forgot", {"email": "grace@example.com"})
        mail = {"template": "password_reset", "status": "failed"}
        wait_until(lambda: database.notifications.find_one(mail), "the mail's turn", DEADLINE)
        os.killpg(process.pid, signal.SIGKILL)
    assert video.here == places
    assert video_server.SECRET not in log.read_text()
    assert "Bearer" not in log.read_text()
    video.hangs.clear()
    video.fails = 0
    with worker(settings, log):
        wait_until(lambda: not video.here, "the removals", DEADLINE)


def test_participants_are_found_by_indexes(
    services: Services, database: Database[Document]
) -> None:
    participants = services.media_participant_records
    with recorded(database) as commands:
        participants.to_remove(datetime.now(UTC), 10)
        participants.in_room("a room")
        participants.of_user(ObjectId())
        list(participants.staying())
    assert len(commands) == 4
    for command in commands:
        assert "COLLSCAN" not in stages(database, command), command


def test_an_erasure_leaves_neither_a_participant_nor_what_was_kept_of_one(
    company: Company, database: Database[Document], video: VideoServer
) -> None:
    meeting = Meeting(company)
    person = meeting.candidate
    video.join(token_of(meeting, person))
    told = person.get("/api/candidates/me/export").json["mediaTokens"]
    assert [each["interview"] for each in told] == [meeting.id]
    assert told[0].keys() == {"interview", "room", "role", "createdAt", "tokenExpiresAt"}
    meeting.end()
    path = f"/api/admin/candidates/{person.id}/erase"
    assert company.admin.post(path, {"confirm": person.email}).status_code == 204
    assert video.here == set()
    assert database.mediaparticipants.count_documents({}) == 0


def test_a_removal_asks_for_no_more_than_the_room(video: VideoServer) -> None:
    livekit = LiveKit(video.settings["LIVEKIT_URL"], video_server.KEY, video_server.SECRET)
    rooms = RoomService(livekit)
    here = ("a room", "65f0c0ffee65f0c0ffee65f0:1")
    video.here.add(here)
    assert rooms.remove(*here) is True
    assert rooms.remove(*here) is False
    assert rooms.remove("another room", "nobody") is False
    claims = TokenVerifier(video_server.KEY, video_server.SECRET).verify(livekit.admin_token("x"))
    assert claims.video
    assert (claims.video.room_admin, claims.video.room) == (True, "x")
    grants = claims.video
    assert not any((grants.room_join, grants.room_list, grants.room_create, grants.room_record))


@pytest.mark.parametrize(
    ("url", "secret", "error"),
    [
        ("http://127.0.0.1:{port}", "s" * 40, Refused),
        ("http://127.0.0.1:{port}/elsewhere", video_server.SECRET, Refused),
        ("ws://127.0.0.1:{closed}", video_server.SECRET, Unreachable),
        ("wss://127.0.0.1:{port}", video_server.SECRET, Unreachable),
        ("ws://nowhere.invalid", video_server.SECRET, Unreachable),
    ],
)
def test_a_removal_that_fails_says_so(
    video: VideoServer, url: str, secret: str, error: type[Exception]
) -> None:
    spelled = url.format(port=video.port, closed=free_port())
    rooms = RoomService(LiveKit(spelled, video_server.KEY, secret))
    with pytest.raises(error, match="LiveKit") as raised:
        rooms.remove("a room", "somebody")
    assert secret not in str(raised.value)
