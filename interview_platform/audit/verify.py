"""Checks the audit: `python -m interview_platform.audit.verify`.

Reads the store that the settings name and changes nothing. Names each entry that was
changed, dropped, moved or added. The exit status is 0 for an audit that is whole, 1 for one
that is not, and 2 where it cannot be checked.
"""

from __future__ import annotations

import argparse
import sys
from base64 import b64decode

import pymongo
from pymongo.errors import PyMongoError

from ..core import mongo
from ..core.settings import Settings, SettingsError
from ..core.signing import Signer
from .chain import TOLD, AuditChain
from .repository import AuditChainRepository, AuditHeadRepository, AuditRepository, Head

WHOLE, BROKEN, UNCHECKED = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Check the audit and print what was found; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m interview_platform.audit.verify",
        description="Check that no audit entry was changed, dropped, moved or added.",
    )
    parser.add_argument(
        "--head",
        metavar="SEQ:HASH",
        type=_head,
        action="append",
        default=[],
        help="a head of the chain that was noted outside the store, as the log has it",
    )
    options = parser.parse_args(arguments)
    try:
        settings = Settings.load()
        return _check(settings, options.head)
    except SettingsError as error:
        print(error, file=sys.stderr)
    except PyMongoError as error:
        print(f"the store does not answer: {mongo.describe(error)}", file=sys.stderr)
    return UNCHECKED


def _check(settings: Settings, heads: list[Head]) -> int:
    store = mongo.connect(settings.mongo_uri, settings.mongo_db_name)
    entries = AuditRepository(store)
    chain = AuditChain(
        store,
        entries,
        AuditChainRepository(store),
        AuditHeadRepository(store),
        Signer(b64decode(settings.signing_key)),
        settings.retired_public_keys,
    )
    # No limit: it takes the time that it takes to read all entries.
    with store.client, pymongo.timeout(0):
        found = chain.check(heads)
        unchained = entries.count_unchained()
    for fault in found.faults[:TOLD]:
        print(fault)
    print(f"{found.entries} entries, {unchained} not chained yet, {found.heads} signed heads")
    if found.faults:
        print(f"NOT WHOLE: {len(found.faults)} faults")
        return BROKEN
    print("WHOLE")
    return WHOLE


def _head(text: str) -> Head:
    seq, _, known = text.partition(":")
    if not seq.isdigit() or len(known) != 64:
        raise argparse.ArgumentTypeError("not a number and a hash, as 17:2c26…")
    return Head(int(seq), known.lower())


if __name__ == "__main__":
    sys.exit(main())
