"""The words and bounds of coding tasks."""

from __future__ import annotations

from enum import StrEnum

MAX_CODE = 256 * 1024
MAX_TESTS = 100
MAX_TEST_TEXT = 64 * 1024


class Difficulty(StrEnum):
    EASY = "easy"
    MEDIUM = "medium"
    HARD = "hard"
