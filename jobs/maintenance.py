"""What the worker sees to every few seconds."""

from __future__ import annotations

from . import context


def sweep() -> int:
    """Enqueue notifications that were left behind and return how many that were."""
    return context.services().notifications.sweep()
