"""Every repository and service, built once a process: the web process and the jobs share this."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from redis import Redis

from .audit.repository import AuditRepository
from .audit.service import Audit
from .auth.accounts import AccountLinks, AccountService, Recipients
from .auth.repository import (
    LockRepository,
    OneTimeTokenRepository,
    SessionRepository,
    UserRepository,
)
from .auth.service import AuthService, SessionEnds
from .auth.throttle import LoginThrottle
from .core import mongo, redis
from .core.mongo import Repository, Store
from .core.security import PasswordHasher
from .core.settings import Settings
from .core.workpool import Workpool

HASHING_THREADS = 2
HASHING_QUEUE = 64


class Services:
    """Builds each part on first use, so that a job pays only for what it needs.

    Nothing connects before that either: PyMongo's client must be born in the process that
    uses it, and a worker forks for each job.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    # Infrastructure

    @cached_property
    def store(self) -> Store:
        return mongo.connect(self.settings.mongo_uri, self.settings.mongo_db_name)

    @cached_property
    def redis(self) -> Redis:
        return redis.connect(self.settings.redis_url)

    @cached_property
    def hasher(self) -> PasswordHasher:
        pool = Workpool(HASHING_THREADS, HASHING_QUEUE)
        return PasswordHasher(self.settings.bcrypt_salt_rounds, self.settings.password_pepper, pool)

    # Repositories

    @cached_property
    def audit_entries(self) -> AuditRepository:
        return AuditRepository(self.store)

    @cached_property
    def users(self) -> UserRepository:
        return UserRepository(self.store)

    @cached_property
    def sessions(self) -> SessionRepository:
        return SessionRepository(self.store)

    @cached_property
    def one_time_tokens(self) -> OneTimeTokenRepository:
        return OneTimeTokenRepository(self.store)

    @cached_property
    def locks(self) -> LockRepository:
        return LockRepository(self.store)

    @property
    def repositories(self) -> Sequence[Repository]:
        """Every collection that the release phase prepares."""
        return (
            self.audit_entries,
            self.users,
            self.sessions,
            self.one_time_tokens,
            self.locks,
        )

    # Services

    @cached_property
    def audit(self) -> Audit:
        return Audit(self.audit_entries)

    @cached_property
    def session_ends(self) -> SessionEnds:
        return SessionEnds(self.broadcaster.announce)

    @cached_property
    def accounts(self) -> AccountService:
        return AccountService(
            self.store,
            self.users,
            self.sessions,
            self.locks,
            self.hasher,
            self.notifications,
            self.session_ends,
            self.audit,
        )

    @cached_property
    def auth(self) -> AuthService:
        return AuthService(
            self.store,
            self.users,
            self.sessions,
            self.one_time_tokens,
            self.locks,
            self.hasher,
            LoginThrottle(self.redis),
            self.notifications,
            self.session_ends,
            self.audit,
            self.settings.refresh_expires_in,
        )
