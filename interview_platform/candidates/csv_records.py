"""The records of a CSV text, and where to go on after one that cannot be read."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..core.errors import TooLarge
from .pacing import paced

MAX_LINES = 200_000
# Characters. All that a candidate's fields may hold is a tenth of it.
MAX_RECORD = 512 * 1024

MISMATCHED = "Its quotation marks do not match, or a cell is far too long."
MISMATCHED_UNTIL = (
    "Its quotation marks do not match, or a cell is far too long;"
    " it is passed over as far as line {last}."
)
NEVER_CLOSED = "A quotation mark in it is never closed; nothing after it is read."

# The rest of a quoted cell up to its closing quotation mark; two in a row stand for one.
_CLOSING = re.compile(r'[^"]*(?:""[^"]*)*"(?!")')


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file, with its cells or the fault that kept them from being read.

    It takes up the lines from `first` to before `end`, counted from 0.
    """

    first: int
    end: int
    cells: list[str]
    fault: str | None = None


class Lines:
    """The physical lines of a text. Raises `TooLarge` for more than `MAX_LINES`."""

    def __init__(self, text: str) -> None:
        if text.count("\n") + text.count("\r") - text.count("\r\n") > MAX_LINES:
            raise TooLarge(f"A file may have at most {MAX_LINES:,} lines")
        self._lines = list(io.StringIO(text, newline=""))
        # How many lines may be read again because a record above them had a fault. Without
        # an end to it, a file could have each of its lines read once for every other.
        self._second_readings = MAX_LINES

    def __len__(self) -> int:
        return len(self._lines)

    def first_filled(self, start: int) -> int:
        """Return the number of the first line from `start` on that is not blank."""
        while start < len(self) and not self._lines[start].strip():
            start += 1
        return start

    def text(self, number: int) -> str:
        """Return a line's text; nothing for a line after the last."""
        return self._lines[number] if number < len(self) else ""

    def records(self, start: int, delimiter: str) -> Iterator[Record]:
        """Yield the records from line `start` on."""
        while start < len(self):
            record = self.record(start, delimiter)
            yield record
            start = record.end

    def record(self, start: int, delimiter: str) -> Record:
        """Read the record that begins at line `start`, which must exist."""
        reader = csv.reader(
            self._bounded(start), delimiter=delimiter, skipinitialspace=True, strict=True
        )
        try:
            cells = next(reader)
        except csv.Error:
            return self._faulty(start, delimiter)
        return Record(start, start + reader.line_num, cells)

    def _bounded(self, start: int) -> Iterator[str]:
        length = 0
        for number in range(start, len(self)):
            line = self._lines[number]
            length += len(line)
            if length > MAX_RECORD:
                raise csv.Error("the record is too long")
            yield line

    def _faulty(self, start: int, delimiter: str) -> Record:
        """Find the end of a record that `csv` cannot read, so that it is one fault.

        A text after a quoted cell belongs to the same record, with all the lines of the
        cell: taken for records, they could make candidates of what a note only mentions. A
        quotation mark that was forgotten shows where the next quoted cell would close it:
        right behind a delimiter, or at the beginning of a line. Then the lines in between
        are records of their own.
        """
        opening = re.compile(rf'(?:^|{delimiter}) *"')
        # The line on which the cell opened that is still open.
        opened: int | None = None
        for number in paced(range(start, len(self))):
            line = self._lines[number]
            position = 0
            while True:
                if opened is None:
                    found = opening.search(line, position)
                    if found is None:
                        return _passed_over(start, number + 1)
                    opened = number
                else:
                    found = _CLOSING.match(line, position)
                    if found is None:
                        break
                    quote = found.end() - 1
                    if opened < number and _opens(line, quote, delimiter):
                        self._second_readings -= number - opened
                        if self._second_readings > 0:
                            return _passed_over(start, opened + 1)
                    opened = None
                position = found.end()
        return Record(start, len(self), [], NEVER_CLOSED)


def _opens(line: str, quote: int, delimiter: str) -> bool:
    """Tell whether the quotation mark at `quote` is one that opens a cell.

    At the beginning of a line the cell must also end as one: text that nobody has quoted
    properly may begin a line with a quotation mark.
    """
    if quote == 0:
        closing = _CLOSING.match(line, 1)
        return closing is not None and line.startswith(delimiter, closing.end())
    after = line[quote + 1 :].lstrip(" ")
    return line[quote - 1] == delimiter and bool(after) and after[0] not in f"{delimiter}\r\n"


def _passed_over(start: int, end: int) -> Record:
    fault = MISMATCHED if end == start + 1 else MISMATCHED_UNTIL.format(last=end)
    return Record(start, end, [], fault)
