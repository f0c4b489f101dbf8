"""What the worker sees to every few seconds, and once in a while."""

from __future__ import annotations

import time
from datetime import timedelta

from interview_platform.core.periodic import PeriodicTask

from . import context

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
    count = services.notifications.sweep() + services.sealing.sweep() + services.erasure.sweep()
    count += services.audit_chain.sweep()
    count += _enqueue(check_audit.__name__, services.audit_check)
    count += _enqueue(apply_retention.__name__, services.retention_task)
    # The last, since it waits for another server.
    return count + services.media_participants.sweep()


def remove_participants() -> int:
    """Remove from video rooms who was shown out just now."""
    return context.services().media_participants.remove_due()


def check_audit() -> bool:
    """Check the audit, once a day."""
    return context.services().audit_check.run()


def apply_retention() -> bool:
    """Remove what was kept for its time, once an hour."""
    return context.services().retention_task.run()


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
