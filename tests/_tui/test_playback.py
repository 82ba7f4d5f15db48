from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_runtime._events import Event, SandboxLost
from rlm_runtime._tui.playback import (
    IDLE_SECONDS,
    SKIPPED_SECONDS,
    SPEEDS,
    Playback,
    next_speed,
)
from rlm_runtime._tui.record.record import Record
from tests._tui.made_up import runs
from tests._tui.viewing import record_of

_TICKS = st.lists(st.floats(0.001, 5.0), max_size=30)


def _at(*times: float) -> Record:
    return record_of(*(SandboxLost(node=0, reason="", mono=time) for time in times))


@settings(deadline=None)
@given(runs(), _TICKS, st.booleans(), st.data())
def test_playing_never_goes_back_or_out_of_the_run(
    events: tuple[Event, ...], ticks: list[float], skip: bool, data: st.DataObject
) -> None:
    record = record_of(*events)
    start = data.draw(st.integers(-1, record.last))
    playback = Playback(record, start)
    before = start
    for tick in ticks:
        now = playback.advance(tick, skip_idle=skip)
        assert before <= now <= record.last
        before = now


@settings(deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=30), st.booleans())
def test_playing_comes_to_the_end_in_the_time_of_the_run(gaps: list[float], skip: bool) -> None:
    times = [sum(gaps[: n + 1]) for n in range(len(gaps))]
    record = _at(*times)
    length = sum(
        SKIPPED_SECONDS if skip and after - before > IDLE_SECONDS else after - before
        for before, after in zip(record.seconds, record.seconds[1:], strict=False)
    )
    playback = Playback(record, 0)
    played = 0.0
    while not playback.is_at_end and played <= length + 1:
        playback.advance(0.25, skip_idle=skip)
        played += 0.25
    assert playback.is_at_end
    assert length - 0.001 <= played <= length + 0.26


@settings(deadline=None)
@given(runs(), _TICKS, st.booleans())
def test_a_higher_speed_is_never_slower(
    events: tuple[Event, ...], ticks: list[float], skip: bool
) -> None:
    record = record_of(*events)
    reached = []
    for speed in SPEEDS:
        playback = Playback(record, 0)
        for tick in ticks:
            playback.advance(tick * speed, skip_idle=skip)
        reached.append(playback.position)
    assert reached == sorted(reached)


@settings(deadline=None)
@given(runs(), _TICKS)
def test_skipping_idle_time_is_never_slower(events: tuple[Event, ...], ticks: list[float]) -> None:
    record = record_of(*events)
    plain, skipping = Playback(record, 0), Playback(record, 0)
    for tick in ticks:
        assert plain.advance(tick) <= skipping.advance(tick, skip_idle=True)


def test_the_moment_is_the_last_event_that_has_happened() -> None:
    playback = Playback(_at(0, 1, 1, 5), 0)
    assert [playback.advance(0.5) for _ in range(3)] == [0, 2, 2]


def test_an_idle_gap_takes_a_third_of_a_second() -> None:
    playback = Playback(_at(0, 0.5, 1000.5, 1001), 0)
    assert playback.advance(0.5, skip_idle=True) == 1
    assert playback.advance(SKIPPED_SECONDS / 2, skip_idle=True) == 1
    assert playback.advance(SKIPPED_SECONDS / 2 + 0.001, skip_idle=True) == 2
    assert playback.advance(0.5, skip_idle=True) == 3


def test_what_is_no_idle_time_is_not_skipped() -> None:
    playback = Playback(_at(0, IDLE_SECONDS), 0)
    assert playback.advance(IDLE_SECONDS * 0.9, skip_idle=True) == 0


def test_a_growing_run_is_caught_up_with() -> None:
    record = _at(0, 1)
    playback = Playback(record, 0)
    assert playback.advance(100) == 1
    assert playback.is_at_end
    record.add(SandboxLost(node=0, reason="", mono=3.0))
    assert playback.advance(1.9) == 1
    assert playback.advance(0.2) == 2


def test_a_record_without_events_is_at_its_end() -> None:
    playback = Playback(Record(), -1)
    assert playback.advance(10, skip_idle=True) == -1
    assert playback.is_at_end


@pytest.mark.parametrize(
    ("speed", "by", "found"),
    [(1, 1, 2), (1, -1, 0.5), (0.5, -1, 0.5), (64, 1, 64), (32, 1, 64), (3, 1, 4), (0.1, -1, 0.5)],
)
def test_speeds_are_doubled_and_halved(speed: float, by: int, found: float) -> None:
    assert next_speed(speed, by) == found
