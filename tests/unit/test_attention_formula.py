"""Attention out of samples, on figures worked out by hand."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest

from interview_platform.telemetry.attention import (
    MAX_POINTS,
    MAX_STRETCHES,
    Fold,
    Summary,
    assess,
)
from interview_platform.telemetry.model import Kind, Sample, Stretch
from interview_platform.telemetry.samples import pack, plain, read_metrics, unpack

# A whole second since the epoch, in ms.
T = 1_700_000_000_000


def samples(start: int, count: int, step: int = 100, **seen: Any) -> list[Sample]:
    """Return samples `step` ms apart, the first `start` ms after T."""
    seen = {"onScreen": True, "faces": 1, "focus": True, **seen}
    return [Sample(t=T + start + index * step, **seen) for index in range(count)]


def fold(stream: Iterable[Sample]) -> Summary:
    folding = Fold()
    for sample in stream:
        folding.add(sample)
    return folding.take()


def alerts(stream: Iterable[Sample]) -> list[Stretch]:
    folding = Fold()
    return [stretch for sample in stream for stretch in folding.add(sample)]


def test_the_score_is_the_attentive_share_of_the_time_that_is_known() -> None:
    # 6 s of attention, 2 s away, 1 s with a second face; the last sample stands for nothing.
    stream = [
        *samples(0, 60),
        *samples(6_000, 20, onScreen=False),
        *samples(8_000, 11, faces=2),
    ]
    found = assess([fold(stream)], T, T + 10_000)
    assert (found.score, found.coverage) == (round(100 * 6 / 9, 1), 0.9)


def test_time_counts_and_not_samples() -> None:
    # Ten times as many samples a second look away, for as long.
    stream = [*samples(0, 4, 1_000), *samples(4_000, 41, 100, onScreen=False)]
    assert assess([fold(stream)], T, T + 8_000).score == 50.0


def test_a_sample_stands_for_a_second_at_most() -> None:
    stream = [*samples(0, 1), *samples(10_000, 1), *samples(20_000, 1)]
    found = assess([fold(stream)], T, T + 4_000)
    assert found.coverage == 0.25
    assert assess([fold(stream)], T, T + 20_000).coverage == 0.1


@pytest.mark.parametrize(
    ("seen", "attentive"),
    [
        ({"onScreen": True, "faces": 1}, True),
        ({"onScreen": True, "faces": 0}, False),
        ({"onScreen": True, "faces": 2}, False),
        ({"onScreen": False, "faces": 1}, False),
        ({"onScreen": True, "faces": None}, True),
        ({"onScreen": None, "x": 0.0, "y": 1.0}, True),
        ({"onScreen": None, "x": 1.01, "y": 0.5}, False),
        ({"onScreen": True, "x": 1.01, "y": 0.5}, True),
        ({"onScreen": None, "faces": 0}, False),
        ({"onScreen": None, "faces": 1}, None),
        ({"onScreen": None, "faces": 1, "x": 0.5}, None),
        ({"onScreen": None, "faces": None}, None),
        ({"focus": False}, True),
    ],
)
def test_what_a_sample_says(seen: dict[str, Any], attentive: bool | None) -> None:
    found = assess([fold(samples(0, 11, **seen))], T, T + 1_000)
    expected = {True: (100.0, 1.0), False: (0.0, 1.0), None: (None, 0.0)}[attentive]
    assert (found.score, found.coverage) == expected


@pytest.mark.parametrize(("seconds", "score"), [(50, 100.0), (49, None), (0, None)])
def test_under_half_coverage_there_is_no_score(seconds: int, score: float | None) -> None:
    found = assess([fold(samples(0, seconds * 10 + 1))], T, T + 100_000)
    assert (found.score, found.coverage) == (score, seconds / 100)


def test_what_lies_outside_the_live_time_does_not_count() -> None:
    stream = [*samples(-5_000, 50, onScreen=False), *samples(0, 101)]
    found = assess([fold(stream)], T, T + 5_500)
    assert (found.score, found.coverage) == (100.0, 1.0)
    assert found.stretches == []
    assert assess([fold(stream)], T, T).score is None
    assert assess([], T, T - 1).series == []


def test_two_sockets_do_not_count_twice() -> None:
    away = fold(samples(0, 51, onScreen=False))
    found = assess([fold(samples(0, 51)), away], T, T + 10_000)
    assert (found.score, found.coverage) == (50.0, 0.5)


def test_however_samples_are_cut_into_buckets_the_figures_are_the_same() -> None:
    chance = random.Random(5)
    stream = [
        Sample(
            t=T + index * 37 + chance.randrange(37),
            x=chance.choice((0.5, 0.5, 0.9, 1.2)),
            y=0.5,
            faces=1 if index % 700 < 500 else 0,
            focus=index % 900 < 600,
        )
        for index in range(3_000)
    ]
    whole = assess([fold(stream)], T, T + 111_000)
    folding, summaries = Fold(), []
    for sample in stream:
        folding.add(sample)
        if chance.random() < 0.02:
            summaries.append(Summary.of(folding.take().document))
    summaries.append(folding.take())
    assert assess(summaries, T, T + 111_000) == whole
    assert whole.stretches
    assert whole.score is not None


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        ({"faces": 0}, Kind.NO_FACE),
        ({"faces": 0, "onScreen": False}, Kind.NO_FACE),
        ({"faces": 3, "onScreen": False}, Kind.MULTIPLE_FACES),
        ({"onScreen": False}, Kind.LOOKING_AWAY),
        ({"onScreen": None, "x": -0.5, "y": 0.5}, Kind.LOOKING_AWAY),
        ({"focus": False}, Kind.TAB_HIDDEN),
    ],
)
def test_a_stretch_is_told_once_when_two_seconds_are_over(seen: dict[str, Any], kind: Kind) -> None:
    stream = [*samples(0, 10), *samples(1_000, 80, **seen), *samples(9_000, 10)]
    assert alerts(stream) == [Stretch(kind, T + 1_000, T + 3_100)]
    assert assess([fold(stream)], T, T + 10_000).stretches == [Stretch(kind, T + 1_000, T + 9_000)]
    # What goes on counts as well, and what lasts for two seconds alone does not.
    assert fold(stream[:60]).stretches == [Stretch(kind, T + 1_000, T + 5_900)]
    short = [*samples(0, 10), *samples(1_000, 20, **seen), *samples(3_000, 10)]
    assert alerts(short) == []
    assert fold(short).stretches == []


def test_each_stretch_is_told_of() -> None:
    away = {"onScreen": False}
    stream = [*samples(0, 30, **away), *samples(3_000, 1), *samples(3_100, 30, **away)]
    assert [stretch.start - T for stretch in alerts(stream)] == [0, 3_100]
    both = samples(0, 30, onScreen=False, focus=False)
    assert {stretch.kind for stretch in alerts(both)} == {Kind.LOOKING_AWAY, Kind.TAB_HIDDEN}


def test_nothing_is_known_of_a_gap() -> None:
    away = {"onScreen": False}
    stream = [*samples(0, 11, **away), *samples(4_000, 11, **away)]
    assert alerts(stream) == []
    # Samples every two and a half seconds are just enough, and two of them are not.
    assert alerts(samples(0, 4, 1_000, **away)) == [Stretch(Kind.LOOKING_AWAY, T, T + 3_000)]
    assert alerts(samples(0, 9, 2_501, **away)) == []
    assert alerts(samples(0, 2, 2_500, **away)) == []


HIDDEN = {"focus": False}

# Times of samples in ms, whether the page had the focus, and the stretch without it.
PAGES: dict[str, tuple[list[tuple[int, bool]], tuple[int, int] | None]] = {
    "timers of a hidden tab": (
        [(n * 100, True) for n in range(10)] + [(1_000 + n * 1_004, False) for n in range(12)],
        (1_000, 1_000 + 11 * 1_004),
    ),
    "timers of a hidden tab under load": (
        [(0, True), *((100 + n * 1_000 + n % 3 * 400, False) for n in range(12))],
        (100, 100 + 11_000 + 2 * 400),
    ),
    "intensive throttling, once a minute": (
        [(0, True), (100, False), (60_000, False), (120_050, False), (181_000, False)],
        (100, 181_000),
    ),
    "a freeze that begins without focus, and the return": (
        [*((n * 100, True) for n in range(10)), (950, False), (28_950, True), (29_050, True)],
        (950, 28_950),
    ),
    "a freeze that begins and ends without focus": (
        [(0, True), (100, True), (150, False), (28_150, False), (28_250, True)],
        (150, 28_250),
    ),
    "a freeze whose first sample after it tells": (
        [(0, True), (100, True), (200, True), (28_200, False), (28_300, True)],
        (1_200, 28_300),
    ),
    "a gap between two samples with focus": (
        [(0, True), (100, True), (28_100, True), (28_200, True)],
        None,
    ),
    "a freeze of over two minutes": (
        [(0, True), (100, False), (120_101, True), (120_201, True)],
        None,
    ),
    "few samples, one of them without focus": (
        [(n * 5_000, n != 3) for n in range(8)],
        None,
    ),
    "one sample a second, one of them without focus": (
        [(n * 1_004, n != 3) for n in range(8)],
        None,
    ),
}


@pytest.mark.parametrize(("seen", "stretch"), PAGES.values(), ids=PAGES)
def test_a_hidden_page_is_noticed_by_timers_that_hardly_run(
    seen: list[tuple[int, bool]], stretch: tuple[int, int] | None
) -> None:
    stream = [Sample(t=T + t, faces=1, onScreen=True, focus=focus) for t, focus in seen]
    expected = [] if stretch is None else [Stretch(Kind.TAB_HIDDEN, T + stretch[0], T + stretch[1])]
    assert fold(stream).stretches == expected
    told = alerts(stream)
    assert [(each.kind, each.start) for each in told] == [
        (each.kind, each.start) for each in expected
    ]
    # It is told with the first sample that is more than two seconds after its beginning.
    for each in told:
        assert each.end == min(T + t for t, _ in seen if T + t > each.start + 2_000)


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        ({"faces": 0}, Kind.NO_FACE),
        ({"faces": 2}, Kind.MULTIPLE_FACES),
        ({"onScreen": False}, Kind.LOOKING_AWAY),
    ],
)
@pytest.mark.parametrize("step", [1_004, 1_400, 2_000, 2_500])
def test_what_lasts_is_noticed_with_few_samples(
    seen: dict[str, Any], kind: Kind, step: int
) -> None:
    stream = [
        *samples(0, 3, step),
        *samples(3 * step, 5, step, **seen),
        *samples(8 * step, 3, step),
    ]
    told = alerts(stream)
    assert [(each.kind, each.start) for each in told] == [(kind, T + 3 * step)]
    # Of three samples or more.
    assert told[0].end >= T + 5 * step
    (found,) = fold(stream).stretches
    assert found == Stretch(kind, T + 3 * step, T + 7 * step + 1_000)


def test_rapid_movement_is_a_long_path_for_a_long_time() -> None:
    def moving(step: float, count: int = 60) -> list[Sample]:
        places = [0.5 - step / 2, 0.5 + step / 2]
        return [Sample(t=T + i * 100, x=places[i % 2], y=0.5, faces=1) for i in range(count)]

    # Ten steps of 0.4 a second make a path of 4; from the eighth on it is 3 or more.
    assert alerts(moving(0.4)) == [Stretch(Kind.RAPID_MOVEMENT, T + 800, T + 2_900)]
    assert alerts(moving(0.2)) == []
    # A saccade now and then is how people read.
    reading = [Sample(t=T + i * 100, x=(i % 10) / 10, y=0.5) for i in range(100)]
    assert alerts(reading) == []
    # Places that are a second apart or more make no path.
    jumps = [Sample(t=T + i * 1_001, x=i % 2, y=i % 2) for i in range(20)]
    assert alerts(jumps) == []


def test_a_series_has_a_point_every_ten_seconds_or_five_hundred() -> None:
    stream = [*samples(0, 100), *samples(10_000, 51, onScreen=False)]
    found = assess([fold(stream)], T, T + 25_000)
    assert [(point.start - T, point.share, point.coverage) for point in found.series] == [
        (0, 1.0, 1.0),
        (10_000, 0.0, 0.5),
        (20_000, None, 0.0),
    ]
    whole_day = assess([fold(stream)], T, T + 24 * 3_600_000)
    assert len(whole_day.series) <= MAX_POINTS
    starts = [point.start for point in whole_day.series]
    steps = {later - earlier for earlier, later in pairwise(starts)}
    assert len(steps) == 1
    assert steps.pop() % 10_000 == 0


def test_of_many_stretches_the_longest_stay() -> None:
    many = [Stretch(Kind.NO_FACE, T + i * 10_000, T + i * 10_000 + 2_001 + i) for i in range(600)]
    found = assess([Summary({}, many)], T, T + 10_000_000)
    assert found.stretches == many[600 - MAX_STRETCHES :]


def test_an_older_client_s_metrics_are_read_where_they_are_known() -> None:
    sample = read_metrics(
        {"gazeX": 0.25, "gazeY": 1, "faceCount": 2, "tabFocused": False, "pupil": 3.1}, T
    )
    assert (sample.x, sample.y, sample.faces, sample.focus) == (0.25, 1, 2, False)
    # What is of another kind, or out of bounds, is not known.
    odd = {"x": "left", "y": True, "faces": [1], "onScreen": 1, "focus": None, "gazeX": 7}
    sample = read_metrics(odd, T)
    assert (sample.x, sample.y, sample.faces, sample.on_screen, sample.focus) == (None,) * 5
    assert sample.metrics == odd
    # The first name that fits counts.
    assert read_metrics({"x": "left", "gazeX": 0.5}, T).x == 0.5


def test_packed_samples_come_back_as_they_were() -> None:
    stream = [
        Sample(t=T, x=0.1, y=1 / 3, onScreen=True, faces=1, focus=False),
        read_metrics({"b": [1, None, {"ä": 1.5}], "a": 2**40}, T + 1),
        Sample(t=T + 2),
    ]
    packed = pack(stream)
    assert unpack(packed.content) == plain(stream)
    assert plain(stream)[2] == {"t": T + 2}
    assert packed.digest == pack(list(stream)).digest != pack(stream[:2]).digest
