"""Delivery of one notification."""

from __future__ import annotations

import math
from datetime import timedelta

from bson import ObjectId
from rq import Retry

from interview_platform.notifications.service import MAX_ATTEMPTS

from . import context


class DeliveryFailed(Exception):
    """Has RQ list the job among the failed ones, with the reason."""


def deliver(notification_id: str) -> Retry | str:
    """Try once to deliver the notification and return what became of it, or when to try again.

    Raises `DeliveryFailed` where no further try would help.
    """
    outcome = context.services().notifications.deliver(ObjectId(notification_id))
    if outcome.delay is not None:
        return Retry(max=MAX_ATTEMPTS, interval=_whole_seconds(outcome.delay))
    if outcome.error is not None:
        raise DeliveryFailed(outcome.error)
    return str(outcome.result)


def _whole_seconds(delay: timedelta) -> int:
    # RQ cuts the time of a retry to whole seconds, which would bring it forward.
    return math.ceil(delay.total_seconds()) + 1
