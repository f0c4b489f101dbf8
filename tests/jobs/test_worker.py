"""The worker process: killed, stopped, without Redis, without credentials."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from interview_platform.core.clock import utcnow
from interview_platform.core.queueing import workers_alive
from interview_platform.local.stores import EmbeddedRedis
from jobs.worker import SIDE_BY_SIDE
from tests.jobs.conftest import OpenDesk
from tests.jobs.desk import working
from tests.live import kill, wait_until
from tests.loaded import loaded_with
from tests.providers import NEVER, TOO_MANY, Answer, Provider


def test_a_worker_killed_while_sending_loses_nothing(
    open_desk: OpenDesk, sendgrid: Provider, tmp_path: Path
) -> None:
    desk = open_desk(PROVIDER_TIMEOUT="2s")
    ada = desk.person()
    undispatched = desk.keep(desk.person())
    sendgrid.plan(ada["email"], NEVER)
    with working(desk, tmp_path / "log") as worker:
        notification = desk.send(ada)
        wait_until(lambda: sendgrid.to(ada["email"]))
        worker.process.kill()
        worker.process.wait()
    row = desk.row(notification)
    assert row["status"] == "queued"
    assert row["lease"]["until"] > utcnow()

    with working(desk, tmp_path / "log"):
        row = desk.closed(notification)
        assert desk.closed(undispatched)["status"] == "sent"

    assert (row["status"], row["attempts"]) == ("sent", 1)
    assert len(sendgrid.to(ada["email"])) == 2


def test_several_workers_send_a_notification_once(
    open_desk: OpenDesk, sendgrid: Provider, tmp_path: Path
) -> None:
    desk = open_desk(PROVIDER_TIMEOUT="5s")
    ada = desk.person()
    sendgrid.plan(ada["email"], Answer(delay=1.0))
    with working(desk, tmp_path / "one"), working(desk, tmp_path / "other"):
        notification = desk.keep(ada)
        desk.services.notifications.dispatch([notification] * 6)
        assert desk.closed(notification)["status"] == "sent"
        wait_until(lambda: desk.services.queue.depth() == 0)

    assert len(sendgrid.to(ada["email"])) == 1


def test_a_provider_may_take_its_time_twice(
    open_desk: OpenDesk, sendgrid: Provider, tmp_path: Path
) -> None:
    desk = open_desk(PROVIDER_TIMEOUT="8s")
    ada = desk.person()
    sendgrid.plan(ada["email"], Answer(delay=7.0, pause=7.0))
    with working(desk, tmp_path / "one"), working(desk, tmp_path / "other"):
        row = desk.closed(desk.send(ada))
        assert (row["status"], row["attempts"], row["lastError"]) == ("sent", 1, None)
        assert len(sendgrid.to(ada["email"])) == 1


def test_redis_may_be_killed_and_come_back(
    open_desk: OpenDesk, sendgrid: Provider, redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    desk, other_desk = open_desk(), open_desk()
    with ExitStack() as stack:
        worker = stack.enter_context(working(desk, tmp_path / "worker"))
        with _away(redis_server):
            late = stack.enter_context(working(other_desk, tmp_path / "late", ready=False))
            kept = [(place, place.send(place.person())) for place in (desk, other_desk)]
            for place, notification in kept:
                row = place.row(notification)
                assert (row["status"], row["attempts"]) == ("pending", 0)
            wait_until(lambda: "could not connect to Redis" in worker.log_file.read_text())
            wait_until(lambda: "waiting for Redis" in late.log_file.read_text())

        for place, notification in kept:
            assert place.closed(notification)["status"] == "sent"
        # Retries need the scheduler, which did not outlive its connection.
        ada = desk.person()
        sendgrid.plan(ada["email"], TOO_MANY)
        row = desk.closed(desk.send(ada))
        assert (row["status"], row["attempts"]) == ("sent", 2)


def test_a_worker_that_is_told_to_stop_finishes_its_jobs_and_begins_none(
    open_desk: OpenDesk, sendgrid: Provider, tmp_path: Path
) -> None:
    desk = open_desk(PROVIDER_TIMEOUT="5s")
    people = [desk.person() for _ in range(SIDE_BY_SIDE)]
    for person in people:
        sendgrid.plan(person["email"], Answer(delay=3.0))
    with working(desk, tmp_path / "log") as worker:
        notifications = [desk.send(person) for person in people]
        wait_until(lambda: all(sendgrid.to(person["email"]) for person in people))
        waiting = desk.send(desk.person())

        assert worker.terminate() == 0

    assert {desk.row(each)["status"] for each in notifications} == {"sent"}
    assert all(len(sendgrid.to(person["email"])) == 1 for person in people)
    assert desk.row(waiting)["status"] == "queued"
    assert not workers_alive(desk.services.redis)


def test_a_job_that_outlasts_the_worker_is_done_by_the_next(
    open_desk: OpenDesk, sendgrid: Provider, tmp_path: Path
) -> None:
    desk = open_desk(PROVIDER_TIMEOUT="12s")
    ada = desk.person()
    sendgrid.plan(ada["email"], NEVER)
    with working(desk, tmp_path / "log") as worker:
        notification = desk.send(ada)
        wait_until(lambda: sendgrid.to(ada["email"]))

        assert worker.terminate() == 0
    assert desk.row(notification)["status"] == "queued"
    assert "1 jobs are left to the next sweep" in worker.log_file.read_text()

    with working(desk, tmp_path / "log"):
        assert desk.closed(notification)["status"] == "sent"


def test_messages_go_out_side_by_side_and_each_fares_for_itself(
    open_desk: OpenDesk, sendgrid: Provider, tmp_path: Path
) -> None:
    desk = open_desk(PROVIDER_TIMEOUT="5s")
    people = [desk.person() for _ in range(2 * SIDE_BY_SIDE)]
    refused, put_off, *others = people
    for person in others:
        sendgrid.plan(person["email"], Answer(delay=3.0))
    sendgrid.plan(refused["email"], Answer(400))
    sendgrid.plan(put_off["email"], TOO_MANY)
    notifications = [desk.send(person) for person in people]
    # Those that other tests left without an answer.
    stuck = sendgrid.most_at_once = sendgrid.at_once

    with working(desk, tmp_path / "log"):
        rows = [desk.closed(each) for each in notifications]

    assert [(row["status"], row["attempts"]) for row in rows] == [
        ("failed", 1),
        ("sent", 2),
        *[("sent", 1)] * len(others),
    ]
    assert sendgrid.most_at_once - stuck == SIDE_BY_SIDE


def test_without_credentials_a_notification_fails_and_says_so(
    open_desk: OpenDesk, tmp_path: Path
) -> None:
    desk = open_desk(SENDGRID_API_KEY="", EMAIL_FROM="", TWILIO_AUTH_TOKEN="")
    by_email = desk.send(desk.person())
    by_sms = desk.send(desk.person(phone="+4930123456", notificationChannel="sms"))

    with working(desk, tmp_path / "log"):
        for notification, error in (
            (by_email, "not configured: SENDGRID_API_KEY, EMAIL_FROM"),
            (by_sms, "not configured: TWILIO_AUTH_TOKEN"),
        ):
            row = desk.closed(notification)
            assert (row["status"], row["attempts"]) == ("failed", 1)
            assert row["lastError"] == error


def test_the_queue_shows_how_it_fares(open_desk: OpenDesk, tmp_path: Path) -> None:
    desk = open_desk()
    queue = desk.services.queue
    assert (queue.depth(), queue.oldest_age()) == (0, 0.0)
    assert not workers_alive(desk.services.redis)

    notifications = [desk.send(desk.person()) for _ in range(2)]

    assert queue.depth() == 2
    wait_until(lambda: queue.oldest_age() > 0)
    with working(desk, tmp_path / "log"):
        for notification in notifications:
            desk.closed(notification)
        # Between two sweeps, which stand in the queue for a moment.
        wait_until(lambda: (queue.depth(), queue.oldest_age()) == (0, 0.0))


def test_the_worker_does_not_load_the_web_application() -> None:
    assert loaded_with("jobs.worker", "flask", "wsgi", "interview_platform.app") == set()


@contextmanager
def _away(server: EmbeddedRedis) -> Iterator[None]:
    """Have Redis be killed, and come back at the end of the block."""
    kill(server)
    try:
        yield
    finally:
        server.start()
