"""`GET /api/interviews/:id/attention`, and the score that an interview ends with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from interview_platform.auth.model import Actor, Role
from interview_platform.core.clock import isoformat, milliseconds, utcnow
from interview_platform.core.mongo import Document
from interview_platform.telemetry.model import Sample
from interview_platform.wiring import Services
from tests.gaze import Gaze
from tests.meeting import Meeting
from tests.queries import recorded, stages
from tests.service import Company


def started(meeting: Meeting, database: Database[Document], ago: timedelta) -> datetime:
    """Have the interview be live since `ago` before now, or a little more; returns since when."""
    since = (utcnow() - ago).replace(microsecond=0)
    query = {"_id": ObjectId(meeting.id)}
    database["interviews"].update_one(query, {"$set": {"startedAt": since}})
    return since


def watch(services: Services, meeting: Meeting, samples: list[dict[str, Any]]) -> None:
    """Have the candidate consent, and the samples stored."""
    interview_id = ObjectId(meeting.id)
    cleo = Actor(ObjectId(meeting.candidate.id), Role.CANDIDATE, "Cleo", ObjectId())
    services.consents.give(cleo, interview_id, gaze=True, recording=False)
    for start in range(0, len(samples), 600):
        some = [Sample(**sample) for sample in samples[start : start + 600]]
        services.gaze.record(interview_id, "socket", cleo, some)
    assert services.gaze.flush(interview_id, 10)


def attention(meeting: Meeting) -> dict[str, Any]:
    answer = meeting.interviewer.get(f"/api/interviews/{meeting.id}/attention")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


def test_score_coverage_stretches_and_series(
    services: Services, meeting: Meeting, database: Database[Document]
) -> None:
    since = started(meeting, database, timedelta(seconds=40))
    gaze = Gaze(step=100)
    gaze.t = milliseconds(since)
    samples = gaze.look(100) + gaze.look(50, onScreen=False) + gaze.look(50) + gaze.look(101)
    watch(services, meeting, samples)
    query = {"_id": ObjectId(meeting.id)}
    ended = since + timedelta(seconds=40)
    database["interviews"].update_one(query, {"$set": {"endedAt": ended}})
    found = attention(meeting)
    began = since + timedelta(seconds=10)
    assert found == {
        "score": 83.3,
        "status": "ok",
        "coverage": 0.75,
        "version": "2",
        "stretches": [
            {
                "kind": "looking_away",
                "severity": "warning",
                "from": isoformat(began),
                "to": isoformat(began + timedelta(seconds=5)),
            }
        ],
        "series": [
            {"t": isoformat(since + timedelta(seconds=after)), "share": share, "coverage": covered}
            for after, share, covered in ((0, 1, 1), (10, 0.5, 1), (20, 1, 1), (30, None, 0))
        ],
    }


def test_under_half_coverage_there_is_no_score(
    services: Services, meeting: Meeting, database: Database[Document]
) -> None:
    since = started(meeting, database, timedelta(seconds=60))
    gaze = Gaze(step=100)
    gaze.t = milliseconds(since)
    watch(services, meeting, gaze.look(200, onScreen=False))
    found = attention(meeting)
    assert (found["score"], found["status"]) == (None, "insufficient_data")
    assert 0 < found["coverage"] < 0.5
    assert [stretch["kind"] for stretch in found["stretches"]] == ["looking_away"]
    meeting.end()
    assert interview(meeting)["attentivenessScore"] is None


def test_an_interview_that_has_not_begun_has_no_attention(company: Company) -> None:
    found = attention(Meeting(company, live=False))
    assert found == {
        "score": None,
        "status": "insufficient_data",
        "coverage": 0,
        "version": "2",
        "stretches": [],
        "series": [],
    }


def interview(meeting: Meeting) -> dict[str, Any]:
    answer = meeting.interviewer.get(f"/api/interviews/{meeting.id}")
    found: dict[str, Any] = answer.json["interview"]
    return found


@pytest.mark.parametrize(("given", "kept"), [({}, 100.0), ({"attentivenessScore": 12}, 12)])
def test_the_end_keeps_the_score_where_none_is_given(
    services: Services,
    meeting: Meeting,
    database: Database[Document],
    given: dict[str, Any],
    kept: float,
) -> None:
    gaze = Gaze(step=100)
    gaze.t = milliseconds(started(meeting, database, timedelta(seconds=10)))
    watch(services, meeting, gaze.look(100))
    meeting.end(**given)
    assert interview(meeting)["attentivenessScore"] == kept


def test_who_may_not_end_an_interview_learns_nothing_of_its_score(
    company: Company, meeting: Meeting
) -> None:
    for person, status in ((company.staff(), 404), (meeting.candidate, 403)):
        assert person.post(f"/api/interviews/{meeting.id}/end", {}).status_code == status
        assert person.get(f"/api/interviews/{meeting.id}/attention").status_code == status


def test_documents_of_an_older_service_are_passed_over(
    services: Services, meeting: Meeting, database: Database[Document]
) -> None:
    gaze = Gaze(step=100)
    gaze.t = milliseconds(started(meeting, database, timedelta(seconds=10)))
    older = {"metrics": {"x": 0.5}, "timestamp": datetime.now(UTC)}
    database["eyetrackingevents"].insert_one({"interview": ObjectId(meeting.id), **older})
    watch(services, meeting, gaze.look(100))
    assert attention(meeting)["score"] == 100.0


def test_summaries_alone_are_read_by_an_index(
    services: Services, meeting: Meeting, database: Database[Document]
) -> None:
    started(meeting, database, timedelta(minutes=4))
    watch(services, meeting, Gaze(200_000, step=500).look(390))
    with recorded(database) as commands:
        attention(meeting)
        recent = services.attention.now([ObjectId(meeting.id), ObjectId()])
    asked = [each for each in commands if each.get("find") == "eyetrackingevents"]
    assert len(asked) == 2
    for command in asked:
        assert "samples" not in command["projection"]
        assert command["projection"]["summary"]
        assert "COLLSCAN" not in stages(database, command)
    assert recent.pop(ObjectId(meeting.id)).score == 100.0
    assert [tuple(other) for other in recent.values()] == [(None, 0.0)]


def test_the_record_s_digest_is_that_of_the_samples_attached(
    services: Services, meeting: Meeting, database: Database[Document]
) -> None:
    samples = Gaze(step=100).look(20)
    watch(services, meeting, samples)
    entries = list(services.session_log.entries(ObjectId(meeting.id)))
    (entry,) = [each for each in entries if each["data"].get("event") == "gaze"]
    assert services.attention.attachments(entries) == {entry["_id"]: samples}
    database["eyetrackingevents"].delete_many({})
    assert services.attention.attachments(entries) == {}
