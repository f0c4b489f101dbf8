"""What a process does not load, since it would only take time and memory."""

from __future__ import annotations

import sys

import pytest

from interview_platform.core.imports import hidden
from tests.loaded import loaded_with


def test_web_loads_neither_providers_nor_asynchronous_clients() -> None:
    unwanted = "twilio", "sendgrid", "aiohttp", "valkey"
    assert loaded_with("interview_platform.app", *unwanted) == set()


def test_what_was_hidden_can_be_loaded_afterwards() -> None:
    with hidden("this", "sys"), pytest.raises(ImportError):
        import this  # noqa: F401
    assert "this" not in sys.modules
    assert "sys" in sys.modules
