"""The release phase: `python -m interview_platform.release` prepares the store."""

from __future__ import annotations

import logging
import sys

from .core import logging as service_logging
from .core.mongo import sync_schema
from .core.settings import Settings, SettingsError
from .wiring import Services

log = logging.getLogger(__name__)


def main() -> int:
    """Create collections, upgrade older documents, build indexes and set validators."""
    try:
        settings = Settings.load()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    service_logging.configure(settings.log_level, json_lines=settings.production)
    sync_schema(Services(settings).repositories)
    return 0


if __name__ == "__main__":
    sys.exit(main())
