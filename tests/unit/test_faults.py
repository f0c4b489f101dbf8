"""What callers and the log are told of errors."""

from __future__ import annotations

import pytest
from pymongo.errors import DuplicateKeyError, PyMongoError
from redis.exceptions import ReadOnlyError

from interview_platform.core.errors import Unavailable
from interview_platform.core.faults import translate


def duplicate() -> PyMongoError:
    return DuplicateKeyError('E11000 dup key: { email: "ada@example.com" }', 11000)


def wrapped() -> Exception:
    error = RuntimeError("while adding ada@example.com")
    error.__cause__ = duplicate()
    return error


def test_a_redis_that_only_reads_is_unavailable() -> None:
    assert isinstance(translate(ReadOnlyError("You can't write against a replica")), Unavailable)


@pytest.mark.parametrize("error", [duplicate(), wrapped()], ids=["bare", "as a cause"])
def test_25_the_store_s_errors_quote_no_document(
    caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    try:
        raise error
    except Exception as raised:
        told = translate(raised)
    assert told.status == 500
    assert "DuplicateKeyError (code 11000)" in caplog.text
    assert "test_faults.py" in caplog.text
    assert "ada@" not in caplog.text
