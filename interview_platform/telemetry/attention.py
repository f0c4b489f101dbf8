"""Attention out of samples: pure, and exactly as `docs/attention.md` has it.

`VERSION` is that of the formula; whoever changes what comes out changes it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil, hypot
from typing import NamedTuple

from ..core.mongo import Document
from .model import Kind, Sample, Stretch

VERSION = "2"

# All in ms. A sample stands for the time to the next one, at most:
HOLD = 1_000
# Something that goes on for longer is a stretch, and worth an alert.
STRETCH = 2_000
# Over such a gap two samples that say the same make one stretch of at least `SEEN` samples:
# browsers run timers of a page that does not have the focus once a second, and not exactly.
GAP = 2_500
SEEN = 3
# The same of a page without focus, of two samples and more: Chrome runs timers of hidden
# pages once a minute after a while, and frozen pages run none.
HIDDEN_GAP = 120_000
# A page was frozen over a gap that is so many times as long as the time between the two
# samples before it.
FREEZE = 4
# How the path that the gaze takes is measured: over the time before a sample, and what is
# rapid, in widths and heights of the screen.
PATH_TIME = 1_000
RAPID_PATH = 3.0

# The share of the live time that must have valid samples for a score.
ENOUGH = 0.5

MAX_POINTS = 500
MAX_STRETCHES = 500
# Between two points of a series, a multiple of this.
_STEP = 10_000
_CELL = 1_000


@dataclass(frozen=True, slots=True)
class Summary:
    """What samples come down to.

    `cells` are, by second since the epoch, the ms that have valid samples and those of
    attention. `stretches` hold those that ended or still went on.
    """

    cells: Mapping[int, tuple[int, int]]
    stretches: list[Stretch]

    @property
    def document(self) -> Document:
        """The summary as a bucket holds it."""
        return {
            "version": VERSION,
            "cells": [[second, *times] for second, times in self.cells.items()],
            "stretches": [[str(kind), start, end] for kind, start, end in self.stretches],
        }

    @classmethod
    def of(cls, document: Document) -> Summary:
        """Return the summary that `document` was made of."""
        cells = {second: (valid, attention) for second, valid, attention in document["cells"]}
        stretches = [Stretch(Kind(kind), *times) for kind, *times in document["stretches"]]
        return cls(cells, stretches)


class Point(NamedTuple):
    """One point of a series: attention from `start` on as a share, None where nothing is known."""

    start: int
    share: float | None
    coverage: float


@dataclass(frozen=True, slots=True)
class Assessment:
    """The attention over a time; `score` is None where `coverage` is not enough."""

    score: float | None
    coverage: float
    stretches: list[Stretch]
    series: list[Point]


def attentive(sample: Sample) -> bool | None:
    """Tell whether they look at the screen and are alone; None where the sample cannot tell."""
    if sample.faces not in (None, 1):
        return False
    return sample.on_screen


@dataclass(slots=True)
class _Running:
    """Something that goes on, seen in so many samples; `passed` once it is a stretch."""

    start: int
    end: int
    seen: int = 0
    passed: bool = False


@dataclass(slots=True)
class _Path:
    """How far the gaze has gone over the last `PATH_TIME`."""

    _steps: deque[tuple[int, float]] = field(default_factory=deque)
    _place: tuple[int, float, float] | None = None
    _length: float = 0.0

    def reach(self, sample: Sample) -> float:
        """Go on to the place of `sample`, and return the length of the path to it."""
        if sample.x is None or sample.y is None:
            self._place = None
        else:
            if self._place and sample.t - self._place[0] <= HOLD:
                step = hypot(sample.x - self._place[1], sample.y - self._place[2])
                self._steps.append((sample.t, step))
                self._length += step
            self._place = (sample.t, sample.x, sample.y)
        while self._steps and self._steps[0][0] <= sample.t - PATH_TIME:
            self._length -= self._steps.popleft()[1]
        if not self._steps:
            self._length = 0.0
        return self._length


@dataclass(slots=True)
class Fold:
    """Folds one socket's samples, in their order."""

    _last: Sample | None = None
    # The time between the last two samples; None where there were none.
    _interval: int | None = None
    _running: dict[Kind, _Running] = field(default_factory=dict)
    _path: _Path = field(default_factory=_Path)
    _cells: dict[int, tuple[int, int]] = field(default_factory=dict)
    _ended: list[Stretch] = field(default_factory=list)

    def add(self, sample: Sample) -> list[Stretch]:
        """Take in the next sample, and return the stretches that it makes long enough."""
        passed: list[Stretch] = []
        last, gap = self._last, 0
        if last:
            gap = sample.t - last.t
            self._count(attentive(last), last.t, min(sample.t, last.t + HOLD))
        frozen = gap > HOLD and self._interval is not None and gap >= FREEZE * self._interval
        kinds = list(self._kinds(sample))
        for kind in list(self._running):
            goes_on = kind in kinds and gap <= _most(kind)
            self._reach(kind, sample.t, goes_on=goes_on, frozen=frozen, passed=passed)
            if not goes_on:
                self._end(kind)
        for kind in kinds:
            if kind not in self._running:
                start = sample.t
                if last and frozen and kind is Kind.TAB_HIDDEN and gap <= HIDDEN_GAP:
                    # Its timers stood still since it was hidden.
                    start = last.t + HOLD
                self._running[kind] = _Running(start, start)
                self._reach(kind, sample.t, goes_on=True, frozen=frozen, passed=passed)
        self._interval = gap if last else None
        self._last = sample
        return passed

    def cut(self) -> None:
        """End what goes on: nothing connects what comes next with what came before."""
        for kind in list(self._running):
            self._end(kind)
        self._last = self._interval = None
        self._path = _Path()

    @property
    def going_on(self) -> Iterator[Stretch]:
        """What goes on and is long enough, up to the last sample."""
        for kind, running in self._running.items():
            if running.passed:
                yield Stretch(kind, running.start, running.end)

    def take(self) -> Summary:
        """Return what was folded since this was asked last."""
        summary = Summary(self._cells, [*self._ended, *self.going_on])
        self._cells, self._ended = {}, []
        return summary

    def _reach(
        self, kind: Kind, t: int, *, goes_on: bool, frozen: bool, passed: list[Stretch]
    ) -> None:
        """Prolong what goes on to the sample at `t`, or as far as is known towards it.

        Adds it to `passed` where that makes it a stretch.
        """
        running, last = self._running[kind], self._last
        hidden = kind is Kind.TAB_HIDDEN
        if goes_on:
            running.end = t
        elif last:
            # A page that has the focus again runs at once, and says so.
            held = frozen and hidden and t - last.t <= HIDDEN_GAP
            running.end = t if held else min(t, last.t + HOLD)
        running.seen += goes_on
        enough = hidden or running.seen >= SEEN
        if enough and not running.passed and running.end - running.start > STRETCH:
            running.passed = True
            passed.append(Stretch(kind, running.start, running.end))

    def _count(self, is_attentive: bool | None, start: int, end: int) -> None:
        while is_attentive is not None and start < end:
            cell = start // _CELL
            length = min(end, (cell + 1) * _CELL) - start
            valid, attention = self._cells.get(cell, (0, 0))
            self._cells[cell] = (valid + length, attention + is_attentive * length)
            start += length

    def _kinds(self, sample: Sample) -> Iterator[Kind]:
        """Yield what goes on at `sample`."""
        if sample.faces == 0:
            yield Kind.NO_FACE
        elif sample.faces is not None and sample.faces > 1:
            yield Kind.MULTIPLE_FACES
        elif sample.on_screen is False:
            yield Kind.LOOKING_AWAY
        if sample.focus is False:
            yield Kind.TAB_HIDDEN
        if self._path.reach(sample) >= RAPID_PATH:
            yield Kind.RAPID_MOVEMENT

    def _end(self, kind: Kind) -> None:
        running = self._running.pop(kind)
        if running.passed:
            self._ended.append(Stretch(kind, running.start, running.end))


