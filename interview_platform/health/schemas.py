"""What health looks like on the wire."""

from __future__ import annotations

from ..core.fields import MapOf
from ..core.schemas import Schema
from ..core.text_fields import Choice, Text


class LiveSchema(Schema):
    status = Text("Always `ok`: the process lives.", most=16, example="ok")


class ReadySchema(Schema):
    status = Text("`ok`, or `unavailable` where a check fails.", most=16, example="ok")
    checks = MapOf(
        Choice("Whether the part is fit.", ("ok", "failing")),
        "What was looked at: the store, Redis and a worker.",
        most=3,
        example={"mongo": "ok", "redis": "ok", "worker": "ok"},
    )


class IndexSchema(Schema):
    message = Text("The service's name.", most=64, example="Smart Interview API")
    version = Text("The service's version.", most=32, example="0.1.0")
