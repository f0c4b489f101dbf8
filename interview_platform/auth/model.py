"""The words of access: roles, account states, and the one who acts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bson import ObjectId

from ..core.mongo import Document

# Locks: there is one first admin, and an active admin always.
FIRST_ADMIN = "first-admin"
ACTIVE_ADMINS = "active-admins"


class Role(StrEnum):
    ADMIN = "admin"
    INTERVIEWER = "interviewer"
    CANDIDATE = "candidate"


class UserStatus(StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"
    INVITED = "invited"


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who is logged in, as of the session that their token names."""

    user_id: ObjectId
    role: Role
    name: str
    session_id: ObjectId


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says; `refresh_id` only where it is a refresh token."""

    user_id: ObjectId
    session_id: ObjectId
    refresh_id: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """A session that its user may have tokens for; `refresh_id` goes into the refresh token."""

    user: Document
    session_id: ObjectId
    refresh_id: str
