"""What the worker sees to every few seconds, and once in a while."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from interview_platform.core.mongo import describe
from interview_platform.core.periodic import PeriodicTask

from . import context

log = logging.getLogger(__name__)

# How long a periodic task waits for a worker before the next sweep enqueues it again, and
# how long it may work.
PATIENCE = timedelta(seconds=10)
WORKS_FOR = timedelta(hours=6)


def sweep() -> int:
    """Enqueue notifications that were left behind, seal logs that are due, end erasures, chain
    audit entries, enqueue the periodic tasks that are due, and remove from video rooms who may
    not be there any more.

    Returns how many.
    """
    services = context.services()
    parts: tuple[Callable[[], int], ...] = (
        services.notifications.sweep,
        services.sealing.sweep,
        services.audit_chain.sweep,
        services.erasure.sweep,
        services.redis_files.sweep,
        partial(_enqueue, check_audit.__name__, services.audit_check),
        partial(_enqueue, apply_retention.__name__, services.retention_task),
        # The last, since it waits for another server.
        services.media_participants.sweep,
    )
    return sum(_do(part) for part in parts)


def remove_participants() -> int:
    """Remove from video rooms who was shown out just now."""
    return context.services().media_participants.remove_due()


def check_audit() -> bool:
    """Check the audit, once a day."""
    return context.services().audit_check.run()


def apply_retention() -> bool:
    """Remove what was kept for its time, once an hour."""
    return context.services().retention_task.run()


def _do(part: Callable[[], int]) -> int:
    """Do one part of the sweep; what keeps it from ending must not keep the others."""
    try:
        return part()
    except (PyMongoError, RedisError) as error:
        reason = describe(error) if isinstance(error, PyMongoError) else error
        log.warning("a part of the sweep is put off: %s", reason)
        return 0


def _enqueue(function: str, task: PeriodicTask) -> int:
    if not task.is_due():
        return 0
    # The task's lease has one of the jobs do the work, however many there are.
    slot = int(time.time() / PATIENCE.total_seconds())
    context.services().queue.enqueue_once(
        f"{__name__}.{function}",
        job_id=f"{task.name}-{slot}",
        patience=PATIENCE,
        timeout=WORKS_FOR,
    )
    return 1
