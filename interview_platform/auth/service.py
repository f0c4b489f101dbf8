"""Sessions and passwords: logging in, staying in, getting out, and getting back in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Protocol

from bson import ObjectId

from ..audit.service import Audit
from ..core.clock import utcnow
from ..core.errors import Forbidden, Invalid, NotFound, Unauthorized
from ..core.mongo import Document, Session, Store, transaction
from ..core.security import PasswordHash, PasswordHasher, fingerprint, random_token
from .model import Actor, Claims, Grant, Role, UserStatus
from .passwords import check_password
from .repository import LockRepository, OneTimeTokenRepository, SessionRepository, UserRepository
from .throttle import LoginThrottle

WRONG_CREDENTIALS = "Invalid credentials"


class Outbox(Protocol):
    """Where messages to people are put; `notifications` implements it."""

    def request(
        self,
        session: Session | None,
        *,
        template: str,
        dedupe_key: str,
        context: dict[str, Any],
        user_id: ObjectId | None = None,
        email: str | None = None,
        interview_id: ObjectId | None = None,
    ) -> ObjectId:
        """Keep a message to a user or an address, in the transaction of `session`."""

    def dispatch(self, notification_ids: list[ObjectId]) -> None:
        """Have the kept messages sent, once their transaction has ended."""


class SessionEnds:
    """Tells every web process which sessions ended, so that their sockets close at once.

    Only a hint: processes also ask the store every few seconds which sessions live.
    """

    TOPIC = "sessions-ended"

    def __init__(self, announce: Callable[[str, dict[str, str]], None]) -> None:
        self._announce = announce

    def one(self, session_id: ObjectId) -> None:
        self._announce(self.TOPIC, {"session": str(session_id)})

    def all_of(self, user_id: ObjectId) -> None:
        self._announce(self.TOPIC, {"user": str(user_id)})


class AuthService:
    def __init__(
        self,
        store: Store,
        users: UserRepository,
        sessions: SessionRepository,
        one_time_tokens: OneTimeTokenRepository,
        locks: LockRepository,
        hasher: PasswordHasher,
        throttle: LoginThrottle,
        outbox: Outbox,
        ends: SessionEnds,
        audit: Audit,
        session_length: timedelta,
        on_activation: Callable[[ObjectId, Session], None],
    ) -> None:
        """`on_activation` is told, in the same transaction, whose account became active."""
        self._store = store
        self._users = users
        self._sessions = sessions
        self._one_time_tokens = one_time_tokens
        self._locks = locks
        self._hasher = hasher
        self._throttle = throttle
        self._outbox = outbox
        self._ends = ends
        self._audit = audit
        self._session_length = session_length
        self._on_activation = on_activation

    def register_admin(self, actor: Actor | None, name: str, email: str, password: str) -> Document:
        """Create an admin: the first one for anybody, the next ones for admins.

        Raises `Forbidden` where an admin exists and `actor` is none, `Conflict` for an
        e-mail that is known.
        """
        check_password(password)
        kept = self._hasher.hash(password)

        def create(session: Session) -> Document:
            if actor is None or actor.role is not Role.ADMIN:
                self._locks.take(LockRepository.FIRST_ADMIN, session)
                if self._users.has_admin(session):
                    raise Forbidden("Only an admin can register another")
            user = {
                "name": name,
                "email": email,
                "role": Role.ADMIN,
                "status": UserStatus.ACTIVE,
                "passwordHash": kept.value,
                "passwordScheme": kept.scheme,
            }
            created = self._users.add(user, session)
            self._audit.record(
                "user.created",
                actor=actor.user_id if actor else created["_id"],
                subject=created["_id"],
                details={"role": Role.ADMIN},
                session=session,
            )
            return created

        return transaction(self._store, create)

    def login(self, email: str, password: str, address: str) -> Grant:
        """Open a session. Raises `Unauthorized`, `TooManyRequests` or `Unavailable`."""
        self._throttle.attempt(email, address)
        found = self._users.with_password(email=email)
        user, kept = found or (None, None)
        if not self._hasher.verify(password, kept) or user is None or kept is None:
            self._audit.record("login.failed", actor=user["_id"] if user else None)
            raise Unauthorized(WRONG_CREDENTIALS)
        grant = self._open_session(user["_id"], kept)
        self._throttle.succeeded(email, address)
        if self._hasher.outdated(kept):
            self._users.renew_hash(user["_id"], kept, self._hasher.hash(password))
        return grant

    def refresh(self, claims: Claims) -> Grant:
        """Give a session its next refresh token. A used one ends the session."""
        refresh_id = random_token()
        rotated = self._sessions.rotate(
            claims.session_id,
            fingerprint(claims.refresh_id or ""),
            fingerprint(refresh_id),
            utcnow() + self._session_length,
        )
        user = self._users.by_id(claims.user_id) if rotated else None
        if user is None:
            if self._sessions.end(claims.session_id):
                self._ends.one(claims.session_id)
                self._audit.record("session.refresh-reused", actor=claims.user_id)
            raise Unauthorized("Invalid token")
        return Grant(user, claims.session_id, refresh_id)

    def identify(self, claims: Claims) -> Actor:
        """Return who bears an access token. Raises `Unauthorized` after the session's end."""
        session = self._sessions.live(claims.session_id)
        if session is None or session["user"] != claims.user_id:
            raise Unauthorized("Invalid token")
        return Actor(
            user_id=session["user"],
            role=Role(session["role"]),
            name=session["name"],
            session_id=claims.session_id,
        )

    def live_sessions(self, session_ids: set[ObjectId]) -> set[ObjectId]:
        """Return those of `session_ids` that have not ended."""
        return self._sessions.live_ids(session_ids)

    def logout(self, actor: Actor) -> None:
        self._sessions.end(actor.session_id)
        self._ends.one(actor.session_id)
        self._audit.record("session.ended", actor=actor.user_id)

    def logout_all(self, actor: Actor) -> None:
        self._sessions.end_all(actor.user_id)
        self._ends.all_of(actor.user_id)
        self._audit.record("session.all-ended", actor=actor.user_id)

    def me(self, actor: Actor) -> Document:
        user = self._users.by_id(actor.user_id)
        if user is None:
            raise NotFound
        return user

    def change_password(self, actor: Actor, current: str, new: str, address: str) -> Grant:
        """Set a new password, end every session of the account and open one for the caller."""
        found = self._users.with_password(_id=actor.user_id)
        if found is None:
            raise NotFound
        user, kept = found
        self._throttle.attempt(user["email"], address)
        if not self._hasher.verify(current, kept) or kept is None:
            raise Invalid({"currentPassword": ["Not your current password."]})
        check_password(new, "newPassword")
        self._throttle.succeeded(user["email"], address)
        renewed = self._hasher.hash(new)
        transaction(self._store, lambda session: self._renew(actor.user_id, renewed, session))
        self._ends.all_of(actor.user_id)
        return self._open_session(actor.user_id, renewed)

    def forgot_password(self, email: str, address: str) -> None:
        """Have a reset link sent to `email`, if an account has it.

        Whether one has is looked up when the mail is made, so that this takes the same
        time and the same steps for a known address and an unknown one.
        """
        if not self._throttle.mail(email, address):
            return
        kept = self._outbox.request(
            None,
            template="password_reset",
            dedupe_key=f"password-reset:{random_token()}",
            context={},
            email=email,
        )
        self._outbox.dispatch([kept])

    def reset_password(self, token: str, password: str) -> None:
        """Set a password by the one-use token of a reset or an invitation.

        Raises `Invalid` for a token that is unknown, used, or expired.
        """
        check_password(password)
        renewed = self._hasher.hash(password)

        def reset(session: Session) -> ObjectId:
            taken = self._one_time_tokens.take(fingerprint(token), session)
            user = self._users.by_id(taken["user"], session) if taken else None
            if user is None or user.get("status") == UserStatus.INACTIVE:
                raise Invalid({"token": ["Unknown, used or expired."]})
            self._renew(user["_id"], renewed, session)
            user_id: ObjectId = user["_id"]
            return user_id

        self._ends.all_of(transaction(self._store, reset))

    def _renew(self, user_id: ObjectId, password: PasswordHash, session: Session) -> None:
        self._users.set_password(user_id, password, session, status=UserStatus.ACTIVE)
        self._on_activation(user_id, session)
        self._sessions.end_all(user_id, session)
        self._audit.record("user.password-changed", actor=user_id, subject=user_id, session=session)

    def _open_session(self, user_id: ObjectId, password: PasswordHash) -> Grant:
        session_id, refresh_id = ObjectId(), random_token()

        def enter(session: Session) -> Document:
            user = self._users.enter(user_id, password, session)
            if user is None:
                raise Unauthorized(WRONG_CREDENTIALS)
            now = utcnow()
            self._sessions.add(
                {
                    "_id": session_id,
                    "user": user_id,
                    "role": user["role"],
                    "name": user["name"],
                    "refreshHash": fingerprint(refresh_id),
                    "createdAt": now,
                    "expiresAt": now + self._session_length,
                },
                session,
            )
            self._audit.record("login", actor=user_id, session=session)
            return user

        return Grant(transaction(self._store, enter), session_id, refresh_id)
