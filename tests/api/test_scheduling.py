"""Scheduling: who can be booked for when, and that nobody is booked twice."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from interview_platform.core.clock import isoformat, utcnow
from interview_platform.core.mongo import Document
from tests.crowd import Call, all_at_once
from tests.interviews import NOBODY, at, book, make_lot, make_task, slot
from tests.queries import recorded
from tests.service import Company, Person

PATH = "/api/admin/interviews"
TWO_YEARS = 2 * 365 * 24


def request_for(candidate: Person, interviewer: Person, start: float = 0) -> dict[str, Any]:
    return {
        "candidateId": candidate.id,
        "interviewerId": interviewer.id,
        "schedule": slot(start),
    }


def brief(person: Person) -> dict[str, str]:
    return {"id": person.id, "name": person.name, "email": person.email}


def notices(database: Database[Document]) -> list[tuple[str, str, str, str]]:
    """Return what is told of interviews: the template, to whom, of whom, and its state."""
    rows = database["notifications"].find({"interview": {"$exists": True}}).sort("_id")
    return [
        (row["template"], str(row["user"]), row["context"]["counterpart"], row["status"])
        for row in rows
    ]


def test_a_scheduled_interview_is_answered_whole(company: Company) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    task, lot = make_task(company), make_lot(company)
    body = {
        **request_for(candidate, interviewer),
        "codingTaskId": task["id"],
        "lotId": lot["id"],
        "meetingRoomId": "room_of-our-own",
    }
    answer = company.admin.post(PATH, body)
    assert answer.status_code == 201, answer.text
    interview = answer.json["interview"]
    assert interview == {
        "id": interview["id"],
        "status": "scheduled",
        "candidate": brief(candidate),
        "interviewer": brief(interviewer),
        "codingTask": {"id": task["id"], "title": task["title"], "difficulty": "easy"},
        "lot": {"id": lot["id"], "name": lot["name"]},
        "schedule": body["schedule"],
        "meetingRoomId": "room_of-our-own",
        "createdBy": company.admin.id,
        "startedAt": None,
        "endedAt": None,
        "cancelledAt": None,
        "cancelReason": None,
        "feedback": None,
        "attentivenessScore": None,
        "scorecard": None,
        "createdAt": interview["createdAt"],
        "updatedAt": interview["updatedAt"],
    }


def test_rooms_are_made_up_unguessable_and_never_shared(company: Company) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    rooms = {book(company, candidate, interviewer, hour)["meetingRoomId"] for hour in range(3)}
    assert len(rooms) == 3
    assert min(len(room) for room in rooms) >= 22
    taken = {**request_for(candidate, interviewer, 5), "meetingRoomId": rooms.pop()}
    answer = company.admin.post(PATH, taken)
    assert answer.status_code == 409
    assert list(answer.json["errors"]["json"]) == ["meetingRoomId"]


def test_a_booking_asks_the_store_nothing_twice(
    company: Company, database: Database[Document]
) -> None:
    candidate, interviewer, task = company.candidate(), company.staff(), make_task(company)
    body = {**request_for(candidate, interviewer), "codingTaskId": task["id"]}
    with recorded(database) as commands:
        assert company.admin.post(PATH, body).status_code == 201
    asked = [(command["find"], str(command["filter"])) for command in commands if "find" in command]
    assert len(asked) == len(set(asked))
    # Who calls, who is to come, what they will solve, and what either of them has then.
    assert Counter(collection for collection, _ in asked) == {
        "sessions": 1,
        "users": 1,
        "codingtasks": 1,
        "interviews": 2,
    }
    written = [next(iter(command.items())) for command in commands if "find" not in command]
    # Not the task, which all bookings of it would meet at.
    assert sorted(written) == [
        ("insert", "auditentries"),
        ("insert", "interviews"),
        ("insert", "notifications"),
        ("insert", "sessionlogs"),
        ("update", "candidateprofiles"),
        ("update", "locks"),
        ("update", "notifications"),
        ("update", "users"),
    ]


def test_a_candidate_may_be_named_by_the_profile(company: Company) -> None:
    candidate = company.candidate()
    interview = book(company, candidate, company.staff(), candidateId=candidate.profile_id)
    assert interview["candidate"] == brief(candidate)


def test_each_id_must_be_of_its_kind(company: Company) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    task, lot = make_task(company), make_lot(company)
    good = request_for(candidate, interviewer)
    for field, wrong in {
        "candidateId": (interviewer.id, company.admin.id, lot["id"], NOBODY),
        "interviewerId": (candidate.id, candidate.profile_id, task["id"], NOBODY),
        "lotId": (task["id"], candidate.id, NOBODY),
        "codingTaskId": (lot["id"], interviewer.id, NOBODY),
    }.items():
        for wrong_id in wrong:
            answer = company.admin.post(PATH, {**good, field: wrong_id})
            assert answer.status_code == 422, (field, answer.text)
            assert list(answer.json["errors"]["json"]) == [field]
    assert company.admin.get(PATH).json["interviews"] == []


def test_only_accounts_that_can_be_used_are_booked(company: Company) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    gone_candidate, gone_interviewer = company.candidate(), company.staff()
    for path in (f"candidates/{gone_candidate.id}", f"users/{gone_interviewer.id}"):
        answer = company.admin.patch(f"/api/admin/{path}", {"status": "inactive"})
        assert answer.status_code == 200, answer.text
    invited = company.admin.post(
        "/api/admin/users", {"name": "New", "email": "new@example.com", "role": "interviewer"}
    ).json["user"]

    refused = company.admin.post(PATH, request_for(gone_candidate, gone_interviewer))
    assert refused.status_code == 422
    assert refused.json["errors"]["json"].keys() == {"candidateId", "interviewerId"}
    body = {**request_for(candidate, interviewer), "interviewerId": invited["id"]}
    assert company.admin.post(PATH, body).status_code == 422

    newcomer = company.admin.post(
        "/api/admin/candidates", {"name": "Newcomer", "email": "newcomer@example.com"}
    ).json["user"]
    body = {**request_for(candidate, interviewer), "candidateId": newcomer["id"]}
    assert company.admin.post(PATH, body).status_code == 201
    by_admin = {**request_for(candidate, company.admin, 5)}
    assert company.admin.post(PATH, by_admin).status_code == 201


def test_times_that_cannot_be_are_refused(company: Company, subtests: pytest.Subtests) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    interview = book(company, company.candidate(), interviewer, 20)
    for what, schedule, field in (
        ("empty", {"start": at(1), "end": at(1)}, "end"),
        ("backwards", {"start": at(1), "end": at(0)}, "end"),
        ("too long", {"start": at(0), "end": at(12.001)}, "end"),
        ("past", {"start": at(-48), "end": at(-47)}, "start"),
        ("far ahead", {"start": at(TWO_YEARS + 24), "end": at(TWO_YEARS + 25)}, "start"),
        (
            "the end of time",
            {"start": "9999-12-31T22:00:00.000Z", "end": "9999-12-31T23:00:00.000Z"},
            "start",
        ),
        ("no end", {"start": at(0)}, "end"),
        ("no offset", {"start": at(0).removesuffix("Z"), "end": at(1)}, "start"),
        ("words", {"start": at(0), "end": "soon"}, "end"),
        ("unknown", {"start": at(0), "end": at(1), "zone": "UTC"}, "zone"),
    ):
        body = {**request_for(candidate, interviewer), "schedule": schedule}
        for answer in (
            company.admin.post(PATH, body),
            company.admin.patch(f"{PATH}/{interview['id']}", {"schedule": schedule}),
        ):
            with subtests.test(what):
                assert answer.status_code == 422
                assert list(answer.json["errors"]["json"]["schedule"]) == [field]


def test_an_interview_can_begin_now_and_last_twelve_hours(company: Company) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    now = utcnow()
    from_now = {"start": isoformat(now), "end": isoformat(now + timedelta(hours=1))}
    book(company, candidate, interviewer, schedule=from_now)
    book(company, candidate, interviewer, schedule=slot(0, 12))
    book(company, candidate, interviewer, TWO_YEARS - 48)


def test_what_the_service_sets_itself_cannot_be_asked_for(company: Company) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    interview = book(company, candidate, interviewer)
    for field in ("status", "createdBy", "startedAt", "feedback", "candidate"):
        for answer in (
            company.admin.post(PATH, {**request_for(candidate, interviewer, 5), field: NOBODY}),
            company.admin.patch(f"{PATH}/{interview['id']}", {field: NOBODY}),
        ):
            assert answer.status_code == 422
            assert list(answer.json["errors"]["json"]) == [field]


def test_nobody_is_in_two_interviews_at_once(company: Company) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    other_candidate, other_interviewer = company.candidate(), company.staff()
    first = book(company, candidate, interviewer, schedule=slot(2, 4))
    for schedule in (slot(2, 4), slot(1, 2.5), slot(3.5, 5), slot(2.5, 3), slot(1, 5)):
        for field, body in (
            ("interviewerId", request_for(other_candidate, interviewer)),
            ("candidateId", request_for(candidate, other_interviewer)),
        ):
            answer = company.admin.post(PATH, {**body, "schedule": schedule})
            assert answer.status_code == 409
            named = f"{first['id']} from {first['schedule']['start']} to {first['schedule']['end']}"
            assert answer.json["message"] == f"In the way: interview {named}"
            assert answer.json["errors"]["json"] == {field: [f"Has interview {named}."]}
    # What ends as another begins is not in its way.
    book(company, candidate, other_interviewer, schedule=slot(1, 2))
    book(company, candidate, interviewer, schedule=slot(4, 5))
    book(company, other_candidate, interviewer, schedule=slot(1, 2))


def test_an_interview_that_is_over_is_in_nobodys_way(company: Company) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    cancelled = book(company, candidate, interviewer)
    company.admin.post(f"{PATH}/{cancelled['id']}/cancel")
    held = book(company, candidate, interviewer)
    company.admin.post(f"/api/interviews/{held['id']}/start")
    again = request_for(candidate, interviewer)
    assert company.admin.post(PATH, again).status_code == 409
    company.admin.post(f"/api/interviews/{held['id']}/end")
    assert company.admin.post(PATH, again).status_code == 201


@pytest.mark.parametrize("shared", ["interviewer", "candidate"])
def test_of_twenty_bookings_at_once_one_stands(company: Company, shared: str) -> None:
    """Each of them overlaps every other, and they have one person in common."""
    one_candidate, one_interviewer = company.candidate(), company.staff()
    # From here on the booking itself is all that a booking changes of the candidate.
    book(company, one_candidate, one_interviewer, 5)
    calls = []
    for number in range(20):
        candidate = one_candidate if shared == "candidate" else company.candidate()
        interviewer = one_interviewer if shared == "interviewer" else company.staff()
        schedule = slot(number / 60, 1 + number / 60)
        body = {**request_for(candidate, interviewer), "schedule": schedule}
        calls.append(Call(company.admin, "POST", PATH, body))

    answers = all_at_once(company.app, calls)

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    stands = next(answer for answer in answers if answer.status_code == 201).json()["interview"]
    for answer in answers:
        if answer.status_code == 409:
            assert stands["id"] in answer.json()["message"]
    assert [each["id"] for each in company.admin.get(PATH, to=at(5)).json["interviews"]] == [
        stands["id"]
    ]


def test_of_two_moves_into_one_gap_at_once_one_stands(company: Company) -> None:
    interviewer = company.staff()
    moved = [book(company, company.candidate(), interviewer, hour) for hour in (0, 2)]
    calls = [
        Call(company.admin, "PATCH", f"{PATH}/{each['id']}", {"schedule": slot(5)})
        for each in moved
    ]
    answers = all_at_once(company.app, calls)
    assert sorted(answer.status_code for answer in answers) == [200, 409]


def test_both_sides_are_told_of_a_new_interview(
    company: Company, database: Database[Document]
) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    interview = book(company, candidate, interviewer)
    assert notices(database) == [
        ("interview_scheduled", candidate.id, interviewer.name, "queued"),
        ("interview_scheduled", interviewer.id, candidate.name, "queued"),
    ]
    row = database["notifications"].find_one({"user": ObjectId(candidate.id)})
    assert row is not None
    assert str(row["interview"]) == interview["id"]
    assert isoformat(row["context"]["start"]) == interview["schedule"]["start"]
    assert isoformat(row["context"]["end"]) == interview["schedule"]["end"]


def test_nobody_is_told_of_a_booking_that_is_refused(
    company: Company, database: Database[Document]
) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    book(company, candidate, interviewer)
    before = notices(database)
    assert company.admin.post(PATH, request_for(candidate, company.staff())).status_code == 409
    assert notices(database) == before


def test_a_new_time_is_told_to_both_sides_and_voids_the_old(
    company: Company, database: Database[Document]
) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    interview = book(company, candidate, interviewer)
    for start in (0.5, 5, 0.5):
        answer = company.admin.patch(f"{PATH}/{interview['id']}", {"schedule": slot(start)})
        assert answer.status_code == 200, answer.text
        assert answer.json["interview"]["schedule"] == slot(start)
    told = notices(database)
    assert told[-2:] == [
        ("interview_rescheduled", candidate.id, interviewer.name, "queued"),
        ("interview_rescheduled", interviewer.id, candidate.name, "queued"),
    ]
    assert len(told) == 8
    assert {state for *_, state in told[:-2]} == {"failed"}
    last = database["notifications"].find_one(sort=[("_id", -1)])
    assert last is not None
    assert isoformat(last["context"]["previousStart"]) == at(5)
    assert isoformat(last["context"]["start"]) == at(0.5)


def test_a_new_interviewer_is_told_and_the_old_one_relieved(
    company: Company, database: Database[Document]
) -> None:
    candidate, old, new = company.candidate(), company.staff(), company.staff()
    interview = book(company, candidate, old)
    answer = company.admin.patch(f"{PATH}/{interview['id']}", {"interviewerId": new.id})
    assert answer.json["interview"]["interviewer"] == brief(new)
    assert notices(database)[2:] == [
        ("interview_scheduled", candidate.id, new.name, "queued"),
        ("interview_scheduled", new.id, candidate.name, "queued"),
        ("interview_cancelled", old.id, candidate.name, "queued"),
    ]
    path = f"/api/interviews/{interview['id']}"
    assert old.get(path).status_code == 404
    assert new.get(path).status_code == 200
    book(company, company.candidate(), old)
    refused = company.admin.post(PATH, request_for(company.candidate(), new))
    assert refused.status_code == 409


def test_who_was_relieved_is_told_so_whatever_changes_after(
    company: Company, database: Database[Document]
) -> None:
    candidate, old, new = company.candidate(), company.staff(), company.staff()
    path = f"{PATH}/{book(company, candidate, old)['id']}"
    relieved = ("interview_cancelled", old.id, candidate.name)
    for change in ({"interviewerId": new.id}, {"schedule": slot(5)}):
        assert company.admin.patch(path, change).status_code == 200
    assert company.admin.post(f"{path}/cancel", {"reason": "illness"}).status_code == 200
    assert (*relieved, "queued") in notices(database)
    assert [state for *_, state in notices(database)].count("queued") == 3


def test_who_was_relieved_and_takes_it_again_is_told_that_alone(
    company: Company, database: Database[Document]
) -> None:
    candidate, old, new = company.candidate(), company.staff(), company.staff()
    path = f"{PATH}/{book(company, candidate, old)['id']}"
    for interviewer in (new, old):
        answer = company.admin.patch(path, {"interviewerId": interviewer.id})
        assert answer.status_code == 200
    assert ("interview_cancelled", old.id, candidate.name, "failed") in notices(database)
    assert notices(database)[-3:] == [
        ("interview_scheduled", candidate.id, old.name, "queued"),
        ("interview_scheduled", old.id, candidate.name, "queued"),
        ("interview_cancelled", new.id, candidate.name, "queued"),
    ]


def test_a_change_is_checked_like_a_booking(company: Company) -> None:
    candidate, interviewer, busy = company.candidate(), company.staff(), company.staff()
    interview = book(company, candidate, interviewer)
    other = book(company, company.candidate(), busy)
    path = f"{PATH}/{interview['id']}"
    answer = company.admin.patch(path, {"interviewerId": busy.id})
    assert answer.status_code == 409
    assert other["id"] in answer.json["message"]
    for field in ("interviewerId", "codingTaskId", "lotId"):
        refused = company.admin.patch(path, {field: NOBODY})
        assert refused.status_code == 422
        assert list(refused.json["errors"]["json"]) == [field]
    taken = company.admin.patch(path, {"meetingRoomId": other["meetingRoomId"]})
    assert taken.status_code == 409
    read = company.admin.get(f"/api/interviews/{interview['id']}").json
    assert read["interview"] == interview


def test_only_people_who_change_are_checked(company: Company) -> None:
    candidate, interviewer, other = company.candidate(), company.staff(), company.staff()
    interview = book(company, candidate, interviewer)
    for account in (f"candidates/{candidate.id}", f"users/{interviewer.id}"):
        answer = company.admin.patch(f"/api/admin/{account}", {"status": "inactive"})
        assert answer.status_code == 200, answer.text
    path = f"{PATH}/{interview['id']}"
    assert company.admin.patch(path, {"schedule": slot(2)}).status_code == 200
    # That they are named again changes nothing.
    same = {"interviewerId": interviewer.id, "schedule": slot(3)}
    assert company.admin.patch(path, same).status_code == 200
    assert company.admin.patch(path, {"interviewerId": other.id}).status_code == 200
    back = company.admin.patch(path, {"interviewerId": interviewer.id})
    assert back.status_code == 422
    assert list(back.json["errors"]["json"]) == ["interviewerId"]
    assert company.admin.post(f"/api/interviews/{interview['id']}/start").status_code == 200


def test_what_an_interview_refers_to_can_be_set_and_taken_away(
    company: Company, database: Database[Document]
) -> None:
    interview = book(company, company.candidate(), company.staff())
    told = notices(database)
    task, lot = make_task(company), make_lot(company)
    path = f"{PATH}/{interview['id']}"
    body = {"codingTaskId": task["id"], "lotId": lot["id"], "meetingRoomId": "another-room"}
    changed = company.admin.patch(path, body).json["interview"]
    assert changed["codingTask"]["id"] == task["id"]
    assert changed["lot"] == {"id": lot["id"], "name": lot["name"]}
    assert changed["meetingRoomId"] == "another-room"
    cleared = company.admin.patch(path, {"codingTaskId": None, "lotId": None}).json["interview"]
    assert cleared["codingTask"] is None
    assert cleared["lot"] is None
    # Neither the time nor the people have changed.
    assert notices(database) == told


def test_a_cancellation_is_told_to_both_sides_with_its_reason(
    company: Company, database: Database[Document]
) -> None:
    candidate, interviewer = company.candidate(), company.staff()
    interview = book(company, candidate, interviewer)
    answer = company.admin.post(f"{PATH}/{interview['id']}/cancel", {"reason": "Fallen ill."})
    assert answer.status_code == 200
    cancelled = answer.json["interview"]
    assert cancelled["status"] == "cancelled"
    assert cancelled["cancelledAt"] >= interview["createdAt"]
    assert cancelled["cancelReason"] == "Fallen ill."
    assert notices(database) == [
        ("interview_scheduled", candidate.id, interviewer.name, "failed"),
        ("interview_scheduled", interviewer.id, candidate.name, "failed"),
        ("interview_cancelled", candidate.id, interviewer.name, "queued"),
        ("interview_cancelled", interviewer.id, candidate.name, "queued"),
    ]
    for row in database["notifications"].find({"template": "interview_cancelled"}):
        assert row["context"]["reason"] == "Fallen ill."
