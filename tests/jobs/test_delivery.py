"""Notifications as the worker delivers them, and what becomes of them when it cannot."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import pytest
from bson import ObjectId
from pymongo.errors import DuplicateKeyError
from rq.job import JobStatus
from rq.registry import FailedJobRegistry

from interview_platform.core.clock import utcnow
from interview_platform.core.queueing import notification_queue
from interview_platform.core.security import fingerprint
from tests.jobs.conftest import OpenDesk
from tests.jobs.desk import START, Desk, WorkerProcess, working
from tests.live import wait_until
from tests.providers import (
    BROKEN,
    CUT,
    NEVER,
    SENDGRID_KEY,
    TOO_MANY,
    TWILIO_NUMBER,
    TWILIO_TOKEN,
    UNAUTHORIZED,
    Answer,
    Provider,
)


@pytest.fixture(scope="module")
def desk(open_desk: OpenDesk) -> Desk:
    return open_desk()


@pytest.fixture(scope="module", autouse=True)
def worker(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    with working(desk, tmp_path_factory.mktemp("worker") / "log") as process:
        yield process


def test_email_says_who_when_and_where(desk: Desk, sendgrid: Provider) -> None:
    ada = desk.person(name="Ada Lovelace", timezone="Asia/Tokyo")
    interview = ObjectId()

    row = desk.closed(desk.send(ada, interview_id=interview))

    assert (row["status"], row["channel"], row["attempts"]) == ("sent", "email", 1)
    assert row["providerMessageId"]
    assert row["sentAt"]
    assert row["lastError"] is None
    assert not {"lease", "sweepAt", "nextAttemptAt"} & row.keys()
    [received] = sendgrid.to(ada["email"])
    mail = received.message
    assert mail["from"] == {"email": "interviews@example.com", "name": "Interviews"}
    assert mail["personalizations"] == [{"to": [{"email": ada["email"], "name": "Ada Lovelace"}]}]
    assert mail["subject"] == "Interview with Grace Hopper on Tue 3 Mar 2026, 22:30 (Asia/Tokyo)"
    assert mail["tracking_settings"]["click_tracking"] == {"enable": False, "enable_text": False}
    link = f"https://app.example.com/welcome#interview={interview}"
    for part in mail["content"]:
        assert "Hello Ada Lovelace" in part["value"]
        assert "Grace Hopper" in part["value"]
        assert "Tuesday, 3 March 2026 at 22:30 Japan Standard Time (Asia/Tokyo)" in part["value"]
        assert "45 minutes" in part["value"]
        assert link in part["value"]


def test_sms_for_those_who_prefer_it(desk: Desk, sendgrid: Provider, twilio: Provider) -> None:
    ada = desk.person(
        phone="+4930123456", notificationChannel="sms", timezone="America/Argentina/Buenos_Aires"
    )
    interview = ObjectId()

    row = desk.closed(desk.send(ada, interview_id=interview))

    assert (row["status"], row["channel"], row["attempts"]) == ("sent", "sms", 1)
    assert row["providerMessageId"].startswith("SM")
    [received] = twilio.to("+4930123456")
    assert received.message["From"] == TWILIO_NUMBER
    body = received.message["Body"]
    assert body == (
        "Interview with Grace Hopper: Tue 3 Mar 2026, 10:30 (America/Argentina/Buenos_Aires), "
        f"45 minutes. https://app.example.com/welcome#interview={interview}"
    )
    assert body.isascii()
    assert len(body) <= 2 * 153
    assert not sendgrid.to(ada["email"])


@pytest.mark.parametrize(
    ("phone", "reason"),
    [
        ("+49 30 123470 ext. 12", "a phone number with an extension"),
        ("+4930123470,12", "a phone number with an extension"),
        ("+49 30 123470 / 123471", "not a phone number with a country code"),
    ],
)
def test_no_sms_goes_to_a_number_of_which_something_would_be_left_out(
    desk: Desk, twilio: Provider, phone: str, reason: str
) -> None:
    # As the Node service may have kept it.
    ada = desk.person(phone=phone, notificationChannel="sms")

    row = desk.closed(desk.send(ada))

    assert (row["status"], row["lastError"]) == ("failed", reason)
    assert not twilio.to("+4930123470")


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        ({"notificationChannel": "sms"}, "has no phone"),
        ({"phone": "+4930123457"}, "does not prefer it"),
        ({"phone": "+4930123458", "notificationChannel": "email"}, "prefers e-mail"),
        ({"timezone": "Middle/Earth"}, "has a time zone that nobody knows"),
    ],
)
def test_email_for_everybody_else(
    desk: Desk, sendgrid: Provider, person: dict[str, str], reason: str
) -> None:
    somebody = desk.person(**person)

    row = desk.closed(desk.send(somebody))

    assert (row["status"], row["channel"]) == ("sent", "email"), reason
    [received] = sendgrid.to(somebody["email"])
    assert "13:30 Coordinated Universal Time (UTC)" in received.message["content"][0]["value"]


def test_each_kind_of_message_about_an_interview(
    desk: Desk, sendgrid: Provider, twilio: Provider
) -> None:
    by_email = desk.person()
    by_sms = desk.person(phone="+4930123460", notificationChannel="sms")
    for template, context in (
        ("interview_scheduled", {"audience": "interviewer"}),
        ("interview_rescheduled", {"previousStart": START - timedelta(days=1)}),
        ("interview_rescheduled", {}),
        ("interview_cancelled", {"reason": "The position is filled"}),
        ("interview_cancelled", {}),
    ):
        for person in (by_email, by_sms):
            row = desk.closed(desk.send(person, template, context=context))
            assert row["status"] == "sent", row

    mails = [received.message for received in sendgrid.to(by_email["email"])]
    subjects = [mail["subject"].partition(" interview with")[0] for mail in mails]
    assert subjects[1:] == ["New time:", "New time:", "Cancelled:", "Cancelled:"]
    for index in (0, 1):
        bodies = [mail["content"][index]["value"] for mail in mails]
        assert "you are to interview" in bodies[0]
        assert ["Monday, 2 March 2026 at 13:30" in body for body in bodies[1:3]] == [True, False]
        assert ["The position is filled" in body for body in bodies[3:]] == [True, False]
    texts = [received.message["Body"] for received in twilio.to("+4930123460")]
    openings = ["Interview", "New time for", "New time for", "Your interview", "Your interview"]
    assert [text.startswith(start) for text, start in zip(texts, openings, strict=True)] == [
        True
    ] * 5
    for text in texts:
        assert "Grace Hopper" in text
        assert "Tue 3 Mar 2026, 13:30 (UTC)" in text
        assert "45 minutes" in text
        assert "\n" not in text


def test_names_stay_in_their_place(desk: Desk, sendgrid: Provider) -> None:
    ada = desk.person(name="Ada\r\nBcc: all@example.com")
    eve = '<b onclick="x">Eve</b>\n\nSubject: You won'

    row = desk.closed(desk.send(ada, context={"counterpart": eve}))

    assert row["status"] == "sent"
    [received] = sendgrid.to(ada["email"])
    mail = received.message
    assert mail["subject"].startswith('Interview with <b onclick="x">Eve</b> Subject: You won on')
    assert mail["personalizations"][0]["to"][0]["name"] == "Ada Bcc: all@example.com"
    text, html = (part["value"] for part in mail["content"])
    assert "Hello Ada Bcc: all@example. com,\n" in text
    assert "<b onclick" not in html
    assert "&lt;b onclick=&#34;x&#34;&gt;Eve" in html


LINKS = re.compile(r"https?://\S|www\.\S|[^\s.]+\.(?:example|com)\b", re.IGNORECASE)


@pytest.mark.parametrize(
    "name",
    [
        "Eve http://evil.example/x",
        "Eve HTTPS://EVIL.EXAMPLE",
        "Eve www.evil.example",
        "evil.example/login",
        "eve@evil.example",
        "mailto:eve@evil.com",
        "Eve evil。com",
        "Eve evil.\u200dcom",
        "Eve \u202eelpmaxe.live\u202c evil\u200b.\u2060com",
    ],
    ids=ascii,
)
def test_no_name_becomes_a_link(
    desk: Desk, sendgrid: Provider, twilio: Provider, name: str
) -> None:
    number = f"+4930{zlib.crc32(name.encode())}"
    by_sms = desk.person(name=name, phone=number, notificationChannel="sms")
    by_email = desk.person(name=name)
    for person in (by_sms, by_email):
        for template in ("interview_scheduled", "interview_cancelled"):
            row = desk.closed(desk.send(person, template, context={"counterpart": name}))
            assert row["status"] == "sent", row

    shown = [received.message["Body"] for received in twilio.to(number)]
    for received in sendgrid.to(by_email["email"]):
        mail = received.message
        shown += [mail["subject"], *(part["value"] for part in mail["content"])]
        assert is_clean(mail["personalizations"][0]["to"][0]["name"])
    assert len(shown) == 2 + 2 * 3
    for text in shown:
        assert is_clean(text.replace("\n", ""))
        own = re.sub(r"https://app\.example\.com/welcome#interview=\w+", "", text)
        plain = re.sub("[\u200c-\u200f]", "", own)
        assert not LINKS.search(plain.replace("。", ".")), text
        assert "evil" in plain.lower()


def is_clean(text: str) -> bool:
    """Tell that a text has no control characters, and nothing that turns what is around it."""
    return not re.search("[\x00-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2060-\u2069]", text)


@pytest.mark.parametrize(
    ("template", "purpose"), [("account_invitation", "invitation"), ("password_reset", "reset")]
)
def test_one_use_links_are_made_as_they_are_sent(
    desk: Desk, sendgrid: Provider, twilio: Provider, template: str, purpose: str
) -> None:
    ada = desk.person(phone="+4930123459", notificationChannel="sms", status="invited")

    row = desk.closed(desk.send(ada, template, user_id=None, email=ada["email"], context={}))

    assert (row["status"], row["channel"]) == ("sent", "email")
    assert not twilio.to("+4930123459")
    [received] = sendgrid.to(ada["email"])
    text, html = (part["value"] for part in received.message["content"])
    links = re.findall(r"https://\S+", text)
    assert len(links) == 1
    assert links[0].replace("&", "&amp;") in html
    address = urlsplit(links[0])
    assert address.query == ""
    [token], [for_what] = parse_qs(address.fragment).values()
    assert for_what == purpose
    kept = desk.services.store["onetimetokens"].find_one({"hash": fingerprint(token)})
    assert kept
    assert kept["user"] == ada["_id"]
    assert token not in str(row)


@pytest.mark.parametrize("who", ["unknown", "inactive"])
def test_nobody_is_written_to_who_must_not_be(desk: Desk, sendgrid: Provider, who: str) -> None:
    address = f"{who}@example.com"
    if who == "inactive":
        desk.person(email=address, status="inactive")

    row = desk.closed(desk.send({"_id": None}, "password_reset", email=address, context={}))

    assert (row["status"], row["attempts"]) == ("failed", 1)
    assert row["lastError"] == "no such recipient"
    assert not sendgrid.to(address)


def test_an_address_without_an_account_is_not_kept_for_ever(desk: Desk) -> None:
    unknown = desk.keep({"_id": None}, "password_reset", email="who@example.com", context={})
    known = desk.keep(desk.person())
    assert "expiresAt" not in desk.row(unknown)

    desk.services.notifications.dispatch([unknown, known])

    assert desk.closed(unknown)["expiresAt"] > utcnow() + timedelta(days=6)
    assert "expiresAt" not in desk.closed(known)
    indexes = desk.services.store["notifications"].index_information()
    assert indexes["expiresAt_1"]["expireAfterSeconds"] == 0


@dataclass(frozen=True)
class Trouble:
    answers: tuple[Answer, ...]
    status: str
    attempts: int
    error: str | None
    sms: bool = False


TROUBLE = {
    "too many, twice": Trouble((TOO_MANY, TOO_MANY), "sent", 3, None),
    "too slow": Trouble((Answer(408),), "sent", 2, None),
    "put off": Trouble((Answer(429, retry_after=3),), "sent", 2, None),
    "put off to a date": Trouble((Answer(429, retry_after=3, as_date=True),), "sent", 2, None),
    "put off by a clock ahead": Trouble(
        (Answer(503, retry_after=3, as_date=True, clock=7200),), "sent", 2, None
    ),
    "put off by a clock behind": Trouble(
        (Answer(503, retry_after=3, as_date=True, clock=-7200),), "sent", 2, None
    ),
    "put off to the past": Trouble((Answer(429, retry_after=-60, as_date=True),), "sent", 2, None),
    "broken": Trouble((BROKEN,) * 3, "failed", 3, "SendGrid answered 500 Internal Server Error"),
    "unauthorized": Trouble((UNAUTHORIZED,), "failed", 1, "SendGrid answered 401 Unauthorized"),
    "refused": Trouble((Answer(400),), "failed", 1, "SendGrid answered 400 Bad Request"),
    "cut": Trouble((CUT, CUT), "sent", 3, None),
    "never": Trouble((CUT, CUT, NEVER), "failed", 3, "SendGrid did not answer (TimeoutError)"),
    "sms: too many, twice": Trouble((TOO_MANY, TOO_MANY), "sent", 3, None, sms=True),
    "sms: broken": Trouble(
        (BROKEN,) * 3,
        "failed",
        3,
        "Twilio answered 500 Internal Server Error (error 20500)",
        sms=True,
    ),
    "sms: unauthorized": Trouble(
        (UNAUTHORIZED,), "failed", 1, "Twilio answered 401 Unauthorized (error 20003)", sms=True
    ),
    "sms: put off": Trouble((Answer(429, retry_after=3),), "sent", 2, None, sms=True),
    "sms: put off to a date": Trouble(
        (Answer(503, retry_after=3, as_date=True, clock=7200),), "sent", 2, None, sms=True
    ),
    "sms: never": Trouble((CUT, CUT, NEVER), "failed", 3, "Twilio did not answer", sms=True),
}


def test_what_may_pass_is_tried_three_times_and_what_cannot_once(
    desk: Desk, sendgrid: Provider, twilio: Provider
) -> None:
    sent = {}
    for number, (name, trouble) in enumerate(TROUBLE.items()):
        phone = f"+4930200{number:03}"
        person = desk.person(phone=phone, notificationChannel="sms" if trouble.sms else "email")
        provider, address = (twilio, phone) if trouble.sms else (sendgrid, person["email"])
        provider.plan(address, *trouble.answers)
        sent[name] = desk.keep(person), provider, address
    desk.services.notifications.dispatch([row_id for row_id, _, _ in sent.values()])

    for name, (row_id, provider, address) in sent.items():
        trouble = TROUBLE[name]
        row = desk.closed(row_id)
        assert (row["status"], row["attempts"]) == (trouble.status, trouble.attempts), name
        assert (row["lastError"] or "").startswith(trouble.error or ""), name
        assert bool(row["lastError"]) == (trouble.status == "failed"), name
        received = provider.to(address)
        assert len(received) == trouble.attempts, name
        pauses = [after.at - before.at for before, after in pairwise(received)]
        put_off = trouble.answers[0].retry_after
        for pause, least in zip(pauses, [put_off] if put_off else [1, 2], strict=False):
            assert pause >= max(1, least), name


def test_a_failed_notification_is_a_failed_job(desk: Desk, sendgrid: Provider) -> None:
    ada = desk.person()
    sendgrid.plan(ada["email"], UNAUTHORIZED)
    row_id = desk.send(ada)
    desk.closed(row_id)
    queue = notification_queue(desk.services.redis)
    failed = FailedJobRegistry(queue=queue)

    def find() -> bool:
        jobs = [queue.fetch_job(job_id) for job_id in failed.get_job_ids()]
        return any(
            job and job.args == [str(row_id)] and job.get_status() == JobStatus.FAILED
            for job in jobs
        )

    wait_until(find)


def test_one_cause_makes_one_notification(desk: Desk, sendgrid: Provider) -> None:
    ada = desk.person()
    first = desk.keep(ada, dedupe_key="ada is invited")
    with pytest.raises(DuplicateKeyError):
        desk.keep(ada, dedupe_key="ada is invited")

    desk.services.notifications.dispatch([first, first])
    desk.closed(first)
    desk.services.notifications.dispatch([first])
    last = desk.send(ada)
    desk.closed(last)

    assert len(sendgrid.to(ada["email"])) == 2
    assert desk.row(first)["attempts"] == 1


def test_what_was_superseded_does_not_go_out(desk: Desk, sendgrid: Provider) -> None:
    ada, ben, interview = desk.person(), desk.person(), ObjectId()
    old = desk.keep(ada, interview_id=interview)
    others = [desk.keep(ada), desk.keep(ben, interview_id=interview)]
    desk.services.notifications.void(None, interview_id=interview, user_ids=[ada["_id"]])

    desk.services.notifications.dispatch([old, *others])

    assert [desk.closed(other)["status"] for other in others] == ["sent", "sent"]
    assert (desk.row(old)["status"], desk.row(old)["lastError"]) == ("failed", "superseded")
    assert len(sendgrid.to(ada["email"])) == 1


def test_rows_of_the_former_service_are_left_alone(desk: Desk, sendgrid: Provider) -> None:
    ada = desk.person()
    former = [
        desk.insert({"user": ada["_id"], "channel": "email", "template": kind, "status": status})
        for kind, status in (("interview_scheduled", "pending"), ("interview-created", "queued"))
    ]
    before = [desk.row(row_id) for row_id in former]

    desk.services.notifications.dispatch(former[:1])
    desk.services.notifications.sweep()
    desk.closed(desk.send(ada))

    assert [desk.row(row_id) for row_id in former] == before
    assert len(sendgrid.to(ada["email"])) == 1


def test_the_log_holds_no_secret(
    desk: Desk, sendgrid: Provider, twilio: Provider, worker: WorkerProcess
) -> None:
    ada = desk.person(phone="+4930123461", notificationChannel="sms")
    sendgrid.plan(ada["email"], UNAUTHORIZED)
    twilio.plan("+4930123461", UNAUTHORIZED)
    for template in ("account_invitation", "interview_scheduled"):
        assert desk.closed(desk.send(ada, template))["status"] == "failed"

    log = wait_until(lambda: _with_two_failures(worker.log_file.read_text()))

    for secret in (SENDGRID_KEY, TWILIO_TOKEN, "token=", "Hello ", ada["email"], "+4930123461"):
        assert secret not in log


def _with_two_failures(log: str) -> str:
    failures = ("SendGrid answered 401", "Twilio answered 401")
    return log if all(failure in log for failure in failures) else ""
