"""The draw's algorithm, as `docs/draw.md` describes it: no input but its arguments."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ..candidates.model import Criteria
from ..core.mongo import Document

SCORE_DIGITS = 6

Score = Callable[[Document], float]


@dataclass(frozen=True)
class Selection:
    """The outcome of a draw: `selected` holds profiles in the order drawn, with their scores."""

    pool_size: int
    pool_digest: str
    selected: list[tuple[Document, float]]


def select(pool: Iterable[Document], size: int, seed: str, score: Score) -> Selection:
    """Select at most `size` profiles of `pool`, which must come by ascending id.

    Those with the highest score come first; `seed` orders those with the same one.
    """
    digest = hashlib.sha256()
    pool_size = 0

    def entries() -> Iterator[tuple[float, str, Document]]:
        nonlocal pool_size
        for profile in pool:
            profile_id = str(profile["_id"])
            digest.update(f"\n{profile_id}".encode() if pool_size else profile_id.encode())
            pool_size += 1
            yield -score(profile), place(seed, profile_id), profile

    # Takes the pool as it comes and holds no more of it than `size`.
    first = heapq.nsmallest(size, entries(), key=lambda entry: entry[:2])
    return Selection(
        pool_size, digest.hexdigest(), [(profile, -score) for score, _, profile in first]
    )


def place(seed: str, profile_id: str) -> str:
    """Return what a profile is ordered by: a SHA-256 in hex, as good as a throw of dice."""
    return hashlib.sha256(f"{seed}:{profile_id}".encode()).hexdigest()


def by_lot(profile: Document) -> float:
    """Score every profile alike."""
    return 0.0


def by_match(criteria: Criteria) -> Score:
    """Return a score from 0 to 1 of how well a profile that meets `criteria` matches them.

    It is the mean of two parts, as far as the criteria ask for them: the share of the tags
    that the profile has, and how close its experience is to the middle of the bounds.
    """

    def tags(profile: Document) -> float:
        has = set(profile.get("index", {}).get("tags", ()))
        return len(has.intersection(criteria.tags)) / len(criteria.tags)

    def experience(profile: Document, least: float, most: float) -> float:
        years: float = profile["experienceYears"]
        middle, reach = (least + most) / 2, (most - least) / 2
        return 1 - abs(years - middle) / reach if reach else 1.0

    def score(profile: Document) -> float:
        parts = [tags(profile)] if criteria.tags else []
        least, most = criteria.experience_min, criteria.experience_max
        if least is not None and most is not None:
            parts.append(experience(profile, least, most))
        return round(sum(parts) / len(parts), SCORE_DIGITS) if parts else 1.0

    return score
