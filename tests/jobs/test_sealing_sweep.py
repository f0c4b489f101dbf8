"""The logs of interviews that are over, sealed by the worker."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from bson import ObjectId

from interview_platform.core.clock import utcnow
from tests.jobs.conftest import OpenDesk
from tests.jobs.desk import DEADLINE, Desk, working
from tests.live import wait_until


def held(desk: Desk, **fields: Any) -> ObjectId:
    """Write an interview that is over and its log of three entries; returns its id."""
    interview: dict[str, Any] = {
        "candidate": ObjectId(),
        "interviewer": ObjectId(),
        "status": "completed",
        "endedAt": utcnow(),
        **fields,
    }
    interview_id: ObjectId = desk.services.store.interviews.insert_one(interview).inserted_id
    logged = [
        desk.services.session_log.append(interview_id, "chat", None, {"n": n}) for n in range(3)
    ]
    for each in logged:
        each.stored.result(20)
    return interview_id


def test_the_worker_seals_the_logs_that_are_due(open_desk: OpenDesk, tmp_path: Path) -> None:
    desk = open_desk()
    now = utcnow()
    due = [held(desk, sealDueAt=now - timedelta(seconds=n)) for n in range(3)]
    # A seal that was set by one who then was killed, before they could say so.
    desk.services.log_seals.seal(due[0], {})
    not_due = [held(desk), held(desk, sealDueAt=now + timedelta(hours=1))]
    interviews = desk.services.store.interviews

    def seals(interview_id: ObjectId) -> int:
        query = {"interview": interview_id, "sealed": True}
        return desk.services.store.sessionlogs.count_documents(query)

    with working(desk, tmp_path / "log"):
        wait_until(
            lambda: interviews.count_documents({"sealDueAt": {"$lte": utcnow()}}) == 0,
            "the seals",
            DEADLINE,
        )
    assert [seals(each) for each in due] == [1, 1, 1]
    assert [seals(each) for each in not_due] == [0, 0]
    for each in due:
        receipt = desk.services.log_seals.receipt(each)
        assert receipt is not None
        assert receipt["entries"] == 3
