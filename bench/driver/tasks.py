"""What the driver can be asked to do; each returns figures that JSON can hold."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from ..processes import memory
from .calls import Calls
from .loop import Loop
from .meter import Costs
from .rooms import Rooms, Seat, take_seats
from .target import Target

DRAIN = 15.0
"""Seconds that what is on its way may take once nothing more is sent."""

SETTLE = 2.0
"""Seconds after which a service that has let many clients in is taken to be at rest."""

BETWEEN = 0.05
"""Seconds for which those who are in are listened to between two batches of newcomers."""

NEWCOMERS = 10
"""Sockets that come into a crowd side by side, while the service keeps up those who are in."""

FIRST_SECONDS = 2.0
"""Seconds in which everything that goes on in a room has happened once, before it is measured."""

BEGINNING = 10
"""Interviews that begin side by side, while others go on."""

Task = Callable[[dict[str, Any]], dict[str, Any]]


def load(told: dict[str, Any]) -> dict[str, Any]:
    """Put `rooms` and `calls` on the service for `seconds`, after `warmup` seconds of the same."""
    target, loop = Target.of(told["target"]), Loop()
    rooms = [Rooms(target, each, loop) for each in told.get("rooms", ())]
    calls = [Calls(target, each, loop) for each in told.get("calls", ())]
    loads: list[Rooms | Calls] = [*rooms, *calls]
    for each in loads:
        each.open()
    _drain(loop, loads)
    start = time.monotonic() + told["warmup"]
    stop = start + told["seconds"]
    for each in loads:
        each.begin(time.monotonic(), stop)
        each.meter.open(start)
    loop.run(start)
    costs, received = Costs(target), [each.received for each in loads]
    loop.run(stop)
    _drain(loop, loads)
    figures = costs.result()
    results = [
        {**each.result(), "received": each.received - before}
        for each, before in zip(loads, received, strict=True)
    ]
    return {**figures, "rooms": results[: len(rooms)], "calls": results[len(rooms) :]}


def search(told: dict[str, Any]) -> dict[str, Any]:
    """Find how many rooms the service carries with p99 under `limit` ms.

    More and more rooms, until it does not; then between the two, to a tenth.
    """
    target, loop = Target.of(told["target"]), Loop()
    rooms = Rooms(target, told["rooms"], loop)
    carried, refused = 0, rooms.capacity + 1
    probes = []
    count = min(told["first"], rooms.capacity)
    while refused - carried > max(1, carried // 10):
        probe = _probe(loop, target, rooms, count, told["seconds"])
        probes.append({"rooms": count, **probe})
        if probe["missing"] or probe["failed"] or not probe["p99"] < told["limit"]:
            refused = count
        else:
            carried = count
        if refused > rooms.capacity:
            if carried == rooms.capacity:
                break
            count = min(2 * count, rooms.capacity)
        else:
            count = (carried + refused) // 2
    return {"carried": carried, "probes": probes}


def crowd(told: dict[str, Any]) -> dict[str, Any]:
    """Connect `seats` in `steps`, all idle; tell PSS and RSS at first and after each step."""
    target = Target.of(told["target"])
    seats = [Seat(*seat) for seat in told["seats"]]
    size = len(seats) // told["steps"]
    loop = Loop()
    sizes = [memory(target.pids)]
    held = []
    for step in range(told["steps"]):
        newcomers = seats[step * size : (step + 1) * size]
        for start in range(0, size, NEWCOMERS):
            for seated in take_seats(target, newcomers[start : start + NEWCOMERS]):
                seated.client.run_in(loop, lambda packet: None)
                held.append(seated.client)
            # Those who are in are asked for signs of life meanwhile.
            loop.run(time.monotonic() + BETWEEN)
        loop.run(time.monotonic() + SETTLE)
        sizes.append(memory(target.pids))
    return {"sizes": sizes, "held": len(held), "step": size}


def join(told: dict[str, Any]) -> dict[str, Any]:
    """Join the same room `times` over, one after another; tell CPU and time of each."""
    target = Target.of(told["target"])
    seat = Seat(*told["seat"])
    cpu, seconds = [], []
    for _ in range(told["times"]):
        before, began = target.cpu(), time.monotonic()
        (seated,) = take_seats(target, [seat])
        seconds.append(time.monotonic() - began)
        cpu.append(target.cpu() - before)
        seated.client.close()
        time.sleep(0.05)
    return {"cpu": cpu, "seconds": seconds}


TASKS: dict[str, Task] = {"load": load, "search": search, "crowd": crowd, "join": join}


def _probe(loop: Loop, target: Target, rooms: Rooms, count: int, seconds: float) -> dict[str, Any]:
    if count > len(rooms.rooms):
        for opened in range(len(rooms.rooms), count, BEGINNING):
            rooms.open(min(opened + BEGINNING, count))
            _drain(loop, [rooms])
        # Interviews begin one after another, not by the hundred in the second that is measured.
        loop.run(time.monotonic() + SETTLE)
    now = time.monotonic()
    start, stop = now + FIRST_SECONDS, now + FIRST_SECONDS + seconds
    rooms.begin(now, stop, count)
    rooms.meter.open(start)
    loop.run(start)
    costs = Costs(target)
    loop.run(stop)
    figures = costs.result()
    _drain(loop, [rooms])
    found = rooms.result()
    return {
        **{name: found[name] for name in ("done", "missing", "failed", "p50", "p99")},
        "busy": figures["cpu"] / figures["seconds"],
        "driver": figures["driver"],
    }


def _drain(loop: Loop, loads: Sequence[Rooms | Calls]) -> None:
    loop.run(time.monotonic() + DRAIN, lambda: all(each.settled() for each in loads))
