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
    """Create collections, upgrade older documents, build indexes and set validators.

    Then erase those again who were erased and came back with a backup, and check the audit.
    An audit that is not whole is logged, entry by entry, and stops no release: that may be
    what mends the hole.
    """
    try:
        settings = Settings.load()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    service_logging.configure(settings.log_level, json_lines=settings.production)
    with Services(settings) as services:
        sync_schema(services.repositories)
        services.erasure.apply_again()
        services.audit_chain.sweep()
        services.audit_chain.report()
    return 0


if __name__ == "__main__":
    sys.exit(main())
