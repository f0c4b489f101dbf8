"""6: invitations to a provider that takes 100 ms for each."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import requests

from ..arena import Arena
from ..figures import Figure, Judged
from ..provider import Provider
from ..sides import Ours, Peer, Side
from ..world import World

DELAY = 0.1
# Times are scaled to 1,000. Bull sends one after another: fewer tell as much.
INVITATIONS = 200
PEERS_INVITATIONS = 100
ALONE = 20
PATIENCE = 180.0
# How coarse the time is that a row bears.
CLOCK = timedelta(milliseconds=1)


def notifications(arena: Arena) -> list[Figure]:
    invitations = 100 if arena.quick else INVITATIONS
    ours, ours_alone = _measure(arena, Ours, invitations)
    peer, peer_alone = _measure(arena, Peer, min(invitations, PEERS_INVITATIONS))
    return [
        Figure(6, "1,000 invitations", "s", [[ours], [peer]], 0.1),
        Figure(
            6,
            "one, from commit to the provider's door",
            "ms",
            [ours_alone, peer_alone],
            50,
            Judged.VALUE,
        ),
    ]


def _measure(arena: Arena, kind: type[Side], invitations: int) -> tuple[float, list[float]]:
    """Return the seconds for 1,000 that wait on the queue, and the ms of each sent alone."""
    world = World(people=50)
    with Provider(DELAY) as provider, arena.side(kind, world, provider.settings) as side:
        rows = arena.database(side)["notifications"]
        number = 0
        while rows.count_documents({}) < invitations:
            _book(side, world, number)
            number += 1
        waiting = rows.count_documents({})
        side.work()
        _await(provider, waiting)
        taken = provider.arrivals[-1] - provider.arrivals[0] + DELAY
        alone = []
        for _ in range(ALONE):
            # Until what came before has left nothing to do.
            time.sleep(3 * DELAY)
            before, began = len(provider.arrivals), datetime.now(UTC)
            _book(side, world, number)
            number += 1
            # The store is theirs alone until the message is at the door.
            _await(provider, before + 1)
            new = rows.find({"createdAt": {"$gte": began - CLOCK}}, {"createdAt": True})
            first = min(row["createdAt"] for row in new)
            alone.append(1000 * (provider.arrivals[before] - first.timestamp()))
    return taken * 1_000 / waiting, alone


def _book(side: Side, world: World, number: int) -> None:
    headers = {"Authorization": f"Bearer {side.token(world.admin['email'])}"}
    url = f"{side.url}/api/admin/interviews"
    answer = requests.post(url, json=world.booking(number), headers=headers, timeout=30)
    answer.raise_for_status()


def _await(provider: Provider, count: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while len(provider.arrivals) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(provider.arrivals)} of {count} messages came")
        time.sleep(0.005)
