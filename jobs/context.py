"""The services that jobs call, built in the process that runs the job."""

from __future__ import annotations

from functools import cache

from interview_platform.core.settings import Settings
from interview_platform.wiring import Services


@cache
def services() -> Services:
    """Return this process's services; the worker forks for each job, and must not call this."""
    return Services(Settings.load())
