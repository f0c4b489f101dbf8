"""What the interface says of attention."""

from __future__ import annotations

from ..core.fields import Decimal, ListOf, Part, Timestamp
from ..core.schemas import Schema
from ..core.text_fields import Choice, Text
from .attention import MAX_POINTS, MAX_STRETCHES
from .model import Kind, Severity


class StretchSchema(Schema):
    kind = Choice("What went on.", Kind)
    severity = Choice("How much it matters, by its kind alone.", Severity)
    from_ = Timestamp("When it began, by the service's clock.", data_key="from", attribute="from")
    to = Timestamp("When it ended, or how far it is known to have gone on.")


class PointSchema(Schema):
    t = Timestamp("Where the point's time begins; it lasts until the next point.")
    share = Decimal(
        "Share of the time with valid samples that was attentive; null without any.",
        least=0,
        most=1,
        example=0.9,
        allow_none=True,
    )
    coverage = Decimal("Share of the time that has valid samples.", least=0, most=1, example=1.0)


class AttentionSchema(Schema):
    score = Decimal(
        "Attention over the live time, in percent; null where there is too little data.",
        least=0,
        most=100,
        example=92.5,
        allow_none=True,
    )
    status = Choice("Whether there is enough data.", ("ok", "insufficient_data"))
    coverage = Decimal(
        "Share of the live time that has valid samples.", least=0, most=1, example=0.97
    )
    version = Text("The version of the formula.", most=16, example="1")
    stretches = ListOf(
        Part(StretchSchema, "A stretch."),
        "What went on for over 2 seconds, by time; the longest where there are many.",
        most=MAX_STRETCHES,
    )
    series = ListOf(
        Part(PointSchema, "A point."),
        "The live time in steps of one length, of 10 seconds or a multiple.",
        most=MAX_POINTS,
    )
