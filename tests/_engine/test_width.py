"""How many calls at once a model is given, by what its endpoint lets be known."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from rlm_runtime._engine.width import Width


def narrowed(in_flight: int) -> Width:
    width = Width()
    width.in_flight = in_flight
    width.narrow(began=0.0, now=1.0)
    return width


def test_what_was_never_refused_is_not_held_back() -> None:
    width = Width()
    width.in_flight = 10**6
    width.widen()
    assert width.has_room(0.0) and width.most == math.inf


def test_congestion_halves_what_is_in_flight() -> None:
    width = narrowed(16)
    assert width.most == 8
    width.in_flight = 7
    assert width.has_room(1.0)
    width.in_flight = 8
    assert not width.has_room(1.0)


def test_a_burst_of_refusals_narrows_once() -> None:
    width = narrowed(16)
    for began in (0.0, 0.5, 0.9):
        width.narrow(began=began, now=2.0)
    assert width.most == 8
    width.narrow(began=1.5, now=2.0)
    assert width.most == 4


def test_a_round_of_successes_widens_by_about_one() -> None:
    width = narrowed(16)
    width.in_flight = 8
    for _ in range(8):
        width.widen()
    assert 8.9 < width.most < 9


def test_success_tells_nothing_while_the_width_holds_nobody_back() -> None:
    width = narrowed(16)
    width.in_flight = 7
    width.widen()
    assert width.most == 8 and width.has_answered


def test_a_pause_is_never_cut_short() -> None:
    width = Width()
    width.pause(5.0)
    width.pause(3.0)
    assert not width.has_room(4.9) and width.has_room(5.0)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 50), st.floats(0, 100)), max_size=200))
def test_it_never_falls_below_one(events: list[tuple[bool, int, float]]) -> None:
    width, now = Width(), 0.0
    for succeeded, in_flight, began in events:
        now += 1.0
        width.in_flight = in_flight
        if succeeded:
            width.widen()
        else:
            width.narrow(began=began, now=now)
        assert width.most >= 1
    width.in_flight = 0
    assert width.has_room(now)
