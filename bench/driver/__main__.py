"""Reads one task as JSON from standard input, does it, and writes what it found to the output."""

from __future__ import annotations

import json
import sys

from .tasks import TASKS

if __name__ == "__main__":
    told = json.load(sys.stdin)
    json.dump(TASKS[told.pop("task")](told), sys.stdout)
