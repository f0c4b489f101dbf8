"""What a process takes: CPU, memory, children, as Linux counts them."""

from __future__ import annotations

import re
import time
from pathlib import Path

_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)
_RSS = re.compile(r"^Rss:\s+(\d+) kB", re.MULTILINE)


def cpu_time(pid: int) -> float:
    """Return the seconds of CPU, user and system, of all threads that the process ever had.

    It is the clock of clock_getcpuclockid(3): what /proc/PID/stat tells in hundredths of a
    second, to the nanosecond.
    """
    return time.clock_gettime((~pid << 3) | 2)


def family(pid: int) -> tuple[int, ...]:
    """Return the process and all that descend from it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return pid, *(each for child in children for each in family(int(child)))


def memory(pids: tuple[int, ...]) -> tuple[int, int]:
    """Return the proportional and the resident set size of processes together, in bytes."""
    maps = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    sizes = [
        sum(1024 * int(found[1]) for each in maps if (found := size.search(each)))
        for size in (_PSS, _RSS)
    ]
    return sizes[0], sizes[1]
