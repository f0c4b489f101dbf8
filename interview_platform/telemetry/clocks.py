"""How far the clock of a client is from the service's, and what corrects its times."""

from __future__ import annotations

from collections import deque

# All in ms. Clocks that are farther off are taken for a mistake, such as times in seconds:
MAX_OFFSET = 24 * 3600 * 1000
# A correction stays while the estimate is no farther from it than this.
STEP = 1_000
# Times that go back by more than this were told by a clock that was set back.
JUMP = 10_000
# An observation counts for so long, since clocks drift, and until so many others followed it.
WINDOW = 60_000
ENOUGH = 5
# So many observations, over so long, prove that a clock is behind and its samples not late.
ENOUGH_TIME = 10_000

_MAX_OBSERVATIONS = 1_000


class ClientClock:
    """Estimates the correction of one client's times; all are in ms since the epoch.

    An observation is the time of arrival minus the latest time that the client had told by
    then: the offset of its clock plus what the message took, which is never negative. So
    the least of the latest observations is the best, as in NTP's clock filter (RFC 5905,
    section 10). Samples may arrive late for other reasons, as after a lost connection:
    unless a client tells when it sends, its clock counts as behind only when no sample has
    come earlier for a while. That it is ahead is certain at once.
    """

    __slots__ = (
        "_certain",
        "_count",
        "_last",
        "_observations",
        "_previous",
        "_since",
        "_told",
        "correction",
    )

    def __init__(self) -> None:
        self.correction = 0
        # When each was made, the how manieth it was, and the offset; rising, since a later
        # one that is less makes those before it useless.
        self._observations: deque[tuple[int, int, int]] = deque(maxlen=_MAX_OBSERVATIONS)
        self._certain = False
        self._count = 0
        self._since = 0
        # The latest time that was taken, what the client told with it, and the observation then.
        self._last: int | None = None
        self._told: int | None = None
        self._previous = 0

    def observe(self, now: int, told: int, *, certain: bool = False) -> None:
        """Note that `told` arrives at `now`; `certain` where it is the time of sending."""
        offset = now - told
        if abs(offset) > MAX_OFFSET:
            return
        if not self._count:
            self._since = now
        self._count += 1
        self._certain = self._certain or certain
        kept = self._observations
        while kept and kept[0][0] < now - WINDOW and kept[0][1] <= self._count - ENOUGH:
            kept.popleft()
        while kept and kept[-1][2] >= offset:
            kept.pop()
        kept.append((now, self._count, offset))
        least = kept[0][2]
        proven = self._count >= ENOUGH and now - self._since >= ENOUGH_TIME
        known = self._certain or proven or least < 0
        if known and abs(least - self.correction) > STEP:
            self.correction = least

    def correct(self, now: int, first: int, last: int, sent: int | None = None) -> int:
        """Return what to add to the times `first` to `last` of samples that arrive at `now`.

        `sent` is when the client sent them, where it tells.
        """
        told = last if sent is None else max(last, sent)
        if told == self._told:
            # Sent again, since no answer came: how late that is says nothing of the clock.
            return self.correction
        went_back = self._last is not None and first < self._last
        # Samples that are sent twice are later the second time by that much, not by more.
        if went_back and now - told - self._previous > JUMP:
            self._observations.clear()
            self._certain = True
        self.observe(now, told, certain=sent is not None)
        return self.correction

    def took(self, now: int, last: int, sent: int | None = None) -> None:
        """Note that samples were taken, of which `last` is the latest time."""
        self._last = last
        self._told = last if sent is None else max(last, sent)
        self._previous = now - self._told
