"""Cursors."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from interview_platform.core.errors import Invalid
from interview_platform.core.paging import decode_cursor, encode_cursor


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(2026, 3, 2, 9, 30, 0, 123_000, UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_000, UTC),
    ],
)
def test_a_cursor_holds_any_moment_to_the_millisecond(moment: datetime) -> None:
    assert decode_cursor(encode_cursor((moment,)), datetime) == (moment,)


@pytest.mark.parametrize("number", [253_402_300_800_000, -62_135_596_800_001, 10**18, 2**63])
def test_moments_that_no_calendar_has_are_refused(number: int) -> None:
    with pytest.raises(Invalid):
        decode_cursor(encode_cursor((number,)), datetime)
