"""The services that jobs call, built in the process that runs the jobs."""

from __future__ import annotations

import logging
from functools import cache

from pymongo.errors import PyMongoError

from interview_platform.core import mongo
from interview_platform.core.settings import Settings
from interview_platform.wiring import Services

log = logging.getLogger(__name__)


@cache
def services() -> Services:
    """Return this process's services."""
    return Services(Settings.load())


def prepare() -> None:
    """Build what jobs use, so that the first of them need not wait and several may ask at once."""
    built = services()
    _ = built.channels, built.notifications, built.sealing, built.erasure
    _ = built.audit_chain, built.audit_check, built.retention_task, built.media_participants
    _ = built.redis_files
    try:
        mongo.answers(built.store)
    except PyMongoError as error:
        log.warning("the store does not answer: %s", mongo.describe(error))
