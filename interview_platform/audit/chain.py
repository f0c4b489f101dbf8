"""The chain over the audit entries, extended by the worker and signed once a day."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from pymongo.errors import PyMongoError

from ..core.clock import isoformat, utcnow
from ..core.hashchain import salted_hash
from ..core.mongo import Document, Session, Store, describe, transaction
from ..core.signing import Signer
from .check import START, ChainCheck, hash_of
from .repository import (
    AT_ONCE,
    AuditChainRepository,
    AuditHeadRepository,
    AuditRepository,
    Head,
)

log = logging.getLogger(__name__)

SALT_BYTES = 16
# How many faults are logged at most.
TOLD = 100


class AuditChain:
    """Entries are written without a hash, and chained in the order in which they are found.

    So whoever writes one waits for nobody. `retired_keys` are public keys that signed before
    that of `signer`.
    """

    def __init__(
        self,
        store: Store,
        entries: AuditRepository,
        chain: AuditChainRepository,
        heads: AuditHeadRepository,
        signer: Signer,
        retired_keys: Collection[bytes] = (),
    ) -> None:
        self._store = store
        self._entries = entries
        self._chain = chain
        self._heads = heads
        self._signer = signer
        self._keys = frozenset({signer.public_key, *retired_keys})

    def sweep(self) -> int:
        """Chain what is not chained, and sign the head once a day (UTC); returns how many."""
        try:
            count = self.extend()
            self._sign_daily()
        except PyMongoError as error:
            # Nothing is lost: the next sweep finds the same entries.
            log.warning("the audit chain is not extended: %s", describe(error))
            return 0
        return count

    def extend(self) -> int:
        """Chain every entry that is not chained yet; returns how many.

        Any number of processes may do so at once, and be killed at any moment.
        """
        total = 0
        while self._entries.unchained(limit=1):
            total += transaction(self._store, self._extend_some)
        return total

    def check(
        self,
        elsewhere: Sequence[Head] = (),
        on_progress: Callable[[], None] = lambda: None,
    ) -> ChainCheck:
        """Check the whole chain; `elsewhere` are heads of it that were noted outside the store.

        Calls `on_progress` now and then.
        """
        while True:
            start = self._chain.start()
            found = self._check(start, elsewhere, on_progress)
            # Where entries were removed by their age meanwhile, some seemed to be missing.
            if not found.faults or self._chain.start() == start:
                return found

    def report(self, on_progress: Callable[[], None] = lambda: None) -> ChainCheck:
        """Check the whole chain and log what was found."""
        found = self.check(on_progress=on_progress)
        for fault in found.faults[:TOLD]:
            log.error("audit: %s", fault)
        if found.faults:
            log.error("the audit is NOT WHOLE: %d faults", len(found.faults))
        else:
            log.info("the audit is whole: %d entries, %d heads", found.entries, found.heads)
        return found

    def remove_before(
        self, moment: datetime, on_progress: Callable[[], None] = lambda: None
    ) -> int:
        """Remove entries from the chain's beginning up to the first that is not older.

        The place where the chain begins from then on is signed. Safe to repeat after a kill;
        returns how many entries were removed.
        """
        start = self._chain.start()
        last = self._entries.last_before(start["seq"] if start else START.seq, moment)
        if last is not None:
            place = {"audit": "start", "seq": last["seq"], "hash": last["hash"]}
            start = self._signer.sign_statement({**place, "at": isoformat(utcnow())})
            self._chain.advance_start(start)
        count = 0
        while start is not None and (some := self._entries.remove_upto(start["seq"])):
            count += some
            on_progress()
        if start is not None:
            self._heads.remove_before(start["seq"])
        return count

    def _extend_some(self, session: Session) -> int:
        entries = self._entries.unchained(session)
        if not entries:
            return 0
        before = self._chain.head(session)
        seq, previous = (before or START)[:2]
        links = []
        for entry in entries:
            seq += 1
            fields = {"seq": seq, "previous": previous, **_commitment(entry.get("address"))}
            previous = hash_of({**entry, **fields})
            links.append((entry, {**fields, "hash": previous}))
        self._entries.chain(links, session)
        self._chain.advance(before, Head(seq, previous, utcnow()), session)
        return len(entries)

    def _sign_daily(self) -> None:
        now = utcnow()
        day = f"{now:%Y-%m-%d}"
        head = None if self._heads.exists(day) else self._chain.head()
        if head is None:
            return
        place = {"audit": "head", "seq": head.seq, "hash": head.hash, "at": isoformat(now)}
        if self._heads.add(day, self._signer.sign_statement(place)):
            # So that it is known outside the store too.
            log.info("the audit's head of %s is %d:%s", day, head.seq, head.hash)

    def _check(
        self,
        start: Document | None,
        elsewhere: Sequence[Head],
        on_progress: Callable[[], None],
    ) -> ChainCheck:
        found = ChainCheck(self._keys, start, self._heads.all())
        for head in elsewhere:
            found.expect(head, "what was noted elsewhere")
        if before := self._chain.head():
            found.expect(before, "the head")
        after = start["seq"] if start else START.seq
        for count, entry in enumerate(self._entries.chained(after)):
            found.take(entry)
            if count % AT_ONCE == 0:
                on_progress()
        for entry in self._entries.outside():
            found.take(entry)
        for entry in self._entries.unchained():
            found.note_erasure(entry)
        found.finish(self._chain.head())
        return found


def _commitment(address: str | None) -> Document:
    """Return the fields by which the chain holds an address that may be erased later."""
    if address is None:
        return {"addressHash": None}
    salt = os.urandom(SALT_BYTES)
    return {"addressSalt": salt, "addressHash": salted_hash(salt, address)}
