"""Importing candidates by the thousand, while everybody else is served."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from operator import itemgetter

from bson import ObjectId
from pymongo.errors import BulkWriteError

from ..audit.service import Audit
from ..auth.accounts import AccountService
from ..auth.model import Actor, Role
from ..auth.ports import Outbox
from ..core.clock import utcnow
from ..core.mongo import Document, Session, Store, transaction
from .csv_import import CandidateFile, Row
from .pacing import paced
from .repository import CandidateProfileRepository
from .schemas import MAX_LISTED
from .service import new_profile, split

BATCH = 250

_DUPLICATE_KEY = 11000


class CandidateImport:
    """Makes candidates of the rows of a file, a batch in a transaction at a time."""

    def __init__(
        self,
        store: Store,
        profiles: CandidateProfileRepository,
        accounts: AccountService,
        outbox: Outbox,
        audit: Audit,
    ) -> None:
        self._store = store
        self._profiles = profiles
        self._accounts = accounts
        self._outbox = outbox
        self._audit = audit

    def run(self, actor: Actor, file: CandidateFile, *, dry_run: bool, invite: bool) -> Document:
        """Import a CSV file and report what became of its rows.

        Of those rejected and of the duplicates the first `MAX_LISTED` are listed, for the
        report goes out in one go. A row whose e-mail address is known, or stood in the file
        before, is skipped. New accounts are `invited`, but nobody is written to unless `invite`
        is set. A dry run writes nothing. Raises `TooLarge`, before anything is written, for a
        file that has too many rows.
        """
        wanted: dict[str, Row] = {}
        duplicates = []
        rejected = []
        created = 0
        for row in file.rows():
            if row.errors:
                rejected.append({"line": row.line, "errors": row.errors})
                continue
            first = wanted.setdefault(row.fields["email"], row)
            if first is not row:
                duplicates.append(_duplicate(row, first.line))
        candidates = iter(wanted.values())
        while batch := list(islice(candidates, BATCH)):
            fields = [row.fields for row in batch]
            added = self._new(fields) if dry_run else self._add(actor, fields, invite)
            created += len(added)
            emails = {each["email"] for each in added}
            duplicates += [_duplicate(row) for row in batch if row.fields["email"] not in emails]
        duplicates.sort(key=itemgetter("line"))
        return {
            "created": created,
            "skipped": len(duplicates),
            "duplicates": duplicates[:MAX_LISTED],
            "rejectedCount": len(rejected),
            "rejected": rejected[:MAX_LISTED],
            "unknownColumns": file.unknown_columns,
        }

    def _new(self, batch: Sequence[Document]) -> list[Document]:
        """Return those of `batch` whose e-mail addresses are not known."""
        known = self._accounts.known_emails([fields["email"] for fields in batch])
        return [fields for fields in batch if fields["email"] not in known]

    def _add(self, actor: Actor, batch: Sequence[Document], invite: bool) -> list[Document]:
        """Add the new candidates of `batch` and return their fields."""
        while fresh := self._new(batch):
            users, profiles = self._documents(actor, fresh)

            def insert(
                session: Session, users: list[Document] = users, profiles: list[Document] = profiles
            ) -> list[ObjectId]:
                self._accounts.add_many(users, session)
                self._profiles.add_many(profiles, session)
                ids = [user["_id"] for user in users]
                self._audit.record(
                    "candidates.imported",
                    actor=actor.user_id,
                    details={"users": ids},
                    session=session,
                )
                return [self._accounts.invite(user_id, session) for user_id in ids if invite]

            try:
                messages = transaction(self._store, insert)
            except BulkWriteError as error:
                # Somebody else made one of them a moment ago: look again who is known.
                if not _is_duplicate(error) or len(self._new(fresh)) == len(fresh):
                    raise
                continue
            if messages:
                self._outbox.dispatch(messages)
            return fresh
        return []

    def _documents(
        self, actor: Actor, batch: Sequence[Document]
    ) -> tuple[list[Document], list[Document]]:
        now = utcnow()
        users, profiles = [], []
        for fields in paced(batch):
            account, profile = split(fields)
            user = self._accounts.prepare(account, Role.CANDIDATE)
            user |= {"_id": ObjectId(), "createdAt": now, "updatedAt": now}
            users.append(user)
            profiles.append(new_profile(actor, user, profile))
        return users, profiles


def _duplicate(row: Row, first_line: int | None = None) -> Document:
    """Report a row that is skipped; `first_line` is that of the earlier row with its address."""
    return {"line": row.line, "email": row.fields["email"], "firstLine": first_line}


def _is_duplicate(error: BulkWriteError) -> bool:
    faults = (error.details or {}).get("writeErrors", [])
    return any(fault.get("code") == _DUPLICATE_KEY for fault in faults)
