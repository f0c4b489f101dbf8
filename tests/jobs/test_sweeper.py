"""The worker's sweep, killed at every instant: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from bson import ObjectId

from interview_platform.core.clock import utcnow
from interview_platform.local.stores import EmbeddedRedis
from tests.jobs.conftest import OpenDesk
from tests.jobs.desk import DEADLINE, Desk, working
from tests.jobs.test_sealing_sweep import held
from tests.live import ROOT, environment, kill, wait_until
from tests.providers import Provider

# So many instants of a sweep are over once it has seen to messages.
MESSAGES = 16


class LeftBehind:
    """Work that a sweep finds: a message, a log to seal, an erasure, and audit entries."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.people: list[str] = []
        self.notifications: list[ObjectId] = []
        self.interviews: list[ObjectId] = []
        self.erased: list[ObjectId] = []

    def add(self) -> None:
        store = self._desk.services.store
        person, leaving = self._desk.person(), self._desk.person()
        notification = self._desk.keep(person)
        due = {"$set": {"sweepAt": utcnow()}}
        store["notifications"].update_one({"_id": notification}, due)
        erasure = {"by": ObjectId(), "dueAt": utcnow()}
        store["users"].update_one({"_id": leaving["_id"]}, {"$set": {"erasure": erasure}})
        self._desk.services.audit.record("tested", actor=leaving["_id"])
        self.people.append(person["email"])
        self.notifications.append(notification)
        self.interviews.append(held(self._desk, sealDueAt=utcnow()))
        self.erased.append(leaving["_id"])

    def check_done(self) -> None:
        """Check that all of it is done once, by the worker that runs."""
        desk, store = self._desk, self._desk.services.store
        assert {desk.closed(each)["status"] for each in self.notifications} == {"sent"}
        # Whoever was at it is dead, and need not be waited for.
        store["users"].update_many(
            {"erasure.dueAt": {"$gt": utcnow()}}, {"$set": {"erasure.dueAt": utcnow()}}
        )
        wait_until(
            lambda: store["users"].count_documents({"erasure": {"$exists": True}}) == 0,
            "the erasures",
            DEADLINE,
        )
        wait_until(
            lambda: store["auditentries"].count_documents({"seq": None}) == 0, "the chain", DEADLINE
        )
        deeds = store["auditentries"].find({"action": "candidate.erased"})
        assert Counter(deed["subject"] for deed in deeds) == Counter(self.erased)
        assert desk.services.audit_chain.check().faults == []
        for interview_id in self.interviews:
            wait_until(lambda each=interview_id: desk.services.log_seals.receipt(each), "a seal")  # type: ignore[misc]
            seals = {"interview": interview_id, "sealed": True}
            assert store["sessionlogs"].count_documents(seals) == 1


def test_a_sweep_that_is_killed_at_any_instant_loses_and_doubles_nothing(
    open_desk: OpenDesk, sendgrid: Provider, tmp_path: Path
) -> None:
    desk = open_desk()
    left, store = LeftBehind(desk), desk.services.store
    # All that see to messages, and some of the others, other ones each time.
    instant, killed, step = 0, 0, random.randrange(3, 6)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.jobs.sweeper"],
        cwd=ROOT,
        env=environment(desk.settings, **desk.environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as sweeper:
        assert sweeper.stdin is not None
        assert sweeper.stdout is not None
        while True:
            left.add()
            store["periodictasks"].delete_many({})
            sweeper.stdin.write(f"{instant}\n")
            sweeper.stdin.flush()
            status = int(sweeper.stdout.readline())
            if status == 0:
                break
            assert status == -signal.SIGKILL
            killed += 1
            instant += 1 if instant < MESSAGES else step
            # As if the minute had passed for which a store keeps a dead client's transaction.
            store.client.admin.command("killAllSessions", [])
        sweeper.stdin.close()
    assert killed > MESSAGES + 15
    with working(desk, tmp_path / "log"):
        left.check_done()
        wait_until(lambda: desk.services.queue.depth() == 0, "an empty queue", DEADLINE)
    # The sweep itself sends nothing, so that nothing was being sent as it was killed.
    assert [len(sendgrid.to(email)) for email in left.people] == [1] * len(left.people)


def test_messages_survive_workers_and_redis_killed_again_and_again(
    open_desk: OpenDesk, redis_server: EmbeddedRedis, sendgrid: Provider, tmp_path: Path
) -> None:
    desk = open_desk()
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    sent_to: dict[str, ObjectId] = {}
    rounds = 3
    for number in range(rounds):
        with working(desk, tmp_path / "log", ready=number % 2 == 0) as worker:
            for _ in range(10):
                person = desk.person()
                ask = chance.choice([desk.keep, desk.send])
                sent_to[person["email"]] = ask(person)
            time.sleep(chance.uniform(0, 1.5))
            if number % 2:
                kill(redis_server)
            worker.process.kill()
            assert worker.process.wait() == -signal.SIGKILL
        if number % 2:
            redis_server.start()
    with working(desk, tmp_path / "log"):
        assert {desk.closed(each)["status"] for each in sent_to.values()} == {"sent"}
    received = [len(sendgrid.to(email)) for email in sent_to]
    # Only what was being sent as its worker was killed is sent once more.
    assert min(received) == 1
    assert max(received) <= 1 + rounds
