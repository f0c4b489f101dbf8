"""What is asked of a timeline, and what it answers."""

from __future__ import annotations

from typing import Any

from ..core.fields import Decimal, Id, ListOf, Number, Part, Timestamp
from ..core.schemas import Schema
from ..core.text_fields import Text
from ..editor.service import MAX_LISTED, MAX_TEXT
from ..session_log.service import TYPES

# The last place that can be asked for: a time some thousand years ahead.
_MAX_PLACE = 10**14


class Place(Number):
    """A number of the log, or a time."""

    def __init__(self, description: str, **kwargs: Any) -> None:
        super().__init__(
            f"{description} A number of the log; from 10^11 on a time in ms since the epoch.",
            most=_MAX_PLACE,
            strict=False,
            **kwargs,
        )


class TimelineQuery(Schema):
    first = Place("The first that is told.", data_key="from", load_default=None, example=1)
    last = Place("The last that is told.", data_key="to", load_default=None, example=5000)
    types = Text(
        f"Only these types, with commas between: {', '.join(TYPES)}.",
        most=64,
        load_default=None,
        example="code,system",
    )


class CodeQuery(Schema):
    at = Place("The moment; by default now.", load_default=None, example=4711)


class DiffQuery(Schema):
    first = Place(
        "The older moment; by default before anything was.",
        data_key="from",
        load_default=0,
        example=0,
    )
    last = Place(
        "The newer moment; by default now.", data_key="to", load_default=None, example=4711
    )


class CursorSchema(Schema):
    """Where somebody's last edit left them."""

    userId = Id("The account's id.")
    name = Text("The person's name then.", most=200, allow_none=True, example="Ada Lovelace")
    offset = Number("Before which UTF-16 unit of the text, from 0.", example=42)


class CodeSchema(Schema):
    seq = Number("The number of the log after which the code was so.", example=4711)
    at = Timestamp("When that was logged; null before anything was.", allow_none=True)
    text = Text("The code.", most=MAX_TEXT, example="print('hello')\n")
    language = Text("What it is written in.", most=64, example="python")
    cursors = ListOf(Part(CursorSchema, "A person's cursor."), "Who edited where.", most=1000)


class DiffSchema(Schema):
    first = Number(
        "The number of the log of the older code.", attribute="from", data_key="from", example=0
    )
    last = Number(
        "The number of the log of the newer code.", attribute="to", data_key="to", example=4711
    )
    diff = Text(
        "What differs, as a unified diff; empty where nothing does.",
        most=4 * MAX_TEXT,
        example="--- code@0\n+++ code@4711\n@@ -0,0 +1 @@\n+print('hello')\n",
    )


class PasteSchema(Schema):
    """An insert of over 200 characters at once."""

    seq = Number("The entry's number.", example=812)
    at = Timestamp("When.")
    length = Number("How many characters.", example=1200)


class PersonSchema(Schema):
    """What one person typed."""

    userId = Id("The account's id.")
    name = Text("The person's name then.", most=200, allow_none=True, example="Ada Lovelace")
    inserted = Number("How many characters were inserted.", example=5120)
    deleted = Number("How many characters were deleted.", example=733)
    edits = Number("By how many edits.", example=4100)
    pastes = ListOf(Part(PasteSchema, "A paste."), "The first pastes.", most=MAX_LISTED)


class IdleSchema(Schema):
    """A stretch between two edits of over 60 seconds."""

    first = Timestamp("The edit before.", attribute="from", data_key="from")
    last = Timestamp("The edit after.", attribute="to", data_key="to")


class RunSchema(Schema):
    """The code was run."""

    seq = Number("The entry's number.", example=903)
    at = Timestamp("When.")
    userId = Id("The account of who ran it.", allow_none=True)
    language = Text("As what.", most=64, allow_none=True, example="python")
    exitCode = Number("How it ended.", least=-(2**31), allow_none=True, example=0)
    durationMs = Decimal(
        "How long it ran, in milliseconds.", least=0, most=1e9, allow_none=True, example=12.5
    )


class StatsSchema(Schema):
    people = ListOf(Part(PersonSchema, "A person."), "Who edited.", most=1000)
    idle = ListOf(Part(IdleSchema, "A stretch."), "When nobody did.", most=MAX_LISTED)
    runs = ListOf(Part(RunSchema, "A run."), "The first runs.", most=MAX_LISTED)
