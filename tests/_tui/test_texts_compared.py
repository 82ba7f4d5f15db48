from __future__ import annotations

import random

import pytest

from rlm_runtime._tui.comparing.texts import (
    MOST_CHARS,
    LinePair,
    mark_words,
    match,
    pair_lines,
)
from tests.hostile_text import ALL, OBEYED


def test_lines_are_paired_around_what_is_the_same() -> None:
    assert pair_lines("a\nb\nc\nd", "a\nc\nx\nd\ne") == [
        LinePair("a", "a"),
        LinePair("b", None),
        LinePair("c", "c"),
        LinePair(None, "x"),
        LinePair("d", "d"),
        LinePair(None, "e"),
    ]


def test_a_text_that_is_not_there_has_no_line() -> None:
    assert pair_lines(None, "") == [LinePair(None, "")]
    assert pair_lines(None, None) == []


def test_words_that_differ_are_marked() -> None:
    a, b = "the brown cat sat", "the red cat sat down"
    marks_a, marks_b = mark_words(a, b)
    assert [a[begin:end] for begin, end in marks_a] == ["brown"]
    assert [b[begin:end] for begin, end in marks_b] == ["red", " down"]


def test_a_line_that_is_too_long_is_marked_as_a_whole() -> None:
    assert mark_words("a " * 3000, "a b") == (((0, 6000),), ((0, 3),))


@pytest.mark.parametrize("letters", ["ab", "abcdefgh", "".join(map(chr, range(200, 600)))])
def test_what_is_found_is_the_same_in_both_and_in_order(letters: str) -> None:
    chance = random.Random(letters)
    for _ in range(30):
        a, b = (chance.choices(letters, k=chance.randrange(60)) for _ in range(2))
        end_a = end_b = 0
        for start_a, start_b, length in match(a, b):
            assert start_a >= end_a and start_b >= end_b
            assert a[start_a : start_a + length] == b[start_b : start_b + length]
            end_a, end_b = start_a + length, start_b + length


def test_what_only_one_line_differs_in_is_found_among_thousands() -> None:
    lines = [str(number) for number in range(15_000)]
    other = [*lines[:9000], "new", *lines[9000:]]
    pairs = pair_lines("\n".join(lines), "\n".join(other))
    assert [pair for pair in pairs if not pair.is_same] == [LinePair(None, "new")]


def test_the_work_does_not_grow_with_the_product_of_the_lengths() -> None:
    looked_at = 0

    class Item:
        def __init__(self, name: int) -> None:
            self.name = name

        def __hash__(self) -> int:
            return hash(self.name)

        def __eq__(self, other: object) -> bool:
            nonlocal looked_at
            looked_at += 1
            return isinstance(other, Item) and self.name == other.name

    chance = random.Random(1)
    for names in (2, 700, 10**9):
        a, b = ([Item(chance.randrange(names)) for _ in range(2000)] for _ in range(2))
        match(a, b)
    assert looked_at < 500_000


def test_long_texts_are_cut_and_say_so() -> None:
    pairs = pair_lines("x" * (2 * MOST_CHARS), "x" * MOST_CHARS + "y")
    assert sum(len(pair.a or "") for pair in pairs) < MOST_CHARS + 100
    assert "is not compared" in (pairs[-1].a or "")
    assert "is not compared" in (pair_lines("\n" * 150_000, "")[-1].a or "")


def test_nothing_that_a_terminal_obeys_is_left_in_a_line() -> None:
    for pair in pair_lines(f"{ALL}\n\tx", f"y\n{ALL}"):
        assert not OBEYED.search(f"{pair.a}{pair.b}".replace("\n", ""))
        assert "\t" not in f"{pair.a}{pair.b}"
