from __future__ import annotations

import pytest

from rlm_runtime._excerpt import excerpt, gap


@pytest.mark.parametrize("text", ["", "a", "x" * 100])
def test_a_text_that_fits_stays_as_it_is(text: str) -> None:
    assert excerpt(text, 100) == text


def test_a_longer_text_keeps_head_and_tail_and_says_what_is_missing() -> None:
    text = "".join(map(str, range(10_000)))
    cut = excerpt(text, 1000)
    head, _, tail = cut.partition(gap(len(text) - 950))
    assert text.startswith(head) and text.endswith(tail) and len(head) == len(tail) == 475


def test_what_an_earlier_cut_left_out_is_counted_too() -> None:
    once = "a" * 5000 + gap(1_000_000) + "b" * 5000
    assert gap(1_000_000 + 10_000 - 950) in excerpt(once, 1000)


def test_cutting_to_nothing_leaves_the_count() -> None:
    assert excerpt("x" * 100, 0) == gap(100)
