"""The clock of a web process, set wrong, as a host's may be."""

from __future__ import annotations

import datetime
import sys
import time
from typing import Any

OFFSET = "TESTS_CLOCK_OFFSET"
"""The variable that tells `tests.fork_server` by how many seconds a process's clock is off."""

_READERS = ("interview_platform.", "jwt.", "flask_jwt_extended.")
"""Packages that tell the time and were imported before the clock was shifted."""

_real_time = time.time
_real_datetime = datetime.datetime


def shift(seconds: float) -> None:
    """Set the clock of this process ahead by `seconds`, for all that asks for the time of day."""

    def shifted_time() -> float:
        return _real_time() + seconds

    class Type(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, _real_datetime)

    class ShiftedDatetime(_real_datetime, metaclass=Type):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return _real_datetime.now(tz) + datetime.timedelta(seconds=seconds)

    time.time = shifted_time
    for name, module in list(sys.modules.items()):
        if not name.startswith(_READERS):
            continue
        for attribute, value in list(vars(module).items()):
            if value is _real_time:
                setattr(module, attribute, shifted_time)
            elif value is _real_datetime and not name.startswith("interview_platform."):
                setattr(module, attribute, ShiftedDatetime)
