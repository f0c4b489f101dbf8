"""Who was erased stays erased: in the files behind Redis, and after a backup was restored."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from bson import ObjectId
from pymongo.database import Database
from redis import Redis

from interview_platform.core import redis
from interview_platform.core.clock import EPOCH
from interview_platform.core.mongo import Document
from interview_platform.core.settings import Settings
from interview_platform.local.stores import EmbeddedRedis
from interview_platform.wiring import Services
from tests.live import ROOT, environment, procfile_command, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.record import check, export_of, out_of_grace, path
from tests.service import Company, make_settings
from tests.traces import ABOUT_HER, OF_HER, Life, Search
from tests.workers import worker

Backup = dict[str, list[Document]]


def back_up(database: Database[Document]) -> Backup:
    return {name: list(database[name].find()) for name in database.list_collection_names()}


def restore(database: Database[Document], backup: Backup) -> None:
    """Have the store be as it was, but for the erasures, which are carried over."""
    for name in {*database.list_collection_names()} - {"erasures", "locks"}:
        database[name].delete_many({})
        if documents := backup.get(name):
            database[name].insert_many(documents)


def release(settings: Settings) -> str:
    """Run the release phase and return what it logs."""
    env = environment(settings, LOG_LEVEL="info")
    done = subprocess.run(
        procfile_command("release"), cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def erased_ids(database: Database[Document]) -> list[set[str]]:
    """Return the fields of what is kept of erasures."""
    return [set(erasure) - {"rewriteDue"} for erasure in database["erasures"].find()]


def test_an_erasure_is_applied_again_after_a_backup_was_restored(
    company: Company,
    database: Database[Document],
    settings: Settings,
    services: Services,
    start_web: StartWeb,
    connect: Connect,
    search: Search,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    life = Life(company)
    web = start_web()
    life.meet(lambda person: connect(person, web.url)).leave()
    out_of_grace(life.meeting, services)
    web.kill()
    before = search.found()
    backup = back_up(database)
    assert life.erase() == 204
    assert search.found() == {}
    assert erased_ids(database) == [{"_id", "profile", "by", "at"}]

    restore(database, backup)
    back = search.found()
    assert set(before) - set(back) <= {"hash of the e-mail"}
    told = release(settings)
    assert f"candidate {life.person.id} was erased, is back, and is erased again" in told
    assert "the audit is whole" in told
    assert search.found() == {}
    status, printed = check(export_of(life.meeting), tmp_path_factory.mktemp("records"))
    assert status == 0, printed
    deeds = list(database["auditentries"].find({"action": "candidate.erased"}))
    assert [str(deed["actor"]) for deed in deeds] == [company.admin.id]
    # Nobody else is, and a later release has nothing to do.
    assert life.meeting.interviewer.get(f"/api/interviews/{life.meeting.id}").status_code == 200
    assert "is erased again" not in release(settings)


def test_an_interview_that_was_under_way_in_the_backup_is_called_off(
    company: Company, database: Database[Document], settings: Settings, services: Services
) -> None:
    meetings = [Meeting(company), Meeting(company, live=False)]
    logged = [
        services.session_log.append(ObjectId(each.id), "chat", None, {"message": "of-them"})
        for each in meetings
    ]
    for entry in logged:
        entry.stored.result(20)
    backup = back_up(database)
    for meeting in meetings:
        if meeting is meetings[0]:
            meeting.end()
        else:
            cancel = f"/api/admin/interviews/{meeting.id}/cancel"
            assert company.admin.post(cancel, {"reason": "x"}).status_code == 200
        out_of_grace(meeting, services)
        person = meeting.candidate
        erase = f"/api/admin/candidates/{person.id}/erase"
        assert company.admin.post(erase, {"confirm": person.email}).status_code == 204
    restore(database, backup)
    release(settings)
    for meeting in meetings:
        kept = database["interviews"].find_one({"_id": ObjectId(meeting.id)})
        assert kept is not None
        assert kept["status"] == "cancelled"
        assert database["users"].find_one({"_id": ObjectId(meeting.candidate.id)}) is None
        assert meeting.interviewer.get(path(meeting, "receipt")).status_code == 200
    assert database["sessionlogs"].count_documents({"data.message": "of-them"}) == 0


PARTS = ("users", "candidateprofiles", "notifications", "interviews", "sessionlogs")


@pytest.mark.parametrize("part", PARTS)
def test_what_comes_back_in_part_is_erased_too(
    company: Company, database: Database[Document], services: Services, search: Search, part: str
) -> None:
    life = Life(company)
    life.meeting.start()
    said = {"message": OF_HER["chat"]}
    services.session_log.append(ObjectId(life.meeting.id), "chat", None, said).stored.result(20)
    life.meeting.end(feedback=OF_HER["feedback"])
    out_of_grace(life.meeting, services)
    # From before the audit is chained: what is chained comes back with its chain alone.
    backup = back_up(database)
    assert life.erase() == 204
    assert search.found() == {}
    # What went to an address alone names no account, and is gone after a week in any case.
    documents = [each for each in backup[part] if part == "users" or not each.get("email")]
    database[part].delete_many({})
    database[part].insert_many(documents)
    assert search.found() != {}
    assert services.erasure.apply_again() == 1
    assert search.found() == {}
    assert services.erasure.apply_again() == 0


class TestFilesBehindRedis:
    @pytest.fixture
    def settings(
        self, mongo_uri: str, database: Database[Document], own_redis: EmbeddedRedis
    ) -> Settings:
        return make_settings(mongo_uri, database.name, f"{own_redis.url}/0")

    @pytest.fixture
    def client(self, own_redis: EmbeddedRedis) -> Iterator[Redis]:
        with redis.connect(own_redis.url) as client:
            yield client

    def test_they_are_rewritten_once_after_erasures(
        self,
        company: Company,
        database: Database[Document],
        settings: Settings,
        client: Redis,
        tmp_path: Path,
    ) -> None:
        client.config_set("save", "3600 1")
        client.bgsave()
        life = Life(company)
        life.meeting.start()
        life.meeting.end()
        another = company.candidate()
        folder = tmp_path / "redis"
        wait_until(lambda: not client.info("persistence")["rdb_bgsave_in_progress"])
        client.bgsave()
        wait_until(lambda: not client.info("persistence")["rdb_bgsave_in_progress"])
        assert found_in(folder) == set(TRACES_OF_REDIS)

        assert life.erase() == 204
        erase = f"/api/admin/candidates/{another.id}/erase"
        assert company.admin.post(erase, {"confirm": another.email}).status_code == 204
        assert found_in(folder) == set(TRACES_OF_REDIS)
        assert database["erasures"].count_documents({"rewriteDue": {"$gt": EPOCH}}) == 2
        # Half a minute later.
        database["erasures"].update_many({}, {"$set": {"rewriteDue": EPOCH}})
        with worker(settings, tmp_path / "worker.log"):
            wait_until(lambda: found_in(folder) == set(), "the rewrite", 30)
            wait_until(lambda: not database["erasures"].count_documents({"rewriteDue": {"$gt": 0}}))
            log = tmp_path / "worker.log"
            wait_until(lambda: "Redis rewrites its files" in log.read_text(), "the note")
        assert database["erasures"].count_documents({"rewriteDue": {"$exists": True}}) == 0
        assert log.read_text().count("Redis rewrites its files") == 1

    def test_a_redis_that_refuses_is_told_once(
        self,
        company: Company,
        database: Database[Document],
        services: Services,
        client: Redis,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        person = company.candidate()
        erase = f"/api/admin/candidates/{person.id}/erase"
        assert company.admin.post(erase, {"confirm": person.email}).status_code == 204
        assert services.redis_files.sweep() == 0
        database["erasures"].update_many({}, {"$set": {"rewriteDue": EPOCH + timedelta(days=1)}})
        client.execute_command("ACL", "SETUSER", "default", "-bgrewriteaof")  # type: ignore[no-untyped-call]
        with caplog.at_level(logging.WARNING):
            assert services.redis_files.sweep() == 0
            assert "Redis does not rewrite its files" in caplog.text
            caplog.clear()
            assert services.redis_files.sweep() == 0
            assert caplog.text == ""


TRACES_OF_REDIS = {
    "address": OF_HER["address"].encode(),
    "hash of the e-mail": ABOUT_HER["hash of the e-mail"].encode(),
}


def found_in(folder: Path) -> set[str]:
    """Return which traces the files hold, but for how often an address has tried to log in."""
    content = b""
    for file in folder.rglob("*"):
        try:
            content += file.read_bytes() if file.is_file() else b""
        except FileNotFoundError:  # replaced meanwhile
            continue
    for kept in (b"throttle:login:a:", b"throttle:mail:a:"):
        content = content.replace(kept + TRACES_OF_REDIS["address"], b"")
    return {name for name, trace in TRACES_OF_REDIS.items() if trace in content}
