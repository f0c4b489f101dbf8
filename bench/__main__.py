"""Measures the service beside its peer: `make bench`, `make bench ARGS="signal typing --quick"`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from .arena import Arena
from .figures import Figure, table
from .node import install_peer
from .scenarios import SCENARIOS

METHOD = """\
{rounds} rounds of {seconds:g} s, after a warm-up, the sides in turn: median (least..most).
Ours: the Procfile's web, production settings, LOG_LEVEL=warning, its log and its checks on.
Peer: bench/peer on Node, NODE_ENV=production, neither log nor checks of sockets.
CPU: user and system time of the serving processes, stores and driver not counted.
One driver for both, in a process of its own; embedded stores for both, started once.
{cores} cores, {load:.1f} processes waiting for them on average in the last minute."""


def main() -> int:
    """Run the scenarios that were asked for, print the table, and return the exit status."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("scenario", nargs="*", help=f"out of: {', '.join(SCENARIOS)}")
    parser.add_argument("--quick", action="store_true", help="see that it works, no more")
    parser.add_argument("--rounds", type=int, help="rounds of each measure (5)")
    parser.add_argument("--seconds", type=float, help="length of a round (3)")
    asked = parser.parse_args()
    if unknown := set(asked.scenario) - set(SCENARIOS):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    rounds = asked.rounds or (2 if asked.quick else 5)
    seconds = asked.seconds or (1.0 if asked.quick else 3.0)
    install_peer()
    figures: list[Figure] = []
    failed = False
    with (
        tempfile.TemporaryDirectory() as directory,
        Arena(Path(directory), rounds=rounds, seconds=seconds) as arena,
    ):
        for name in SCENARIOS:
            if asked.scenario and name not in asked.scenario:
                continue
            began = time.monotonic()
            try:
                found = SCENARIOS[name](arena)
                figures += found
                print(table(found), file=sys.stderr)
            except Exception as error:  # noqa: BLE001 - the others are worth knowing all the same
                failed = True
                print(f"{name}: not measured: {error!r}", file=sys.stderr)
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(table(figures))
    print()
    load, _, _ = os.getloadavg()
    print(METHOD.format(rounds=rounds, seconds=seconds, cores=os.cpu_count(), load=load))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
