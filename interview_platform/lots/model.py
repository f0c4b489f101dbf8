"""The words of lots and draws."""

from __future__ import annotations

from enum import StrEnum

MAX_CANDIDATES = 5_000


class LotState(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    ARCHIVED = "archived"


class Method(StrEnum):
    """How a draw orders its pool."""

    RANDOM = "random"
    RANKED = "ranked"
