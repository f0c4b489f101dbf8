"""The dashboard's figures: what they count, and what they cost the store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database
from redis import Redis

from interview_platform.app import create_app
from interview_platform.core.clock import utcnow
from interview_platform.core.mongo import Document
from interview_platform.core.queueing import notification_queue
from interview_platform.core.settings import Settings
from interview_platform.wiring import Services
from tests.interviews import NOBODY, book
from tests.meeting import Meeting
from tests.pool import fill
from tests.queries import recorded, stages
from tests.service import Company, Person, make_settings

PATH = "/api/admin/dashboard"
NOWHERE = "redis://127.0.0.1:1"

Figures = dict[str, Any]


def figures(admin: Person) -> Figures:
    answer = admin.get(PATH)
    assert answer.status_code == 200, answer.text
    shown: Figures = answer.json
    return shown


def move(database: Database[Document], interview_id: str, start: datetime, **length: float) -> None:
    """Have an interview take place at another time, without the rules for times to come."""
    schedule = {"start": start, "end": start + timedelta(**length or {"hours": 1})}
    database.interviews.update_one(
        {"_id": ObjectId(interview_id)}, {"$set": {"schedule": schedule}}
    )


def test_a_service_without_work_shows_zeros(company: Company) -> None:
    shown = figures(company.admin)
    assert set(shown.pop("pipeline").values()) == {0}
    assert set(shown["interviews"].pop("byStatus").values()) == {0}
    days = shown.pop("interviews").pop("byDay")
    assert {count for day in days for name, count in day.items() if name != "date"} == {0}
    assert set(shown.pop("notifications").values()) == {0}
    assert shown == {"live": [], "queue": {"depth": 0, "oldestAge": 0}, "interviewerLoad": []}


def test_candidates_are_counted_by_how_far_they_have_come(company: Company) -> None:
    people = fill(company, [{}] * 7)
    for person, status in zip(people, ("hired", "hired", "rejected", "pending"), strict=False):
        path = f"/api/admin/candidates/{person['id']}"
        assert company.admin.patch(path, {"lotStatus": status}).status_code == 200
    assert figures(company.admin)["pipeline"] == {
        "unassigned": 3,
        "shortlisted": 0,
        "pending": 1,
        "interviewed": 0,
        "rejected": 1,
        "hired": 2,
    }


def test_interviews_are_counted_by_state_and_by_day(
    company: Company, database: Database[Document]
) -> None:
    ada, eve = company.candidate(), company.staff()
    before, first, noon, last, after, undated = (
        book(company, ada, eve, 2 * number)["id"] for number in range(6)
    )
    company.admin.post(f"/api/interviews/{noon}/start")
    company.admin.post(f"/api/admin/interviews/{last}/cancel")

    days = figures(company.admin)["interviews"]["byDay"]
    dates = [datetime.fromisoformat(day["date"]).replace(tzinfo=UTC) for day in days]
    assert dates == [dates[0] + timedelta(days=number) for number in range(15)]
    moment = timedelta(milliseconds=1)
    move(database, before, dates[0] - moment)
    move(database, first, dates[0])
    move(database, noon, dates[7] + timedelta(hours=12))
    move(database, last, dates[14] + timedelta(days=1) - moment)
    move(database, after, dates[14] + timedelta(days=1))
    database.interviews.update_one({"_id": ObjectId(undated)}, {"$unset": {"schedule": ""}})

    shown = figures(company.admin)["interviews"]
    assert shown["byStatus"] == {"scheduled": 4, "live": 1, "completed": 0, "cancelled": 1}
    none = {"scheduled": 0, "live": 0, "completed": 0, "cancelled": 0}
    counts = {day["date"]: {**none, **day} for day in shown["byDay"]}
    expected = {f"{date:%Y-%m-%d}": {**none, "date": f"{date:%Y-%m-%d}"} for date in dates}
    for date, status in ((dates[0], "scheduled"), (dates[7], "live"), (dates[14], "cancelled")):
        expected[f"{date:%Y-%m-%d}"][status] = 1
    assert counts == expected


def test_this_week_s_load_is_shown_by_interviewer(
    company: Company, database: Database[Document]
) -> None:
    ada, eve, zoe, max_ = company.candidate(), company.staff(), company.staff(), company.staff()
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - timedelta(days=today.weekday())
    sunday_night = monday + timedelta(days=7) - timedelta(milliseconds=1)
    booked: list[tuple[Person, datetime, dict[str, float]]] = [
        (eve, monday, {"hours": 1}),
        (eve, sunday_night, {"minutes": 90}),
        (zoe, monday + timedelta(days=2), {"hours": 2.75}),
        (zoe, monday - timedelta(milliseconds=1), {"hours": 3}),
        (zoe, monday + timedelta(days=7), {"hours": 3}),
    ]
    for number, (person, start, length) in enumerate(booked):
        move(database, book(company, ada, person, 2 * number)["id"], start, **length)
    cancelled = book(company, ada, max_, 20)["id"]
    company.admin.post(f"/api/admin/interviews/{cancelled}/cancel")
    move(database, cancelled, monday)
    gone = ObjectId(NOBODY)
    database.interviews.insert_one(
        {
            "candidate": ObjectId(ada.id),
            "interviewer": gone,
            "status": "completed",
            "schedule": {"start": monday},
        }
    )
    assert figures(company.admin)["interviewerLoad"] == [
        {"interviewer": {"id": zoe.id, "name": zoe.name}, "interviews": 1, "minutes": 165},
        {"interviewer": {"id": eve.id, "name": eve.name}, "interviews": 2, "minutes": 150},
        {"interviewer": {"id": NOBODY, "name": None}, "interviews": 1, "minutes": 0},
    ]


def test_notifications_of_the_last_days_are_counted_by_state(
    company: Company, database: Database[Document]
) -> None:
    now = utcnow()
    written = [*["sent"] * 3, *["failed"] * 2, "pending", "queued", "delivered"]
    database.notifications.insert_many(
        [{"channel": "email", "status": status, "createdAt": now} for status in written]
    )
    database.notifications.insert_one(
        {"channel": "email", "status": "failed", "createdAt": now - timedelta(days=7)}
    )
    assert figures(company.admin)["notifications"] == {
        "pending": 1,
        "queued": 1,
        "sent": 3,
        "failed": 2,
        "delivered": 1,
    }


def test_the_queue_is_shown_by_depth_and_age(
    company: Company, services: Services, redis_client: Redis
) -> None:
    services.queue.enqueue_each("nothing", ["1", "2", "3"], timeout=timedelta(seconds=1))
    head = notification_queue(redis_client).fetch_job(
        notification_queue(redis_client).get_job_ids()[0]
    )
    assert head is not None
    head.enqueued_at = datetime.now(UTC) - timedelta(minutes=5)
    head.save()
    queue = figures(company.admin)["queue"]
    assert queue["depth"] == 3
    assert 300 <= queue["oldestAge"] < 360


def test_without_redis_the_other_figures_are_shown(company: Company, settings: Settings) -> None:
    meeting = Meeting(company)
    away = create_app(make_settings(settings.mongo_uri, settings.mongo_db_name, NOWHERE))
    with away.extensions["services"]:
        shown = figures(Person(away.test_client(), token=company.admin.token))
    assert shown["queue"] == {"depth": None, "oldestAge": None}
    assert [interview["id"] for interview in shown["live"]] == [meeting.id]


def test_live_interviews_show_who_is_missing_and_how_late_it_is(
    company: Company, database: Database[Document]
) -> None:
    first, second = Meeting(company), Meeting(company)
    Meeting(company, live=False)
    Meeting(company).end()
    move(database, first.id, utcnow() - timedelta(minutes=64, seconds=30))
    (ahead, late) = figures(company.admin)["live"]
    assert (ahead["id"], ahead["minutesOver"]) == (second.id, 0)
    assert (late["id"], late["minutesOver"]) == (first.id, 4)
    assert late["startedAt"]
    assert late["attention"] == {"score": None, "status": "insufficient_data", "coverage": 0}
    assert late["trouble"]
    missing = {
        "present": False,
        "waiting": False,
        "since": None,
        "connection": None,
        "editsPerMinute": 0,
        "trouble": "missing",
    }
    assert late["people"] == [
        {"userId": person.id, "name": person.name, "role": person.role, **missing}
        for person in (first.candidate, first.interviewer)
    ]


def test_the_typing_rate_counts_the_last_minute_s_edits(
    company: Company, services: Services
) -> None:
    meeting, other = Meeting(company), Meeting(company)
    log, here = services.session_log, ObjectId(meeting.id)
    ago = utcnow() - timedelta(seconds=61)

    def by(person: Person) -> Document:
        return {"userId": ObjectId(person.id), "name": person.name, "role": person.role}

    edit = {"update": b"\0"}
    for _ in range(3):
        log.append(here, "code", by(meeting.candidate), edit)
    log.append(here, "code", by(meeting.interviewer), edit)
    log.append(here, "code", by(meeting.candidate), edit, at=ago)
    log.append(here, "code", None, {**edit, "origin": "starter"})
    log.append(here, "chat", by(meeting.candidate), {"message": "not typed into the code"})
    log.append(ObjectId(other.id), "code", by(other.interviewer), edit)
    assert log.flush(10)

    live = {interview["id"]: interview for interview in figures(company.admin)["live"]}
    assert live[meeting.id]["editsPerMinute"] == 4
    assert [person["editsPerMinute"] for person in live[meeting.id]["people"]] == [3, 1]
    assert live[other.id]["editsPerMinute"] == 1


def asked(commands: list[Mapping[str, Any]]) -> list[str]:
    """Return what the store was asked for the figures, beside whose token it is."""
    asked = [f"{name} {command[name]}" for command in commands for name in [next(iter(command))]]
    return sorted(each for each in asked if each != "find sessions")


def test_each_figure_costs_one_question_however_much_there_is(
    company: Company, database: Database[Document]
) -> None:
    Meeting(company)
    with recorded(database) as few:
        figures(company.admin)
    fill(company, [{}] * 20)
    for _ in range(4):
        Meeting(company)
    with recorded(database) as many:
        assert len(figures(company.admin)["live"]) == 5
    assert asked(few) == asked(many)
    assert asked(many) == [
        "aggregate candidateprofiles",
        "aggregate interviews",
        "aggregate interviews",
        "aggregate interviews",
        "aggregate notifications",
        "aggregate sessionlogs",
        "find eyetrackingevents",
        "find interviews",
        "find users",
    ]


def test_no_figure_reads_a_whole_collection(
    company: Company, database: Database[Document], subtests: pytest.Subtests
) -> None:
    Meeting(company)
    with recorded(database) as commands:
        figures(company.admin)
    # Which the embedded store finds by their ids, and says otherwise.
    planned = [command for command in commands if command.get("find") not in ("users", "sessions")]
    assert len(planned) == 8
    for command in planned:
        with subtests.test(str(command)):
            found = stages(database, command)
            assert "IXSCAN" in found
            assert "COLLSCAN" not in found
