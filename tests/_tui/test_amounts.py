from __future__ import annotations

import math

import pytest

from rlm_runtime._tui.amounts import short_cost, short_count, short_money, short_time
from rlm_runtime._tui.states import look_of


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1200, "1.2k"),
        (99_960, "100k"),
        (999_600, "1.0M"),
        (13_400_000, "13.4M"),
        (2**53, "9.0P"),
        (10**40, "lots"),
        (math.inf, "lots"),
    ],
)
def test_counts_are_short(count: float, text: str) -> None:
    assert short_count(count) == text


@pytest.mark.parametrize(
    ("dollars", "text"),
    [
        (0, "$0"),
        (-1, "$0"),
        (math.nan, "$0"),
        (0.00001, "<$.0001"),
        (0.0004, "$0.0004"),
        (0.012, "$0.0120"),
        (9.99996, "$10.00"),
        (13.4, "$13.40"),
        (999.999, "$1000"),
        (9_999.9, "$10.0k"),
        (12_345, "$12.3k"),
        (math.inf, "$1.0P"),
    ],
)
def test_money_is_short(dollars: float, text: str) -> None:
    assert short_money(dollars) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (3.44, "3.4 s"),
        (59.96, "1m00"),
        (125, "2m05"),
        (3599.7, "1h00m"),
        (3725, "1h02m"),
        (3 * 86400 + 4 * 3600, "3d04h"),
        (1e9, "11.6kd"),
        (math.nan, "?"),
        (math.inf, "?"),
    ],
)
def test_times_are_short(seconds: float, text: str) -> None:
    assert short_time(seconds) == text


def test_amounts_fit_their_columns() -> None:
    for power in range(-60, 200):
        amount = 1.37 * 1.5**power
        assert len(short_count(amount)) <= 5
        assert len(short_money(amount)) <= 7
        assert len(short_cost(None, amount)) <= 7
        assert len(short_time(amount)) <= 6 or amount > 1e9


def test_a_cost_that_is_known_in_part_says_so() -> None:
    assert short_cost(None, 0.0) == "?"
    assert short_cost(None, 0.0123) == "$0.012+"
    assert short_cost(0.0123, 0.0123) == "$0.0123"


@pytest.mark.parametrize(
    ("state", "glyph"),
    [
        ("answered", "✓"),
        ("running", "▶"),
        ("queued", "○"),
        ("max_cost", "■"),
        ("repetition", "■"),
        ("no_answer", "■"),
        ("sandbox_error", "✗"),
        ("forged \x1b[31m", "✗"),
        ("interrupted", "‖"),
        ("crashed", "☠"),
        ("aside", "~"),
    ],
)
def test_every_state_has_a_glyph(state: str, glyph: str) -> None:
    assert look_of(state).glyph == glyph
