"""Statement 26: what is kept of a person is told to them, and erased without a trace."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
from bson import ObjectId
from pymongo.database import Database

from interview_platform.core.clock import utcnow
from interview_platform.core.mongo import Document
from interview_platform.core.settings import Settings
from interview_platform.wiring import Services
from tests.interviews import make_task
from tests.live import WebProcess, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.queries import recorded, stages
from tests.record import check, export_of
from tests.service import PASSWORD, Company
from tests.traces import ABOUT_HER, EMAIL, OF_HER, TRACES, Life, Search
from tests.workers import worker


def test_26_a_person_is_told_all_and_erased_without_a_trace(
    company: Company,
    database: Database[Document],
    settings: Settings,
    start_web: StartWeb,
    connect: Connect,
    search: Search,
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
) -> None:
    with worker(settings, tmp_path / "worker.log"):
        life = Life(company)
        web = start_web(LOG_LEVEL="debug", DATA_DIR=str(tmp_path / "data"))
        her = life.meet(lambda person: connect(person, web.url))
        assert search.found().keys() == TRACES.keys()

        told = life.person.get("/api/candidates/me/export")
        assert told.status_code == 200
        assert told.headers["Content-Disposition"] == 'attachment; filename="my-data.json"'
        assert [name for name, trace in OF_HER.items() if trace not in told.text] == []
        assert ABOUT_HER["answer"] not in told.text

        record = export_of(life.meeting)
        assert life.erase() == 204
        assert search.found() == {}
        wait_until(lambda: not her.connected, "the end of her socket")

    assert life.person.get("/api/candidates/me").status_code == 401
    assert life.erase() == 404
    again = export_of(life.meeting)
    elsewhere = tmp_path_factory.mktemp("records")
    for lines in (record, again):
        status, printed = check(lines, elsewhere)
        assert status == 0, printed
    # The same log, by the same signature, and no word of it.
    assert again[-1] == record[-1]
    assert len(again) == len(record)
    assert not any(trace.encode() in line for trace in TRACES.values() for line in again)

    # What is the company's own stays.
    interview = life.meeting.interviewer.get(f"/api/interviews/{life.meeting.id}").json["interview"]
    assert interview["candidate"] == {"id": life.person.id}
    assert interview["status"] == "completed"
    assert interview["endedAt"]
    assert (interview["feedback"], interview["scorecard"]) == (None, None)
    assert interview["attentivenessScore"] is None
    assert company.admin.get(life.lot).json["lot"]["candidateCount"] == 1
    assert company.admin.get(f"{life.lot}/draws").json["draws"][0]["poolSize"] == 1
    deeds = list(database["auditentries"].find({"subject": ObjectId(life.person.id)}))
    assert [deed["action"] for deed in deeds][-1] == "candidate.erased"
    assert str(deeds[-1]["actor"]) == company.admin.id
    assert deeds[-1]["details"] == {}

    # The address is anybody's again.
    assert company.candidate(email=EMAIL).id != life.person.id


def test_26_what_is_told_is_in_order_and_one_s_own(
    company: Company, start_web: StartWeb, connect: Connect, life: Life
) -> None:
    web = start_web()
    life.meet(lambda person: connect(person, web.url))
    other = company.candidate(notes="somebody else's")
    told = life.person.get("/api/candidates/me/export").json
    assert told["account"]["email"] == EMAIL
    assert told["profile"]["notes"] == OF_HER["notes"]
    assert [change["status"] for change in told["profile"]["lotStatusHistory"]] == [
        "unassigned",
        "shortlisted",
        "pending",
        "shortlisted",
        "pending",
        "interviewed",
    ]
    assert [lot["name"] for lot in told["lots"]] == ["Backend, spring"]
    (draw,) = told["draws"]
    assert draw.keys() == {"id", "lot", "method", "score", "createdAt"}
    assert (draw["method"], draw["score"]) == ("random", None)
    assert draw["lot"] == told["lots"][0]["id"]
    assert [each["network"] for each in told["knownNetworks"]] == ["127.0.0.1", OF_HER["address"]]
    assert len(told["sessions"]) == 2
    assert told["sessions"][0].keys() == {"createdAt", "expiresAt"}
    sent = [each["template"] for each in told["notifications"]]
    assert sent[:1] == ["interview_scheduled"]
    assert sorted(sent) == [
        "interview_cancelled",
        "interview_scheduled",
        "interview_scheduled",
        "password_reset",
    ]

    cancelled, held = sorted(told["interviews"], key=lambda each: str(each["status"]))
    assert cancelled["cancelReason"] == f"{OF_HER['reason']} of Quillwort"
    assert held["interviewer"] == {
        "id": life.meeting.interviewer.id,
        "name": life.meeting.interviewer.name,
    }
    assert held["consent"]["gaze"] is True
    assert held["scorecard"]["criteria"][0]["comment"] == OF_HER["comment"]
    assert held["attentivenessScore"] == 81.5
    assert held["code"]["text"] == f"print({OF_HER['code']})"
    assert [sample["x"] for sample in held["gaze"][0]["samples"]] == [0.123454321] * 3
    numbers = [entry["seq"] for entry in held["log"]]
    assert numbers == sorted(numbers)
    talk = [entry["data"]["message"] for entry in held["log"] if entry["type"] == "chat"]
    assert talk == [OF_HER["chat"]]
    assert OF_HER["bookmark"] in [entry["data"].get("label") for entry in held["log"]]

    own = [(deed["action"], deed["address"]) for deed in told["audit"] if deed["byYou"]]
    assert ("login", OF_HER["address"]) in own
    others = [deed for deed in told["audit"] if not deed["byYou"]]
    assert {deed["action"] for deed in others} >= {"user.created"}
    assert {deed["address"] for deed in others} == {None}

    # Another's holds nothing of this.
    assert "trace" not in other.get("/api/candidates/me/export").text


def test_9_who_waits_reads_nothing_of_the_room_in_the_export(
    company: Company, start_web: StartWeb, connect: Connect
) -> None:
    task = make_task(company, starterCode="starter = 'secret'")
    ahead = Meeting(company, codingTaskId=task["id"], live=False)
    web = start_web()
    ida = connect(ahead.interviewer, web.url)
    assert "secret" in ida.join(ahead.id)["codeSnapshot"]
    here = {"interviewId": ahead.id}
    assert ida.call("bookmark", {**here, "label": "staff's own"})["ok"]
    cleo = connect(ahead.candidate, web.url)
    assert cleo.join(ahead.id)["waiting"]

    def told() -> tuple[Any, list[str]]:
        answer = ahead.candidate.get("/api/candidates/me/export")
        (interview,) = answer.json["interviews"]
        return interview["code"], [each["data"].get("event") for each in interview["log"]]

    assert told() == (None, [])
    ahead.start()
    cleo.next("admitted")
    # What they do themselves is theirs to read at once.
    assert told() == (None, ["participant.joined"])
    ahead.end()
    code, steps = told()
    assert "secret" in code["text"]
    assert "bookmark" in steps


def test_26_of_an_interview_that_was_called_off_one_s_own_part_is_told(company: Company) -> None:
    ahead = Meeting(company, live=False)
    path = f"/api/admin/interviews/{ahead.id}/cancel"
    assert company.admin.post(path, {"reason": "illness"}).status_code == 200
    (interview,) = ahead.candidate.get("/api/candidates/me/export").json["interviews"]
    assert (interview["code"], interview["log"]) == (None, [])


def test_26_each_question_of_an_export_is_answered_by_an_index(
    life: Life, database: Database[Document]
) -> None:
    with recorded(database) as commands:
        assert life.person.get("/api/candidates/me/export").status_code == 200
    finds = [command for command in commands if "find" in command]
    assert len(finds) < 40
    for command in finds:
        assert "COLLSCAN" not in stages(database, command), command


def test_26_nobody_is_erased_by_mistake_or_before_their_interview(
    company: Company, life: Life
) -> None:
    for confirm in ("somebody.else@example.com", company.admin.email):
        answer = company.admin.post(life.erase_path, {"confirm": confirm})
        assert answer.status_code == 422
        assert answer.json["errors"]["json"].keys() == {"confirm"}
    assert life.erase() == 409
    life.meeting.start()
    assert life.erase() == 409
    for colleague in (life.meeting.interviewer, company.admin):
        erase = f"/api/admin/candidates/{colleague.id}/erase"
        assert company.admin.post(erase, {"confirm": colleague.email}).status_code == 404
    assert life.person.get("/api/candidates/me").json["profile"]["user"]["email"] == EMAIL


def test_26_a_candidate_without_any_past_is_erased_by_profile_and_in_capitals(
    company: Company, database: Database[Document]
) -> None:
    person = company.candidate()
    erase = f"/api/admin/candidates/{person.profile_id}/erase"
    assert company.admin.post(erase, {"confirm": person.email.upper()}).status_code == 204
    assert company.admin.get(f"/api/admin/candidates/{person.id}").status_code == 404
    for name in ("users", "candidateprofiles", "sessions", "onetimetokens"):
        query = {"$or": [{"_id": ObjectId(person.id)}, {"user": ObjectId(person.id)}]}
        assert database[name].count_documents(query) == 0, name


def test_26_an_erasure_that_was_killed_is_ended_by_the_worker(
    company: Company,
    database: Database[Document],
    services: Services,
    settings: Settings,
    start_web: StartWeb,
    connect: Connect,
    search: Search,
    tmp_path: Path,
) -> None:
    web = start_web()
    life = Life(company)
    her = life.meet(lambda person: connect(person, web.url))
    _be_killed_while_erasing(web, life, database)
    her.leave()

    # Nobody gets in meanwhile, nor is anything made new.
    body = {"email": EMAIL, "password": PASSWORD}
    assert company.anyone.post("/api/auth/login", body).status_code == 401
    candidate = f"/api/admin/candidates/{life.person.id}"
    assert company.admin.patch(candidate, {"status": "active"}).status_code == 409
    assert search.found().keys() >= OF_HER.keys() - {"reason"}

    # Whoever began it may be at it still, for a while.
    assert services.erasure.sweep() == 0
    long_ago = utcnow() - timedelta(minutes=2)
    database["users"].update_one(
        {"_id": ObjectId(life.person.id)}, {"$set": {"erasure.dueAt": long_ago}}
    )
    with worker(settings, tmp_path / "worker.log"):
        wait_until(
            lambda: not database["users"].find_one({"_id": ObjectId(life.person.id)}),
            "the end of the erasure",
            40,
        )
    assert search.found() == {}
    deeds = database["auditentries"].find({"action": "candidate.erased"})
    assert [str(deed["actor"]) for deed in deeds] == [company.admin.id]


def _be_killed_while_erasing(web: WebProcess, life: Life, database: Database[Document]) -> None:
    """Ask `web` for the erasure and kill it as it waits for the seal of the log."""
    user = ObjectId(life.person.id)

    def ask() -> None:
        headers = {"Authorization": f"Bearer {life.company.admin.token}"}
        with suppress(requests.RequestException):
            requests.post(
                f"{web.url}{life.erase_path}", json={"confirm": EMAIL}, headers=headers, timeout=20
            )

    asking = Thread(target=ask)
    asking.start()
    query = {"_id": user, "erasure.by": ObjectId(life.company.admin.id)}
    wait_until(lambda: database["users"].find_one(query), "the erasure's beginning")
    web.kill()
    asking.join()
    assert database["users"].find_one(query), "it had ended before"
