"""Figures, and the table that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import median


class Judged(Enum):
    """What of a figure is held against its target."""

    RATIO = "ratio"
    DIFFERENCE = "difference"
    VALUE = "value"


@dataclass(frozen=True)
class Figure:
    """One measure: ours, a value a round, then the peer's or what else it is held against."""

    scenario: int
    name: str
    unit: str
    found: Sequence[Sequence[float]]
    target: float | None = None
    judged: Judged = Judged.RATIO
    at_least: bool = False
    note: str = ""

    @property
    def ours(self) -> Sequence[float]:
        return self.found[0]

    @property
    def other(self) -> Sequence[float]:
        return self.found[1] if len(self.found) > 1 else ()

    @property
    def result(self) -> float | None:
        """What is judged; None where nothing was measured to judge by."""
        if self.judged is Judged.VALUE:
            return median(self.ours)
        if not self.other:
            return None
        if self.judged is Judged.DIFFERENCE:
            return median(self.ours) - median(self.other)
        return median(self.ours) / median(self.other)

    @property
    def verdict(self) -> str:
        result = self.result
        if self.target is None or result is None:
            return ""
        met = result >= self.target if self.at_least else result <= self.target
        return "met" if met else "NOT MET"

    def row(self) -> list[str]:
        """Return the cells of its row in the table."""
        bound = "" if self.target is None else f"{'>=' if self.at_least else '<='} {self.target:g}"
        result = "" if self.result is None else _short(self.result)
        number = str(self.scenario)
        name = f"{self.name} [{self.note}]" if self.note else self.name
        spreads = [_spread(self.ours), _spread(self.other)]
        return [number, name, self.unit, *spreads, result, bound, self.verdict]


HEAD = ["", "measure", "unit", "ours", "peer or base", "result", "target", ""]


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as a Markdown table."""
    rows = [HEAD, *(figure.row() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    if len(values) == 1:
        return _short(values[0])
    return f"{_short(median(values))} ({_short(min(values))}..{_short(max(values))})"


def _short(value: float) -> str:
    """Return a number with three digits that count."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if value == 0:
        return "0"
    return f"{value:.3g}"
