"""The words of the pool: where a candidate stands, and how one is named and found."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bson import ObjectId

from ..auth.model import UserStatus
from ..core.mongo import Document
from .search import search_terms

# Raised with each change of what `index_terms` makes of a candidate: the release phase makes the
# terms of earlier versions again.
INDEX_VERSION = 2

# How many changes of its lot status a profile remembers.
MAX_HISTORY = 100
# What of a candidate is kept with the account; the rest is the profile's.
ACCOUNT_FIELDS = frozenset(
    {"name", "email", "phone", "timezone", "notificationChannel", "password", "status"}
)
# Accounts in these states may be drawn for a lot.
ELIGIBLE = (UserStatus.ACTIVE, UserStatus.INVITED)


class LotStatus(StrEnum):
    """How far a candidate has come."""

    UNASSIGNED = "unassigned"
    SHORTLISTED = "shortlisted"
    PENDING = "pending"
    INTERVIEWED = "interviewed"
    REJECTED = "rejected"
    HIRED = "hired"


@dataclass(frozen=True, slots=True)
class CandidateRef:
    """The two ids of one candidate, and the state of the account."""

    user_id: ObjectId
    profile_id: ObjectId
    status: UserStatus


@dataclass(frozen=True, slots=True)
class Criteria:
    """Whom a lot looks for: all of `skills`, any of `tags`, experience in years within bounds."""

    skills: Sequence[str] = ()
    tags: Sequence[str] = ()
    experience_min: float | None = None
    experience_max: float | None = None

    @classmethod
    def of(cls, document: Mapping[str, Any] | None) -> Criteria:
        """Read criteria as a lot keeps them."""
        kept = document or {}
        return cls(
            skills=label_keys(kept.get("skills")),
            tags=label_keys(kept.get("tags")),
            experience_min=kept.get("experienceMin"),
            experience_max=kept.get("experienceMax"),
        )


def fold(text: str) -> str:
    """Return `text` as it is compared: without regard to case or to how accents are encoded."""
    return unicodedata.normalize("NFC", text).casefold()


def label_keys(labels: Iterable[str] | None) -> list[str]:
    """Return what skills or tags are compared by."""
    return sorted({fold(str(label).strip()) for label in labels or ()})


def index_terms(user: Mapping[str, Any] | None, profile: Mapping[str, Any]) -> Document:
    """Return the sub-document `index`, by which a profile is found.

    A profile whose account is gone can be neither found nor drawn.
    """
    account = user or {"status": UserStatus.INACTIVE}
    return {
        "version": INDEX_VERSION,
        "search": search_terms(account.get("name") or "", account.get("email")),
        "skills": label_keys(profile.get("skills")),
        "tags": label_keys(profile.get("tags")),
        "status": account.get("status") or UserStatus.ACTIVE,
    }
