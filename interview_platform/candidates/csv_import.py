"""Reading candidates out of a CSV file: UTF-8, with commas or semicolons between its cells.

The first line names the columns, in any order and case: `name` and `email` are needed;
`phone`, `skills`, `tags`, `experienceYears`, `resumeUrl`, `timezone` and `notes` are taken
too. A line before it may name the delimiter, as spreadsheets do: `sep=;`. Within a cell,
skills and tags stand apart by `|`, `;` or `,`. A row is held to the same rules as a
candidate who is made by hand, so no text that a spreadsheet would run as a formula comes
in; a telephone number's `+` is no harm, for nothing but digits follows it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import marshmallow as ma

from ..core.errors import Invalid, TooLarge
from .pacing import paced
from .schemas import CandidateCreateSchema

MAX_BYTES = 8 * 1024 * 1024
MAX_ROWS = 10_000
MAX_COLUMNS = 100
MAX_LINES = 200_000

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

NOT_UTF8 = "The file must be text in UTF-8."
UNREADABLE = "Its quotation marks do not match, or a cell is far too long."
# A quoted cell may hold line breaks; one that spans more lines is taken for an open quote.
_LINES_A_ROW = 200
_KNOWN = {name.casefold(): name for name in COLUMNS}
_DELIMITERS = (",", ";")
_DELIMITER_LINE = re.compile(r"sep=([,;])\s*", re.IGNORECASE)
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
    """A CSV file of candidates.

    Raises `Invalid` or `TooLarge` for a file that cannot be read at all.
    """

    def __init__(self, content: bytes) -> None:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise _unreadable(NOT_UTF8) from error
        if text.count("\n") + text.count("\r") > MAX_LINES:
            raise TooLarge(f"A file may have at most {MAX_LINES:,} lines")
        self._lines = list(io.StringIO(text, newline=""))
        self._start, self._delimiter, header = self._read_header()
        self._columns = [_KNOWN.get(name.casefold()) for name in header]
        self.unknown_columns = [
            name[:64] for name in header if name and name.casefold() not in _KNOWN
        ]
        self._schema = CandidateCreateSchema()

    def rows(self) -> Iterator[Row]:
        """Read row after row, taking turns with others. Raises `TooLarge` beyond `MAX_ROWS`."""
        count = 0
        for line, cells in paced(self._records(self._start)):
            if cells is not None and not any(cell.strip() for cell in cells):
                continue
            count += 1
            if count > MAX_ROWS:
                raise TooLarge(f"A file may have at most {MAX_ROWS:,} rows")
            yield self._row(line, cells)

    def _read_header(self) -> tuple[int, str, list[str]]:
        start, line = self._next_line(0)
        delimiters: Sequence[str] = _DELIMITERS
        if named := _DELIMITER_LINE.fullmatch(line):
            delimiters = named[1]
            start, line = self._next_line(start + 1)
        readings = {delimiter: _header_cells(line, delimiter) for delimiter in delimiters}
        delimiter, header = max(readings.items(), key=lambda reading: _known_among(reading[1]))
        if len(header) > MAX_COLUMNS:
            raise _unreadable(f"A file may have at most {MAX_COLUMNS} columns.")
        names = [name.casefold() for name in header]
        if missing := [name for name in REQUIRED if name not in names]:
            raise _unreadable(f"The first line must name the columns; {missing[0]} is missing.")
        if double := [name for name in COLUMNS if names.count(name.casefold()) > 1]:
            raise _unreadable(f"The column {double[0]} is there twice.")
        return start + 1, delimiter, header

    def _next_line(self, start: int) -> tuple[int, str]:
        """Return the number and the text of the first line from `start` on that is not blank."""
        for number in range(start, len(self._lines)):
            if self._lines[number].strip():
                return number, self._lines[number]
        return start, ""

    def _records(self, start: int) -> Iterator[tuple[int, list[str] | None]]:
        """Yield line numbers and cells; None stands for a row whose quotes cannot be read.

        Reading goes on right after the first line of such a row, so that it takes no other
        row with it.
        """
        while start < len(self._lines):
            ahead = self._lines[start : start + _LINES_A_ROW]
            reader = csv.reader(ahead, delimiter=self._delimiter, strict=True)
            try:
                cells = next(reader)
            except csv.Error:
                yield start + 1, None
                start += 1
            else:
                yield start + 1, cells
                start += reader.line_num

    def _row(self, line: int, cells: list[str] | None) -> Row:
        if cells is None:
            return Row(line, errors={"row": [UNREADABLE]})
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


def check_charset(name: str | None) -> None:
    """Raise `Invalid` for a file whose sender says that it is in anything but UTF-8."""
    if name is not None and name.casefold() not in ("utf-8", "utf8"):
        raise _unreadable(NOT_UTF8)


def _header_cells(line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
    except csv.Error:
        return []


def _known_among(header: list[str]) -> int:
    return sum(name.casefold() in _KNOWN for name in header)


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


def _unreadable(message: str) -> Invalid:
    return Invalid({"file": [message]}, "csv")
