"""Interviews counted: for those who may know of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from ..core.mongo import Document
from .model import InterviewStatus
from .repository import InterviewRepository

Counts = Mapping[InterviewStatus, int]


class InterviewFigures:
    """Each figure asks the store once."""

    def __init__(self, interviews: InterviewRepository) -> None:
        self._interviews = interviews

    def by_status(self) -> Counts:
        """Return how many interviews are in each state."""
        return self._interviews.count_by_status()

    def by_day(self, first: datetime, days: int) -> list[tuple[datetime, Counts]]:
        """Return how many interviews begin on each of `days` days from `first`, by state.

        `first` is a day's beginning in UTC, as are the moments in the answer.
        """
        counts = self._interviews.count_by_day(first, first + timedelta(days=days))
        dates = [first + timedelta(days=number) for number in range(days)]
        return [
            (
                date,
                {status: counts.get((f"{date:%Y-%m-%d}", status), 0) for status in InterviewStatus},
            )
            for date in dates
        ]

    def live(self, limit: int) -> list[Document]:
        """Return the interviews that are under way, `limit` of the latest to begin at most."""
        return self._interviews.live(limit)

    def load(self, since: datetime, until: datetime, limit: int) -> list[Document]:
        """Return the busiest interviewers as `{_id, interviews, minutes}`, the busiest first.

        By the interviews that begin from `since` up to `until` and are not cancelled, and
        the minutes that these are scheduled for.
        """
        return self._interviews.load(since, until, limit)
