"""Notifications: asked for in the transaction that causes them, delivered by the worker."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode
from uuid import uuid4

from bson import ObjectId
from pymongo.errors import PyMongoError

from ..auth.accounts import AccountLinks, Recipient, Recipients
from ..core.clock import utcnow
from ..core.mongo import Document, Session, describe
from .model import Channel, PermanentDeliveryError, TransientDeliveryError
from .rendering import ONE_USE_LINKS, TEMPLATES, Message, Renderer
from .repository import NotificationRepository

log = logging.getLogger(__name__)

DELIVER = "jobs.notifications.deliver"

MAX_ATTEMPTS = 3
FIRST_BACKOFF = timedelta(seconds=1)
# What a provider may put us off for, whatever it asks.
LONGEST_BACKOFF = timedelta(minutes=15)

# How long a row may stay as it is before the sweeper takes it for forgotten: one that
# was just written, one that waits on the queue, and one whose next try is due.
UNDISPATCHED_AFTER = timedelta(seconds=5)
UNCLAIMED_AFTER = timedelta(seconds=30)
UNRETRIED_AFTER = timedelta(seconds=5)

# What a delivery needs beside the provider's time: a few look-ups and writes.
DELIVERY_OVERHEAD = timedelta(seconds=5)
# For so long a lease is as good as new.
FRESH = timedelta(seconds=1)

# How long a closed row that belongs to no account is kept: its address may be anybody's.
KEPT_WITHOUT_ACCOUNT = timedelta(days=7)

# How many jobs the sweeper lets the queue hold. What waits there is not forgotten.
SWEEP_BATCH = 500


class Queue(Protocol):
    def enqueue_each(
        self, function: str, arguments: Sequence[str], *, timeout: timedelta
    ) -> bool: ...

    def depth(self) -> int: ...


class Result(StrEnum):
    SENT = "sent"
    FAILED = "failed"
    RETRY = "retry"
    # Somebody else has the row, or it is closed, or its next try is not due.
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Request:
    """A notification that is asked for, to the account `user_id` or whose `email` it is.

    `context` holds the template's variables, times in UTC and no secrets;
    `rendering.InterviewContext` says which those of an interview are. `dedupe_key` must be
    unique.
    """

    template: str
    context: Mapping[str, Any]
    dedupe_key: str
    user_id: ObjectId | None = None
    email: str | None = None
    interview_id: ObjectId | None = None

    def __post_init__(self) -> None:
        if self.template not in TEMPLATES:
            raise ValueError(f"no such template: {self.template}")

    @property
    def row(self) -> Document:
        row: Document = {
            "user": self.user_id,
            "email": self.email,
            "template": self.template,
            "context": dict(self.context),
            "dedupeKey": self.dedupe_key,
        }
        if self.interview_id is not None:
            row["interview"] = self.interview_id
        return row


@dataclass(frozen=True)
class Outcome:
    """What became of one try; `delay` says when to try again, `error` what went wrong."""

    result: Result
    error: str | None = None
    delay: timedelta | None = None


class Claim(NamedTuple):
    """A lease's token, and when it was asked for by the monotonic clock."""

    token: str
    at: float


