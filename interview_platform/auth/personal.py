"""All that is kept of an account: told to its owner, and removed for good."""

from __future__ import annotations

from datetime import timedelta

from bson import ObjectId

from ..core.clock import utcnow
from ..core.errors import NotFound
from ..core.mongo import Document, Session
from .repository import OneTimeTokenRepository, SessionRepository, UserRepository
from .throttle import Throttle

# How long an erasure may go on before somebody else takes it for broken off.
ERASED_WITHIN = timedelta(minutes=1)


class AccountData:
    """Raises redis-py's errors for what Redis keeps: who has logged in from where."""

    def __init__(
        self,
        users: UserRepository,
        sessions: SessionRepository,
        one_time_tokens: OneTimeTokenRepository,
        throttle: Throttle,
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._one_time_tokens = one_time_tokens
        self._throttle = throttle

    def of(self, user_id: ObjectId) -> Document:
        """Return what is kept of an account, but for hashes. Raises `NotFound`."""
        user = self._users.by_id(user_id)
        if user is None:
            raise NotFound
        networks = self._throttle.known_networks(user["email"])
        return {
            "account": user,
            "sessions": self._sessions.times_of(user_id),
            "links": self._one_time_tokens.times_of(user_id),
            "knownNetworks": [
                {"network": network, "lastLoginAt": last} for network, last in networks.items()
            ],
        }

    def find(self, user_id: ObjectId) -> Document | None:
        """Return an account without its hash; None where it is gone."""
        return self._users.by_id(user_id)

    def exists(self, user_id: ObjectId) -> bool:
        """Tell whether there is an account, a session or a link of this id."""
        return bool(
            self._users.by_id(user_id)
            or self._sessions.times_of(user_id)
            or self._one_time_tokens.times_of(user_id)
        )

    def mark_for_erasure(self, user_id: ObjectId, by: ObjectId | None, session: Session) -> None:
        """Note that `by` has an account erased, so that it is done if this process ends."""
        self._users.mark_for_erasure(user_id, by, utcnow() + ERASED_WITHIN, session)

    def take_broken_off(self) -> Document | None:
        """Return an account whose erasure has broken off, to go on with it; None without any."""
        now = utcnow()
        user = self._users.due_for_erasure(now)
        taken = user and self._users.claim_erasure(user, now + ERASED_WITHIN)
        return user if taken else None

    def forget_attempts(self, email: str) -> None:
        """Remove what Redis keeps of attempts to log in."""
        self._throttle.forget(email)

    def remove(self, user_id: ObjectId, session: Session) -> bool:
        """Remove an account with its sessions and links; False where it is gone."""
        self._sessions.end_all(user_id, session)
        self._one_time_tokens.drop_all(user_id, session)
        return self._users.remove(user_id, session)