def _most(kind: Kind) -> int:
    """Return over which gap in ms two samples of `kind` belong together."""
    return {Kind.TAB_HIDDEN: HIDDEN_GAP, Kind.RAPID_MOVEMENT: HOLD}.get(kind, GAP)


def assess(summaries: Iterable[Summary], start: int, end: int) -> Assessment:
    """Assess the attention from `start` to `end`, in ms since the epoch."""
    sums: dict[int, tuple[int, int]] = {}
    stretches: list[Stretch] = []
    for summary in summaries:
        stretches += summary.stretches
        for cell, times in summary.cells.items():
            valid, attention = sums.get(cell, (0, 0))
            sums[cell] = (valid + times[0], attention + times[1])
    cells = {cell: _clip(cell, times, start, end) for cell, times in sums.items()}
    known, attended = _sum(cells.values())
    coverage = known / (end - start) if end > start else 0.0
    return Assessment(
        score=round(100 * attended / known, 1) if known and coverage >= ENOUGH else None,
        coverage=round(coverage, 4),
        stretches=_longest(_merge(stretches), start, end),
        series=_series(cells, start, end),
    )


def _clip(cell: int, times: tuple[int, int], start: int, end: int) -> tuple[float, float]:
    """Return a cell's times as far as they can lie between `start` and `end`.

    Two sockets of one candidate do not count twice: their times share the cell's length.
    """
    room = max(0, min(end, (cell + 1) * _CELL) - max(start, cell * _CELL))
    valid, attention = times
    return (valid, attention) if valid <= room else (room, attention * room / valid)


def _sum(times: Iterable[tuple[float, float]]) -> tuple[float, float]:
    valid = attention = 0.0
    for cell_valid, cell_attention in times:
        valid += cell_valid
        attention += cell_attention
    return valid, attention


def _merge(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    """Yield stretches with those of a kind that overlap or touch made into one."""
    merged: dict[Kind, Stretch] = {}
    for stretch in sorted(stretches, key=lambda stretch: stretch.start):
        before = merged.get(stretch.kind)
        if before and stretch.start <= before.end:
            merged[stretch.kind] = before._replace(end=max(before.end, stretch.end))
            continue
        if before:
            yield before
        merged[stretch.kind] = stretch
    yield from merged.values()


def _longest(stretches: Iterable[Stretch], start: int, end: int) -> list[Stretch]:
    """Return the longest of those that touch the time from `start` to `end`, by time."""
    within = [stretch for stretch in stretches if stretch.end > start and stretch.start < end]
    within.sort(key=lambda stretch: stretch.start - stretch.end)
    return sorted(within[:MAX_STRETCHES], key=lambda stretch: stretch.start)


def _series(cells: Mapping[int, tuple[float, float]], start: int, end: int) -> list[Point]:
    step = _STEP * max(1, ceil((end - start) / _STEP / MAX_POINTS))
    sums: dict[int, tuple[float, float]] = {}
    for cell, times in cells.items():
        if not times[0]:
            continue
        index = max(cell * _CELL - start, 0) // step
        valid, attention = sums.get(index, (0, 0))
        sums[index] = (valid + times[0], attention + times[1])
    points = []
    for index in range(ceil(max(end - start, 0) / step)):
        valid, attention = sums.get(index, (0, 0))
        at = start + index * step
        share = round(attention / valid, 4) if valid else None
        coverage = min(1.0, valid / (min(end, at + step) - at))
        points.append(Point(at, share, round(coverage, 4)))
    return points
