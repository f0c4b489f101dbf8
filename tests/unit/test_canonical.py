"""The canonical form: what was hashed years ago must be spelled the same today."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from bson import Int64, ObjectId

from interview_platform.core.canonical import canonical, digest


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        ({"b": 1, "a": [True, None], "B": {}}, '{"B":{},"a":[true,null],"b":1}'),
        # By the bytes of UTF-8, which for these is not the order of UTF-16.
        ({"\U0001f44b": 1, "\ufb33": 2, "é": 3, "z": 4}, '{"z":4,"é":3,"\ufb33":2,"\U0001f44b":1}'),
        ('"\\/\b\t\n\f\r\x00\x1f\x7f\u2028', '"\\"\\\\/\\b\\t\\n\\f\\r\\u0000\\u001f\x7f\u2028"'),
        (
            [0, -1, 2**63 - 1, -(2**63), Int64(7)],
            "[0,-1,9223372036854775807,-9223372036854775808,7]",
        ),
        ([1.0, -0.0, 0.1, 1 / 3], "[1.0,-0.0,0.1,0.3333333333333333]"),
        ([1e-5, 9.9e-6, 1e-7, 5e-324], "[0.00001,9.9e-6,1e-7,5e-324]"),
        ([1e15, 1e16, 1.5e300], "[1000000000000000.0,1e+16,1.5e+300]"),
        ([float("nan"), float("inf"), -float("inf")], "[null,null,null]"),
        (b"\x00\xff\x01\x02", '"AP8BAg=="'),
        (ObjectId("65F0C0FFEE65F0C0FFEE65F0"), '"65f0c0ffee65f0c0ffee65f0"'),
        (datetime(2027, 3, 4, 9, tzinfo=UTC), '"2027-03-04T09:00:00.000Z"'),
        (
            datetime(2027, 3, 4, 9, 0, 0, 250_000, timezone(timedelta(hours=2))),
            '"2027-03-04T07:00:00.250Z"',
        ),
    ],
)
def test_a_value_has_one_spelling(value: Any, spelled: str) -> None:
    assert canonical(value) == spelled.encode()
    assert canonical(orjson.loads(canonical(value))) == spelled.encode()


def test_a_digest_is_of_the_spelling() -> None:
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert digest({"a": 1, "b": b"x"}) == digest({"b": b"x", "a": 1})
