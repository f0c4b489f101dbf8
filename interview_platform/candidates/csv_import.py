"""Reading candidates out of a CSV file with commas, semicolons or tabs between its cells.

The first record names the columns, in any order and case: `name` and `email` are needed;
`phone`, `skills`, `tags`, `experienceYears`, `resumeUrl`, `timezone` and `notes` are read
too. A line before it may name the delimiter, as spreadsheets do: `sep=;`. Within a cell,
skills and tags stand apart by `|`, `;` or `,`. A row is held to the same rules as a
candidate who is made by hand, so no text that a spreadsheet would run as a formula comes
in; a telephone number's `+` is no harm, for nothing but digits follows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import marshmallow as ma

from ..core.errors import TooLarge
from .csv_decoding import decode, unreadable
from .csv_records import Lines, Record
from .pacing import paced
from .schemas import CandidateCreateSchema

MAX_BYTES = 8 * 1024 * 1024
MAX_ROWS = 10_000
MAX_COLUMNS = 100

COLUMNS = (
    "name",
    "email",
    "phone",
    "skills",
    "tags",
    "experienceYears",
    "resumeUrl",
    "timezone",
    "notes",
)
REQUIRED = ("name", "email")
LISTS = ("skills", "tags")

# How many faults of one cell a row tells.
MAX_FAULTS = 3

_KNOWN = {name.casefold(): name for name in COLUMNS}
_DELIMITERS = (",", ";", "\t")
_DELIMITER_LINE = re.compile(r"sep=([,;\t])\s*", re.IGNORECASE)
_SEPARATORS = re.compile(r"[|;,]")
_NUMBER = re.compile(r"\d{1,4}([.,]\d{1,4})?")


@dataclass(frozen=True)
class Row:
    """A row of the file: `line` is the one that it begins on, counted from 1.

    It holds the fields of a new candidate, or what is wrong with them by column.
    """

    line: int
    fields: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)


class CandidateFile:
    """A CSV file of candidates; `charset` is the encoding that its sender names, if any.

    Raises `Invalid` or `TooLarge` for a file that cannot be read at all.
    """

    def __init__(self, content: bytes, charset: str | None = None) -> None:
        self._lines = Lines(decode(content, charset))
        self._delimiter, self._heading = self._read_heading()
        if self._heading.fault:
            raise unreadable(f"The columns cannot be read. {self._heading.fault}")
        names = [_on_one_line(cell) for cell in self._heading.cells]
        _check_columns(names)
        self._columns = [_KNOWN.get(name.casefold()) for name in names]
        self.unknown_columns = [
            name[:64] for name in names if name and name.casefold() not in _KNOWN
        ]
        self._schema = CandidateCreateSchema()

    def rows(self) -> Iterator[Row]:
        """Read row after row, taking turns with others. Raises `TooLarge` beyond `MAX_ROWS`."""
        count = 0
        for record in paced(self._lines.records(self._heading.end, self._delimiter)):
            if not record.fault and not any(cell.strip() for cell in record.cells):
                continue
            count += 1
            if count > MAX_ROWS:
                raise TooLarge(f"A file may have at most {MAX_ROWS:,} rows")
            yield self._row(record)

    def _read_heading(self) -> tuple[str, Record]:
        """Return the delimiter and the record that names the columns.

        The delimiter is the one by which most of the columns are known.
        """
        start = self._lines.first_filled(0)
        delimiters: Sequence[str] = _DELIMITERS
        if named := _DELIMITER_LINE.fullmatch(self._lines.text(start)):
            delimiters = named[1]
            start = self._lines.first_filled(start + 1)
        if start == len(self._lines):
            raise unreadable("The file is empty.")
        readings = {each: self._lines.record(start, each) for each in delimiters}
        return max(readings.items(), key=lambda reading: _known_among(reading[1].cells))

    def _row(self, record: Record) -> Row:
        line = record.first + 1
        if record.fault:
            return Row(line, errors={"row": [record.fault]})
        cells = record.cells
        if any(cell.strip() for cell in cells[len(self._columns) :]):
            return Row(line, errors={"row": ["It has more cells than there are columns."]})
        given = {
            column: _value(column, cell.strip())
            for column, cell in zip(self._columns, cells, strict=False)
            if column and cell.strip()
        }
        try:
            return Row(line, fields=self._schema.load(given))
        except ma.ValidationError as error:
            return Row(
                line, errors={name: _flat(told) for name, told in error.messages_dict.items()}
            )


def _on_one_line(name: str) -> str:
    return " ".join(name.split())


def _known_among(cells: Sequence[str]) -> int:
    return sum(_on_one_line(cell).casefold() in _KNOWN for cell in cells)


def _check_columns(names: Sequence[str]) -> None:
    if len(names) > MAX_COLUMNS:
        raise unreadable(f"A file may have at most {MAX_COLUMNS} columns.")
    folded = [name.casefold() for name in names]
    if missing := [name for name in REQUIRED if name not in folded]:
        raise unreadable(f"The first line must name the columns; {missing[0]} is missing.")
    if double := [name for name in COLUMNS if folded.count(name.casefold()) > 1]:
        raise unreadable(f"The column {double[0]} is there twice.")


def _value(column: str, cell: str) -> Any:
    if column in LISTS:
        return [label.strip() for label in _SEPARATORS.split(cell) if label.strip()]
    if column == "experienceYears" and _NUMBER.fullmatch(cell):
        return float(cell.replace(",", "."))
    return cell


def _flat(told: Any) -> list[str]:
    """Return the first messages of a field, those of a list's items too, without doubles."""
    parts = told.values() if isinstance(told, dict) else [told]
    flat = [one for part in parts for one in (part if isinstance(part, list) else _flat(part))]
    return list(dict.fromkeys(flat))[:MAX_FAULTS]
