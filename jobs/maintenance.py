"""What the worker sees to every few seconds."""

from __future__ import annotations

from . import context


def sweep() -> int:
    """Enqueue notifications that were left behind, seal logs that are due, end erasures.

    Returns how many.
    """
    services = context.services()
    return services.notifications.sweep() + services.sealing.sweep() + services.erasure.sweep()
