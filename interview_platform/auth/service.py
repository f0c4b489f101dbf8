"""Sessions and passwords: logging in, staying in, getting out, and getting back in."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from random import SystemRandom
from typing import NoReturn

from bson import ObjectId

from ..audit.service import Audit
from ..core.clock import utcnow
from ..core.errors import Forbidden, Invalid, NotFound, Unauthorized, Unavailable
from ..core.locks import LockRepository
from ..core.mongo import Document, Session, Store, transaction
from ..core.security import PasswordHash, PasswordHasher, fingerprint, normalize, random_token
from .model import FIRST_ADMIN, Actor, Claims, Grant, Role, UserStatus
from .passwords import check_password, is_node_default
from .ports import Outbox, SessionEnds
from .repository import OneTimeTokenRepository, SessionRepository, UserRepository
from .rotation import GRACE, RefreshChain
from .throttle import Throttle

WRONG_CREDENTIALS = "Invalid credentials"
OPENS_NOTHING = (
    "This password was given to many and opens nothing any more. If the address has an account, "
    "a link to choose a new one is on its way"
)
NOT_FIRST = "Only an admin can register another"
DEAD_LINK = {"token": ["Unknown, used or expired."]}

# Seconds by which a refusal comes later, at most: looking up an account that exists takes some
# microseconds more, which are lost in that.
BLUR = 0.02

_random = SystemRandom()


class AuthService:
    def __init__(
        self,
        store: Store,
        *,
        users: UserRepository,
        sessions: SessionRepository,
        one_time_tokens: OneTimeTokenRepository,
        locks: LockRepository,
        hasher: PasswordHasher,
        throttle: Throttle,
        outbox: Outbox,
        ends: SessionEnds,
        audit: Audit,
        session_length: timedelta,
        refresh_chain: RefreshChain,
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
        self._refresh_chain = refresh_chain
        self._on_activation = on_activation

    def register_admin(
        self, actor: Actor | None, name: str, email: str, password: str, address: str
    ) -> Document:
        """Create an admin: the first one for anybody, the next ones for admins.

        Raises `Forbidden` where an admin exists and `actor` is none, `Conflict` for an
        e-mail that is known.
        """
        by_admin = actor is not None and actor.role is Role.ADMIN
        self._throttle.call("register", address)
        # Looked up before hashing, so that nobody has this service hash for nothing.
        if not by_admin and self._users.has_admin():
            raise Forbidden(NOT_FIRST)
        check_password(password)
        kept = self._hasher.hash(password)

        def create(session: Session) -> Document:
            if not by_admin:
                self._locks.take(FIRST_ADMIN, session)
                if self._users.has_admin(session):
                    raise Forbidden(NOT_FIRST)
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
        """Open a session; an invited account becomes active by that.

        `email` is the address as it was typed. Raises `Unauthorized`, `TooManyRequests` or
        `Unavailable`.
        """
        email = self._users.kept_email(email)
        self._throttle.attempt(email, address)
        if is_node_default(password):
            self._refuse_default(email, address)
        user, kept = self._users.with_password(email=email) or (None, None)
        form = self._hasher.match(password, kept)
        if form is None or user is None or kept is None:
            self._audit.record("login.failed", actor=user["_id"] if user else None)
            time.sleep(_random.uniform(0, BLUR))
            raise Unauthorized(WRONG_CREDENTIALS)
        self._throttle.succeeded(email, address)
        grant = self._open_session(user, kept) or self._open_renewed(user, password)
        if self._hasher.outdated(kept) or form != normalize(form):
            # The next login will do, if too many are being hashed right now.
            with suppress(Unavailable):
                self._users.renew_hash(user["_id"], kept, self._hasher.hash(password))
        return grant

    def refresh(self, claims: Claims) -> Grant:
        """Give a session its next refresh token.

        A token that was replaced at most `GRACE` ago leads to the one that is current by now,
        so that all who refresh at once, or again since an answer was lost, hold the same one.
        A token that was replaced earlier ends the session. Raises `Unauthorized`.
        """
        refresh_id = self._rotate(claims)
        user = self._users.by_id(claims.user_id) if refresh_id else None
        if user is None or refresh_id is None:
            if self._sessions.end(claims.session_id):
                self._ends.one(claims.session_id)
                self._audit.record("session.refresh-reused", actor=claims.user_id)
            raise Unauthorized("Invalid token")
        return Grant(user, claims.session_id, refresh_id)

    def _rotate(self, claims: Claims) -> str | None:
        """Return the id of the session's refresh token from now on; None for a reused one."""
        presented = claims.refresh_id or ""
        presented_hash = fingerprint(presented)
        successor = self._refresh_chain.successor(presented)
        expires_at = utcnow() + self._session_length
        if self._sessions.rotate(
            claims.session_id, presented_hash, fingerprint(successor), expires_at
        ):
            return successor
        current_hash = self._sessions.current_hash(claims.session_id, presented_hash, GRACE)
        return self._refresh_chain.find(presented, current_hash) if current_hash else None

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
        """Set a new password, end every session of the account and open one for the caller.

        Raises `Unauthorized` where the caller's session ends meanwhile.
        """
        user, kept = self._users.with_password(_id=actor.user_id) or (None, None)
        if user is None:
            raise NotFound
        self._throttle.attempt(user["email"], address)
        if not self._hasher.verify(current, kept):
            raise Invalid({"currentPassword": ["Not your current password."]})
        check_password(new, "newPassword")
        self._throttle.succeeded(user["email"], address)
        renewed = self._hasher.hash(new)

        def change(session: Session) -> None:
            # Logged out, deactivated, or given another password while this one was looked at.
            if self._sessions.live(actor.session_id, session) is None:
                raise Unauthorized("Invalid token")
            self._renew(actor.user_id, renewed, session)

        transaction(self._store, change)
        self._ends.all_of(actor.user_id)
        return self._open_session(user, renewed) or self._refuse()

    def forgot_password(self, email: str, address: str) -> None:
        """Have a reset link sent to `email`, as it was typed, if an account has it.

        Whether one has is looked up when the mail is made, so that this takes the same
        time and the same steps for a known address and an unknown one.
        """
        email = self._users.kept_email(email)
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

    def reset_password(self, token: str, password: str, address: str) -> None:
        """Set a password by the one-use token of a reset or an invitation.

        Raises `Invalid` for a token that is unknown, used, or expired.
        """
        self._throttle.call("reset", address)
        check_password(password)
        token_hash = fingerprint(token)
        # Looked up before hashing, so that nobody has this service hash for nothing.
        if not self._one_time_tokens.is_live(token_hash):
            raise Invalid(DEAD_LINK)
        renewed = self._hasher.hash(password)

        def reset(session: Session) -> ObjectId:
            user_id = self._one_time_tokens.take(token_hash, session)
            user = self._users.by_id(user_id, session) if user_id else None
            if user is None or user.get("status") == UserStatus.INACTIVE:
                raise Invalid(DEAD_LINK)
            self._renew(user["_id"], renewed, session)
            found: ObjectId = user["_id"]
            return found

        self._ends.all_of(transaction(self._store, reset))

    def _renew(self, user_id: ObjectId, password: PasswordHash, session: Session) -> None:
        self._users.set_password(user_id, password, session, status=UserStatus.ACTIVE)
        self._on_activation(user_id, session)
        self._sessions.end_all(user_id, session)
        self._one_time_tokens.drop_all(user_id, session)
        self._audit.record("user.password-changed", actor=user_id, subject=user_id, session=session)

    def _refuse_default(self, email: str, address: str) -> NoReturn:
        """Refuse the Node service's default password, and have a reset link sent.

        That is done for every address, and whatever password its account has, so that
        neither the answer nor its time tells which accounts exist or still have it.
        """
        self.forgot_password(email, address)
        self._audit.record("login.failed", actor=None)
        raise Unauthorized(OPENS_NOTHING)

    def _open_session(self, user: Document, password: PasswordHash) -> Grant | None:
        """Open a session; None where the account is closed or has another password by now.

        `user` is the account as it was when its password was read.
        """
        user_id: ObjectId = user["_id"]
        session_id, refresh_id = ObjectId(), random_token()

        def enter(session: Session) -> Document | None:
            entered = self._users.enter(user_id, password, session)
            if entered is None:
                return None
            if user.get("status") == UserStatus.INVITED:
                self._on_activation(user_id, session)
            now = utcnow()
            self._sessions.add(
                {
                    "_id": session_id,
                    "user": user_id,
                    "role": entered["role"],
                    "name": entered["name"],
                    "refreshHash": fingerprint(refresh_id),
                    "createdAt": now,
                    "expiresAt": now + self._session_length,
                },
                session,
            )
            self._audit.record("login", actor=user_id, session=session)
            return entered

        opened = transaction(self._store, enter)
        return Grant(opened, session_id, refresh_id) if opened else None

    def _open_renewed(self, user: Document, password: str) -> Grant:
        """Open a session where another login has renewed the hash since it was read."""
        _, kept = self._users.with_password(_id=user["_id"]) or (None, None)
        if kept is None or not self._hasher.verify(password, kept):
            self._refuse()
        return self._open_session(user, kept) or self._refuse()

    def _refuse(self) -> NoReturn:
        raise Unauthorized(WRONG_CREDENTIALS)
