"""Accounts: making them, changing them, and what other modules may know of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from bson import ObjectId

from ..audit.service import Audit
from ..core.addresses import deliverable_email
from ..core.clock import utcnow
from ..core.errors import Conflict, NotFound
from ..core.locks import LockRepository
from ..core.mongo import Document, Session, Store, transaction
from ..core.paging import Page, PageRequest
from ..core.security import PasswordHasher, fingerprint, random_token
from .model import ACTIVE_ADMINS, Actor, Role, UserStatus
from .passwords import check_password
from .ports import Outbox, SessionEnds
from .repository import OneTimeTokenRepository, SessionRepository, UserRepository

STAFF = (Role.ADMIN, Role.INTERVIEWER)

# What a one-use link is for.
Purpose = Literal["invitation", "reset"]


@dataclass(frozen=True)
class Recipient:
    """Whom a message goes to, and how they can be reached.

    `phone` is in E.164, `timezone` a name of the IANA database; `active` is false for an
    account that was deactivated.
    """

    id: ObjectId
    name: str
    email: str
    phone: str | None
    timezone: str
    channel: str
    active: bool


@dataclass(frozen=True)
class AccountChange:
    """An account as it is after a change, and what is to be done once that is committed."""

    user: Document
    messages: list[ObjectId]
    ends_sessions: bool


class AccountLinks:
    """One-use links: made when the mail that carries one is sent, kept as a fingerprint."""

    def __init__(
        self, tokens: OneTimeTokenRepository, invitation_length: timedelta, reset_length: timedelta
    ) -> None:
        self._tokens = tokens
        self._lengths = {"invitation": invitation_length, "reset": reset_length}

    def issue(self, user_id: ObjectId, purpose: Purpose) -> str:
        """Return a new token with which the user can set a password once."""
        token = random_token()
        now = utcnow()
        self._tokens.add(
            {
                "user": user_id,
                "purpose": purpose,
                "hash": fingerprint(token),
                "createdAt": now,
                "expiresAt": now + self._lengths[purpose],
            }
        )
        return token


class Recipients:
    """Looks up whom a message goes to."""

    def __init__(self, users: UserRepository) -> None:
        self._users = users

    def find(self, user_id: ObjectId) -> Recipient | None:
        return _recipient(self._users.by_id(user_id))

    def find_by_email(self, email: str) -> Recipient | None:
        return _recipient(self._users.by_email(email))


class AccountService:
    """Creates and changes accounts of every role; sessions end with what they rested on."""

    def __init__(
        self,
        store: Store,
        *,
        users: UserRepository,
        sessions: SessionRepository,
        one_time_tokens: OneTimeTokenRepository,
        locks: LockRepository,
        hasher: PasswordHasher,
        outbox: Outbox,
        ends: SessionEnds,
        audit: Audit,
    ) -> None:
        self._store = store
        self._users = users
        self._sessions = sessions
        self._one_time_tokens = one_time_tokens
        self._locks = locks
        self._hasher = hasher
        self._outbox = outbox
        self._ends = ends
        self._audit = audit

    def prepare(self, fields: Document, role: Role) -> Document:
        """Return a user document out of `fields`, its `password` hashed if there is one.

        Apart from `add`, since hashing has no place in a transaction. Without a password
        the account is `invited`. Raises `Invalid` for a password that must not be taken.
        """
        user = {**fields, "role": role}
        password = user.pop("password", None)
        if password is None:
            return {**user, "status": UserStatus.INVITED}
        check_password(password)
        kept = self._hasher.hash(password)
        return {
            **user,
            "status": UserStatus.ACTIVE,
            "passwordHash": kept.value,
            "passwordScheme": kept.scheme,
        }

    def add(
        self, actor: Actor, user: Document, session: Session
    ) -> tuple[Document, list[ObjectId]]:
        """Insert a prepared user; returns it and the messages to dispatch after the transaction."""
        created = self._users.add(user, session)
        self._audit.record(
            "user.created",
            actor=actor.user_id,
            subject=created["_id"],
            details={"role": user["role"]},
            session=session,
        )
        if created["status"] != UserStatus.INVITED:
            return created, []
        return created, [self.invite(created["_id"], session)]

    def invite(self, user_id: ObjectId, session: Session) -> ObjectId:
        """Keep an invitation to be sent to the user, and return its id."""
        return self._outbox.request(
            session,
            template="account_invitation",
            dedupe_key=f"invitation:{user_id}:{ObjectId()}",
            context={},
            user_id=user_id,
        )

    def create_staff(self, actor: Actor, fields: Document) -> Document:
        """Create an interviewer or an admin. Raises `Conflict` for an e-mail that is known."""
        user = self.prepare(fields, Role(fields["role"]))
        created, messages = transaction(self._store, lambda session: self.add(actor, user, session))
        self._outbox.dispatch(messages)
        return created

    def staff(self, page: PageRequest, match: Document) -> Page[Document]:
        return self._users.staff_page(page, match)

    def update_staff(self, actor: Actor, user_id: ObjectId, changes: Document) -> Document:
        """Change a staff account. Raises `Conflict` where no active admin would be left."""
        changed = transaction(
            self._store,
            lambda session: self.change(actor, user_id, changes, STAFF, session),
        )
        self.settle(changed)
        return changed.user

    def change(
        self,
        actor: Actor,
        user_id: ObjectId,
        fields: Document,
        roles: Iterable[Role],
        session: Session,
    ) -> AccountChange:
        """Change an account of one of `roles`; `settle` what this returns after the commit.

        A new role and a deactivation end the account's sessions, a deactivation its links
        too. An account that never had a password is invited again instead of made active. Raises
        `NotFound`, and `Conflict` where no active admin would be left or the account is
        being erased.
        """
        before = self._users.by_id(user_id, session)
        if before is None or before["role"] not in roles:
            raise NotFound
        if before.get("erasure"):
            raise Conflict("The account is being erased")
        changes = {name: value for name, value in fields.items() if before.get(name) != value}
        messages = []
        if changes.get("status") == UserStatus.ACTIVE and not self._users.has_password(
            user_id, session
        ):
            changes["status"] = UserStatus.INVITED
            messages.append(self.invite(user_id, session))
        closes = changes.get("status") == UserStatus.INACTIVE
        ends = closes or "role" in changes
        if ends and before["role"] == Role.ADMIN:
            self._locks.take(ACTIVE_ADMINS, session)
            if not self._users.other_active_admin(user_id, session):
                raise Conflict("The last active admin must stay one")
        if not changes:
            return AccountChange(before, [], ends_sessions=False)
        updated = self._users.update(user_id, changes, session=session) or before
        if ends:
            self._sessions.end_all(user_id, session)
        elif "name" in changes:
            self._sessions.rename(user_id, changes["name"], session)
        if closes:
            self._one_time_tokens.drop_all(user_id, session)
        self._audit.record(
            "user.updated",
            actor=actor.user_id,
            subject=user_id,
            details={"fields": sorted(changes)},
            session=session,
        )
        return AccountChange(updated, messages, ends)

    def settle(self, changed: AccountChange) -> None:
        """Do what waits for the commit of a change: send messages, close sockets."""
        self._outbox.dispatch(changed.messages)
        if changed.ends_sessions:
            self._ends.all_of(changed.user["_id"])

    def by_id(self, user_id: ObjectId) -> Document | None:
        return self._users.by_id(user_id)

    def by_ids(self, user_ids: Iterable[ObjectId]) -> dict[ObjectId, Document]:
        """Return the users of `user_ids`, in one query."""
        return self._users.by_ids(user_ids)

    def briefs(self, user_ids: Iterable[ObjectId]) -> dict[ObjectId, Document]:
        """Return who the users of `user_ids` are, to others: `_id`, `name` and `email`."""
        return self._users.briefs(user_ids)

    def known_emails(self, emails: list[str]) -> set[str]:
        return self._users.known_emails(emails)

    def add_many(self, users: list[Document], session: Session | None = None) -> None:
        """Insert users that already have their ids and times."""
        self._users.add_many(users, session)

    def book(self, user_ids: Collection[ObjectId], session: Session) -> dict[ObjectId, Document]:
        """Return users by id, locked against other bookings until the transaction ends."""
        return self._users.book(user_ids, session)


def _recipient(user: Document | None) -> Recipient | None:
    if user is None:
        return None
    return Recipient(
        id=user["_id"],
        name=user["name"],
        email=deliverable_email(user["email"]),
        phone=user.get("phone"),
        timezone=user.get("timezone") or "UTC",
        channel=user.get("notificationChannel") or "email",
        active=user.get("status") != UserStatus.INACTIVE,
    )