class NotificationService:
    """The outbox. Its rows are the truth, and the queue no more than a hint to look at them.

    `channels` returns the ways out, by name; it is asked by who delivers alone.
    """

    def __init__(
        self,
        repository: NotificationRepository,
        *,
        queue: Queue,
        recipients: Recipients,
        links: AccountLinks,
        channels: Callable[[], Mapping[str, Channel]],
        link_url: str,
        provider_timeout: timedelta,
    ) -> None:
        self._repository = repository
        self._queue = queue
        self._recipients = recipients
        self._links = links
        self._channels = channels
        self._link_url = link_url
        self._renderer = Renderer()
        # A provider may take its time twice, to be reached and to answer. Both are over before
        # the lease is, so that no two ever speak to it.
        self._lease = 2 * provider_timeout + DELIVERY_OVERHEAD

    def request(
        self,
        session: Session | None,
        *,
        template: str,
        context: Mapping[str, Any],
        dedupe_key: str,
        user_id: ObjectId | None = None,
        email: str | None = None,
        interview_id: ObjectId | None = None,
    ) -> ObjectId:
        """Write a notification within `session`'s transaction and return its id.

        It goes to the account `user_id`, or to the one that `email` belongs to, which
        need not exist; `Request` says what else it is made of. Taking a `dedupe_key` twice
        raises PyMongo's DuplicateKeyError and ends the transaction. Call `dispatch` once
        that is committed.
        """
        asked = Request(template, context, dedupe_key, user_id, email, interview_id)
        return self._repository.add(asked.row, sweep_at=_undispatched(), session=session)

    def request_each(self, session: Session, asked: Sequence[Request]) -> list[ObjectId]:
        """Write notifications as `request` does, in one go, and return their ids.

        A `dedupe_key` that is taken raises PyMongo's BulkWriteError.
        """
        if not asked:
            return []
        rows = [each.row for each in asked]
        return self._repository.add_many(rows, sweep_at=_undispatched(), session=session)

    def void(
        self, session: Session | None, *, interview_id: ObjectId, user_ids: Collection[ObjectId]
    ) -> None:
        """Void what has not gone out yet to some about an interview: they are told newer things."""
        self._repository.void(interview_id, user_ids, reason="superseded", session=session)

    def sent_to(self, user_id: ObjectId, email: str) -> Iterator[Document]:
        """Yield what an account was to be sent, then what its address was."""
        return self._repository.sent_to(user_id, email)

    def remove(self, user_id: ObjectId, email: str, interview_ids: Sequence[ObjectId]) -> None:
        """Remove what an account or its address was to be sent, sent or not.

        And what anybody was told of the interviews, since that names both sides.
        """
        self._repository.remove(user_id, email, interview_ids)

    def has_any(self, user_id: ObjectId) -> bool:
        """Tell whether anything is kept of what an account was to be sent."""
        return self._repository.has_any(user_id)

    def remove_some_before(self, moment: datetime) -> int:
        """Remove some of what was asked for before `moment` and is closed; 0 at the end."""
        return self._repository.remove_some_before(moment)

    def dispatch(self, notification_ids: Sequence[ObjectId]) -> None:
        """Have the worker deliver notifications whose transaction is committed.

        With Redis away they stay pending, and the sweeper has them delivered later.
        """
        arguments = [str(notification_id) for notification_id in notification_ids]
        if not arguments or not self._queue.enqueue_each(DELIVER, arguments, timeout=self._lease):
            return
        try:
            self._repository.mark_queued(notification_ids, sweep_at=utcnow() + UNCLAIMED_AFTER)
        except PyMongoError as error:
            # What caused them is committed and stands, so its caller must not fail.
            log.warning("notifications are queued, but not marked so: %s", describe(error))

    def count_by_status(self, since: datetime, until: datetime) -> dict[str, int]:
        """Return how many of those asked for from `since` up to `until` are in each state."""
        return self._repository.count_by_status(since, until)

    def sweep(self) -> int:
        """Enqueue what was left behind and return how many notifications that were."""
        room = SWEEP_BATCH - self._queue.depth()
        forgotten = self._repository.overdue(limit=room) if room > 0 else []
        if forgotten:
            log.info("enqueuing %d notifications that were left behind", len(forgotten))
            self.dispatch(forgotten)
        return len(forgotten)

    def deliver(self, notification_id: ObjectId) -> Outcome:
        """Try to deliver a notification, unless somebody else does or did.

        Safe to call at any time and by many at once. What may pass is tried
        `MAX_ATTEMPTS` times, what cannot pass once.
        """
        claim = Claim(uuid4().hex, time.monotonic())
        row = self._repository.claim(notification_id, token=claim.token, duration=self._lease)
        outcome = self._attempt(row, claim) if row else Outcome(Result.SKIPPED)
        log.info("notification %s: %s %s", notification_id, outcome.result, outcome.error or "")
        return outcome

    def _attempt(self, row: Document, claim: Claim) -> Outcome:
        token = claim.token
        try:
            provider_message_id = self._send(row, claim)
        except PermanentDeliveryError as error:
            return self._fail(row, token, str(error))
        except TransientDeliveryError as error:
            return self._put_off(row, token, str(error), error.retry_after)
        except PyMongoError:
            raise
        except Exception as error:
            log.exception("delivery of notification %s broke off", row["_id"])
            return self._put_off(row, token, f"internal error ({type(error).__name__})")
        if provider_message_id is None:
            return Outcome(Result.SKIPPED)
        self._repository.record_sent(
            row["_id"],
            token=token,
            provider_message_id=provider_message_id,
            expires_at=_expiry(row),
        )
        return Outcome(Result.SENT)

    def _send(self, row: Document, claim: Claim) -> str | None:
        """Send the row's message; None where the row was lost to somebody else meanwhile."""
        recipient = self._recipient(row)
        channel = _channel_for(row["template"], recipient)
        message = self._message(row, recipient)
        if not self._holds(row, claim, channel):
            return None
        return self._channels()[channel].send(recipient, message)

    def _holds(self, row: Document, claim: Claim, channel: str) -> bool:
        """Tell whether the row is still ours to send, for as long as the provider may take."""
        fresh = time.monotonic() - claim.at < FRESH.total_seconds()
        return (fresh and row["channel"] == channel) or self._repository.renew(
            row["_id"], token=claim.token, duration=self._lease, channel=channel
        )

    def _recipient(self, row: Document) -> Recipient:
        if row["user"] is not None:
            recipient = self._recipients.find(row["user"])
        else:
            recipient = self._recipients.find_by_email(row["email"])
        if recipient is None or not recipient.active:
            raise PermanentDeliveryError("no such recipient")
        return recipient

    def _message(self, row: Document, recipient: Recipient) -> Message:
        purpose = ONE_USE_LINKS.get(row["template"])
        if purpose:
            # Made now, because the row must not hold it.
            place = {"token": self._links.issue(recipient.id, purpose), "purpose": purpose}
        else:
            place = {"interview": str(row["interview"])}
        link = f"{self._link_url}#{urlencode(place)}"
        return self._renderer.render(row["template"], recipient, row["context"], link)

    def _put_off(
        self, row: Document, token: str, error: str, retry_after: timedelta | None = None
    ) -> Outcome:
        attempts = row["attempts"] + 1
        if attempts >= MAX_ATTEMPTS:
            return self._fail(row, token, error)
        backoff = FIRST_BACKOFF * 2 ** (attempts - 1)
        delay = min(max(backoff, retry_after or backoff), LONGEST_BACKOFF)
        next_attempt_at = utcnow() + delay
        recorded = self._repository.record_retry(
            row["_id"],
            token=token,
            error=error,
            next_attempt_at=next_attempt_at,
            sweep_at=next_attempt_at + UNRETRIED_AFTER,
        )
        return Outcome(Result.RETRY, error, delay) if recorded else Outcome(Result.SKIPPED)

    def _fail(self, row: Document, token: str, error: str) -> Outcome:
        recorded = self._repository.record_failed(
            row["_id"], token=token, error=error, expires_at=_expiry(row)
        )
        return Outcome(Result.FAILED, error) if recorded else Outcome(Result.SKIPPED)


def _undispatched() -> datetime:
    return utcnow() + UNDISPATCHED_AFTER


def _expiry(row: Document) -> datetime | None:
    return utcnow() + KEPT_WITHOUT_ACCOUNT if row["user"] is None else None


def _channel_for(template: str, recipient: Recipient) -> str:
    by_sms = recipient.channel == "sms" and recipient.phone
    return "sms" if by_sms and template not in ONE_USE_LINKS else "email"
