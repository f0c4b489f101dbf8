"""How long a provider asks to wait before the next try."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from interview_platform.notifications.channels import retry_after

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DAY = 24 * 3600


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("0", None, 0),
        ("120", None, 120),
        (" 120 ", None, 120),
        ("1.2", None, 2),
        ("999999999", None, DAY),
        ("Mon, 02 Mar 2026 09:31:00 GMT", None, 60),
        ("Monday, 02-Mar-26 09:31:00 GMT", None, 60),
        ("Mon Mar  2 09:31:00 2026", None, 60),
        ("Mon, 02 Mar 2026 10:31:00 +0100", None, 60),
        ("Mon, 02 Mar 2026 09:31:00 GMT", "Mon, 02 Mar 2026 09:30:57 GMT", 3),
        ("Mon, 02 Mar 2026 09:31:00 GMT", "Tue, 03 Mar 2026 09:30:57 GMT", 0),
        ("Mon, 02 Mar 2026 09:31:00 GMT", "yesterday", 60),
        ("Mon, 02 Mar 2026 09:29:00 GMT", None, 0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", None, 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None, DAY),
        ("Fri, 31 Dec 9999 23:59:59 -2300", "Mon, 01 Jan 0001 00:00:00 +2300", DAY),
        ("", None, None),
        ("-5", None, None),
        ("1e3", None, None),
        ("\u0661\u0662", None, None),
        ("NaN", None, None),
        ("soon", None, None),
        ("9" * 5_000, None, None),
        ("Mon, " * 1_000, None, None),
        ("Sun, 31 Feb 2026 08:00:00 GMT", None, None),
        ("Mon, 02 Mar 99999 09:31:00 GMT", None, None),
        ("Mon, 02 Mar 2026 25:61:61 GMT", None, None),
        ("Mon, 02 Mar 2026 09:31:00 +9999", None, None),
        ("2026-03-02T09:31:00Z", None, None),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_seconds_and_dates_are_read(value: str, date: str | None, seconds: int | None) -> None:
    headers = {"Retry-After": value} | ({"Date": date} if date else {})
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert retry_after(headers, NOW) == expected


def test_a_provider_may_not_say() -> None:
    assert retry_after({"Date": "Mon, 02 Mar 2026 09:30:00 GMT"}, NOW) is None
