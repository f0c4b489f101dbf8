"""How far a client's clock is off, by when its times arrive."""

from __future__ import annotations

import random

import pytest

from interview_platform.telemetry.clocks import MAX_OFFSET, STEP, ClientClock

# The service's time, in ms since the epoch.
T = 1_700_000_000_000

MINUTE = 60_000


class Client:
    """Sends a second's worth of samples each second, by a clock of its own."""

    def __init__(self, ahead: int, *, tells: bool = False, latency: int = 40) -> None:
        self.clock = ClientClock()
        self.ahead = ahead
        self.tells = tells
        self.latency = latency
        self.now = T
        self.chance = random.Random(7)

    def send(self, *, late: int = 0) -> int:
        """Send what was sampled `late` ms ago; returns how far its times are off when corrected."""
        sent = self.now + self.ahead
        last = sent - late
        arrives = self.now + self.chance.randrange(self.latency, 4 * self.latency)
        told = sent if self.tells else None
        correction = self.clock.correct(arrives, last - 900, last, told)
        self.clock.took(arrives, last, told)
        self.now += 1_000
        return self.ahead + correction


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize("ahead", [MINUTE, 3 * 3_600_000, 5_000])
def test_a_clock_that_is_ahead_is_corrected_from_the_first_batch_on(
    ahead: int, tells: bool
) -> None:
    client = Client(ahead, tells=tells)
    assert all(0 <= client.send() <= STEP for _ in range(200))


@pytest.mark.parametrize("ahead", [-MINUTE, -3 * 3_600_000, -5_000])
def test_a_clock_that_is_behind_is_corrected_at_once_where_the_client_tells_its_time(
    ahead: int,
) -> None:
    client = Client(ahead, tells=True)
    assert all(0 <= client.send() <= STEP for _ in range(200))


@pytest.mark.parametrize("ahead", [-MINUTE, -3 * 3_600_000, -5_000])
def test_a_clock_that_is_behind_is_corrected_after_a_while_where_it_does_not_tell(
    ahead: int,
) -> None:
    client = Client(ahead)
    assert [client.send() for _ in range(10)] == [ahead] * 10
    client.send()
    assert all(0 <= client.send() <= STEP for _ in range(200))


@pytest.mark.parametrize("ahead", [0, 300, -300, -900])
def test_a_good_clock_is_left_alone(ahead: int) -> None:
    client = Client(ahead)
    for _ in range(200):
        client.send()
        assert client.clock.correction == 0


@pytest.mark.parametrize(("ahead", "tells"), [(0, False), (0, True), (MINUTE, True)])
def test_samples_that_come_late_are_no_matter_of_the_clock(ahead: int, tells: bool) -> None:
    client = Client(ahead, tells=tells)
    # Four minutes of samples that waited for a connection come one after another, as first.
    for waited in range(240, 0, -1):
        client.send(late=waited * 1_000)
        client.now -= 995
        assert abs(client.ahead + client.clock.correction) <= STEP
    assert all(abs(client.send()) <= STEP for _ in range(100))


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize("jump", [MINUTE, -MINUTE, 600_000, -600_000, -20_000])
def test_a_clock_that_is_set_is_followed_at_once(jump: int, tells: bool) -> None:
    client = Client(0, tells=tells)
    for _ in range(100):
        client.send()
    client.ahead += jump
    assert all(0 <= client.send() <= STEP for _ in range(100))
    # And set right again.
    client.ahead -= jump
    assert all(0 <= client.send() <= STEP for _ in range(100))


@pytest.mark.parametrize("tells", [True, False])
def test_a_clock_that_drifts_is_followed(tells: bool) -> None:
    client = Client(0, tells=tells)
    off = []
    for _ in range(3_600):
        off.append(client.send())
        client.ahead -= 5  # five ms a second: far more than clocks drift
    assert min(off) >= -STEP - 60 * 5 - 200


def test_a_message_that_is_held_up_changes_nothing() -> None:
    client = Client(0, tells=True)
    for number in range(300):
        client.latency = 8_000 if number % 50 == 30 else 40
        client.send()
        assert client.clock.correction == 0


def test_samples_that_are_sent_twice_are_not_taken_for_a_clock_set_back() -> None:
    clock = ClientClock()
    clock.correct(T + 50, T - 900, T)
    clock.took(T + 50, T)
    for later in range(0, 120_000, 500):
        assert clock.correct(T + 50 + later, T - 900, T) == 0


@pytest.mark.parametrize("told", [0, T // 1000, T + MAX_OFFSET + 1, T - MAX_OFFSET - 1])
def test_times_in_other_units_are_no_clock_s(told: int) -> None:
    clock = ClientClock()
    clock.observe(T, told, certain=True)
    assert clock.correct(T, told, told, told) == 0


def test_what_is_remembered_is_bounded() -> None:
    client = Client(0)
    for _ in range(5_000):
        client.send()
        client.now -= 999
        client.ahead -= 1
    assert len(client.clock._observations) <= 1_000
