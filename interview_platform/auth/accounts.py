"""Accounts: making them, changing them, and what other modules may know of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from bson import ObjectId

from ..audit.service import Audit
from ..core.clock import utcnow
from ..core.errors import Conflict, NotFound
from ..core.mongo import Document, Session, Store, transaction
from ..core.paging import Page, PageRequest
from ..core.security import PasswordHasher, fingerprint, random_token
from .model import Actor, Role, UserStatus
from .passwords import check_password
from .repository import LockRepository, OneTimeTokenRepository, SessionRepository, UserRepository
from .service import Outbox, SessionEnds

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
        users: UserRepository,
        sessions: SessionRepository,
        locks: LockRepository,
        hasher: PasswordHasher,
        outbox: Outbox,
        ends: SessionEnds,
        audit: Audit,
    ) -> None:
        self._store = store
        self._users = users
        self._sessions = sessions
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
        return self.update(actor, user_id, changes, STAFF)

    def update(
        self, actor: Actor, user_id: ObjectId, changes: Document, roles: Iterable[Role]
    ) -> Document:
        """Change an account of one of `roles`; raises `NotFound` where there is none.

        A new role or state ends the account's sessions.
        """
        ends_sessions = {"role", "status"} & changes.keys()

        def change(session: Session) -> Document:
            if ends_sessions:
                self._locks.take(LockRepository.ACTIVE_ADMINS, session)
            updated = self._users.update(user_id, changes, roles=roles, session=session)
            if updated is None:
                raise NotFound
            if ends_sessions:
                if not self._users.other_active_admin(user_id, session) and not _active_admin(
                    updated
                ):
                    raise Conflict("The last active admin must stay one")
                self._sessions.end_all(user_id, session)
            elif "name" in changes:
                self._sessions.rename(user_id, changes["name"], session)
            self._audit.record(
                "user.updated",
                actor=actor.user_id,
                subject=user_id,
                details={"fields": sorted(changes)},
                session=session,
            )
            return updated

        updated = transaction(self._store, change)
        if ends_sessions:
            self._ends.all_of(user_id)
        return updated

    def set_contact(self, user_id: ObjectId, contact: dict[str, Any], session: Session) -> Document:
        """Change what a person may say of themselves: how and when they are reached."""
        updated = self._users.update(user_id, contact, session=session)
        if updated is None:
            raise NotFound
        return updated

    def by_id(self, user_id: ObjectId) -> Document | None:
        return self._users.by_id(user_id)

    def by_ids(self, user_ids: Iterable[ObjectId]) -> dict[ObjectId, Document]:
        """Return the users of `user_ids`, in one query."""
        return self._users.by_ids(user_ids)

    def known_emails(self, emails: list[str]) -> set[str]:
        return self._users.known_emails(emails)

    def add_many(self, users: list[Document], session: Session | None = None) -> None:
        """Insert users that already have their ids and times."""
        self._users.add_many(users, session)

    def book(self, user_id: ObjectId, session: Session) -> Document | None:
        """Return the user, locked against other bookings until the transaction ends."""
        return self._users.book(user_id, session)


def _active_admin(user: Document) -> bool:
    return (user["role"], user["status"]) == (Role.ADMIN, UserStatus.ACTIVE)


def _recipient(user: Document | None) -> Recipient | None:
    if user is None:
        return None
    return Recipient(
        id=user["_id"],
        name=user["name"],
        email=user["email"],
        phone=user.get("phone"),
        timezone=user.get("timezone") or "UTC",
        channel=user.get("notificationChannel") or "email",
        active=user.get("status") != UserStatus.INACTIVE,
    )
