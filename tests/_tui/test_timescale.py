from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_runtime._tui.timescale import (
    TimeScale,
    round_step,
    scale_to,
    tell_duration,
    tell_time,
)


def test_ticks_are_at_round_times() -> None:
    assert list(TimeScale(0, 60, 60).ticks()) == [
        (0, "0s"),
        (10, "10s"),
        (20, "20s"),
        (30, "30s"),
        (40, "40s"),
        (50, "50s"),
    ]
    assert list(TimeScale(55, 20, 40).ticks())[1] == (10, "1m00")
    assert list(TimeScale(0.1, 0.02, 20).ticks()) == [(0, "0.10s"), (10, "0.11s")]


@given(st.floats(0, 1e9), st.floats(1e-3, 1e9), st.integers(0, 300))
def test_ticks_are_in_order_and_inside(start: float, length: float, width: int) -> None:
    columns = [column for column, _ in TimeScale(start, length, width).ticks()]
    assert columns == sorted(set(columns))
    assert all(0 <= column < width for column in columns)


@given(st.floats(1e-9, 1e12))
def test_a_round_step_is_long_enough(least: float) -> None:
    assert least * 0.99 <= round_step(least) <= max(least * 10, 2 * 86400)


@given(st.floats(0, 1e9), st.integers(1, 300))
def test_a_column_is_found_by_its_time(whole: float, width: int) -> None:
    scale = scale_to(whole, width)
    for column in range(width):
        assert scale.column(scale.seconds(column + 0.5)) == column


def test_a_run_that_grows_gets_room() -> None:
    lengths = {scale_to(8 + n / 50, 80, growing=True).length for n in range(100)}
    assert lengths == {8.0, 10.0}
    assert scale_to(8.02, 80).length == 8.02


@pytest.mark.parametrize(
    ("seconds", "step", "told"),
    [
        (0, 1, "0s"),
        (4.5, 0.5, "4.5s"),
        (59.996, 0.01, "1m00.00"),
        (60, 30, "1m00"),
        (90, 30, "1m30"),
        (61.25, 0.01, "1m01.25"),
        (3600, 600, "1h00"),
        (3725, 1, "1h02:05"),
    ],
)
def test_times_are_as_exact_as_their_steps(seconds: float, step: float, told: str) -> None:
    assert tell_time(seconds, step) == told


def test_durations() -> None:
    told = [tell_duration(each) for each in (0.0042, 0.5, 1.5, 99.0, 100.0)]
    assert told == ["4 ms", "500 ms", "1.50 s", "99.00 s", "1m40"]
