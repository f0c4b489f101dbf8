"""What must happen in one go does: no other greenlet runs in the middle of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

ROOT = Path(__file__).parents[2]


def test_nobody_comes_in_between_what_never_waits(mongo_uri: str, redis_url: str) -> None:
    arguments = [mongo_uri, redis_url, f"test-{uuid4().hex}"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.realtime.undisturbed", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout) == {"append": 0, "announce": 0, "hear": 0}
