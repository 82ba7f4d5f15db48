from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_runtime._sandbox.transcript import Transcript


def collected(*pieces: tuple[str, int], max_chars: int = 10) -> str:
    transcript = Transcript(max_chars)
    for text, omitted in pieces:
        transcript.add(text, omitted=omitted)
    return transcript.text()


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([], ""),
        ([("abc", 0), ("", 0), ("de", 0)], "abcde"),
        ([("0123456789", 0)], "0123456789"),
        ([("01234", 0), ("56", 0), ("789", 0)], "0123456789"),
        ([(one, 0) for one in "0123456789abcd"], "01234\n… 4 characters left out …\n9abcd"),
        ([("01", 0), ("tail", 7)], "01\n… 7 characters left out …\ntail"),
        ([("01", 0), ("tail", 7), ("end", 3)], "01\n… 10 characters left out …\ntailend"),
        ([("", 5)], "\n… 5 characters left out …\n"),
    ],
)
def test_head_and_tail_are_kept_and_the_rest_is_counted(
    pieces: list[tuple[str, int]], text: str
) -> None:
    assert collected(*pieces) == text


@given(st.lists(st.text(max_size=8), max_size=40))
def test_no_character_is_lost_uncounted(pieces: list[str]) -> None:
    whole = "".join(pieces)
    text = collected(*((piece, 0) for piece in pieces), max_chars=20)
    if text == whole:
        assert len(whole) < 20 + 8
        return
    transcript = Transcript(20)
    for piece in pieces:
        transcript.add(piece)
    head, marker, tail = text.partition("\n… ")
    count, _, tail = tail.partition(" characters left out …\n")
    assert marker and whole.startswith(head) and whole.endswith(tail)
    assert int(count) == len(whole) - len(head) - len(tail) > 0
    assert len(head) == 10 and 10 <= len(tail) < 18


def test_a_flood_costs_no_memory() -> None:
    transcript = Transcript(1000)
    tracemalloc.start()
    try:
        for number in range(20_000):
            transcript.add("")
            transcript.add(f"{number:050}")
        assert tracemalloc.get_traced_memory()[1] < 50_000
    finally:
        tracemalloc.stop()
