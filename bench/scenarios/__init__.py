"""What is measured, in the order in which it is told."""

from __future__ import annotations

from collections.abc import Callable

from ..arena import Arena
from ..figures import Figure
from .growth import growth
from .login import login
from .memory import memory
from .minute import minute
from .notifications import notifications
from .rest import rest
from .signal import signal
from .typing import typing

Scenario = Callable[[Arena], list[Figure]]

SCENARIOS: dict[str, Scenario] = {
    "signal": signal,
    "rest": rest,
    "login": login,
    "typing": typing,
    "minute": minute,
    "memory": memory,
    "notifications": notifications,
    "growth": growth,
}
