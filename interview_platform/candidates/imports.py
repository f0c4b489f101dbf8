"""Importing candidates by the thousand, while everybody else is served."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from bson import ObjectId
from pymongo.errors import BulkWriteError

from ..audit.service import Audit
from ..auth.accounts import AccountService
from ..auth.model import Actor, Role
from ..auth.ports import Outbox
from ..core.clock import utcnow
from ..core.mongo import Document, Session, Store, transaction
from .csv_import import CandidateFile
from .pacing import paced
from .repository import CandidateProfileRepository
from .schemas import MAX_REJECTED
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

    def run(self, actor: Actor, content: bytes, *, dry_run: bool, invite: bool) -> Document:
        """Import the CSV file `content` and report what became of its rows.

        Of those rejected the first `MAX_REJECTED` are listed, for the report goes out in one go.
        A row whose e-mail address is known, or stood in the file before, is skipped. New
        accounts are `invited`, but nobody is written to unless `invite` is set. A dry run
        writes nothing. Raises `Invalid` or `TooLarge`, before anything is written, for a
        file that cannot be taken as a whole.
        """
        file = CandidateFile(content)
        wanted: dict[str, Document] = {}
        rejected = []
        rejected_count = good = 0
        for row in file.rows():
            if row.errors:
                rejected_count += 1
                if rejected_count <= MAX_REJECTED:
                    rejected.append({"line": row.line, "errors": row.errors})
            else:
                wanted.setdefault(row.fields["email"], row.fields)
                good += 1
        created = 0
        candidates = iter(wanted.values())
        while batch := list(islice(candidates, BATCH)):
            created += len(self._new(batch)) if dry_run else self._add(actor, batch, invite)
        return {
            "created": created,
            "skipped": good - created,
            "rejectedCount": rejected_count,
            "rejected": rejected,
            "unknownColumns": file.unknown_columns,
        }

    def _new(self, batch: Sequence[Document]) -> list[Document]:
        """Return those of `batch` whose e-mail addresses are not known."""
        known = self._accounts.known_emails([fields["email"] for fields in batch])
        return [fields for fields in batch if fields["email"] not in known]

    def _add(self, actor: Actor, batch: Sequence[Document], invite: bool) -> int:
        """Add the new candidates of `batch` and return how many they are."""
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
            return len(fresh)
        return 0

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


def _is_duplicate(error: BulkWriteError) -> bool:
    faults = (error.details or {}).get("writeErrors", [])
    return any(fault.get("code") == _DUPLICATE_KEY for fault in faults)
