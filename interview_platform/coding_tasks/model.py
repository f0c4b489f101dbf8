"""The words and bounds of coding tasks."""

from __future__ import annotations

from enum import StrEnum

# A lock: shared by those who are about to refer to a task, taken by those who delete one.
TASKS_IN_USE = "tasks-in-use"

MAX_CODE = 256 * 1024
MAX_TESTS = 100
MAX_TEST_TEXT = 64 * 1024
# The whole of a task as it is sent, below what its parts could hold together.
MAX_TASK_BYTES = 1024 * 1024


class Difficulty(StrEnum):
    EASY = "easy"
    MEDIUM = "medium"
    HARD = "hard"
