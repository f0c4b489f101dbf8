"""What a process does not load, since it would only take time and memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

from interview_platform.core.imports import hidden
from tests.live import ROOT


def test_web_loads_neither_providers_nor_asynchronous_clients() -> None:
    names = "{'twilio', 'sendgrid', 'aiohttp', 'valkey'}"
    program = f"import sys, interview_platform.app; print(*({names} & sys.modules.keys()))"

    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert loaded.stdout.split() == []


def test_what_was_hidden_can_be_loaded_afterwards() -> None:
    with hidden("this", "sys"), pytest.raises(ImportError):
        import this  # noqa: F401
    assert "this" not in sys.modules
    assert "sys" in sys.modules
