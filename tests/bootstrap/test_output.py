from __future__ import annotations

import tracemalloc

import pytest
from bootstrap.output import Output
from hypothesis import given
from hypothesis import strategies as st

from rlm_runtime._sandbox.transcript import Transcript

Sent = list[tuple[str, str, int]]


@pytest.fixture
def sent() -> Sent:
    return []


@pytest.fixture
def output(sent: Sent) -> Output:
    return Output("stdout", lambda *piece: sent.append(piece))


def test_the_first_lines_go_out_at_once(output: Output, sent: Sent) -> None:
    for number in range(1, 50):
        print("x" * 9, file=output)
        assert "".join(text for _, text, _ in sent) == f"{'x' * 9}\n" * number


def test_many_small_writes_are_joined(output: Output, sent: Sent) -> None:
    for _ in range(20_000):
        output.write("x\n")
    output.end_cell()
    assert "".join(text for _, text, _ in sent) == "x\n" * 20_000
    assert len(sent) < 150


def test_a_flood_is_cut_in_memory_and_on_the_wire(output: Output, sent: Sent) -> None:
    tracemalloc.start()
    try:
        for number in range(200_000):
            output.write(f"{number:099}\n")
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
    output.end_cell()
    whole = sum(len(text) for _, text, _ in sent)
    assert 150_000 < whole <= 200_000
    assert sum(omitted for _, _, omitted in sent) == 20_000_000 - whole
    assert sent[0][1].startswith("0" * 99) and sent[-1][1].endswith("199999\n")


def test_one_huge_write_is_cut(output: Output, sent: Sent) -> None:
    assert output.write("a" * 5_000_000 + "b") == 5_000_001
    output.end_cell()
    assert [(len(text), omitted) for _, text, omitted in sent] == [
        (100_000, 0),
        (100_000, 4_800_001),
    ]
    assert sent[-1][1].endswith("ab")


def test_each_cell_has_its_own_head(output: Output, sent: Sent) -> None:
    output.write("x" * 5_000_000)
    output.end_cell()
    sent.clear()
    output.write("next\n" * 60_000)
    output.end_cell()
    pieces = [(len(text), omitted) for _, text, omitted in sent]
    assert pieces == [(100_000, 0), (100_000, 100_000)]
    output.end_cell()
    assert len(sent) == 2


@given(st.lists(st.integers(0, 120_000), max_size=8))
def test_no_character_is_lost_uncounted(sizes: list[int]) -> None:
    sent: Sent = []
    output = Output("stderr", lambda *piece: sent.append(piece))
    whole = "".join(chr(97 + number) * size for number, size in enumerate(sizes))
    for number, size in enumerate(sizes):
        output.write(chr(97 + number) * size)
    output.end_cell()
    omitted = sum(count for _, _, count in sent)
    assert sum(len(text) for _, text, _ in sent) + omitted == len(whole)
    assert (omitted == 0) == (len(whole) <= 200_000)
    transcript = Transcript(10_000_000)
    for _, text, count in sent:
        transcript.add(text, omitted=count)
    head, _, tail = transcript.text().partition(f"\n… {omitted} characters left out …\n")
    assert whole.startswith(head) and whole.endswith(tail)


@pytest.mark.parametrize("thing", [5, b"x", None])
def test_what_is_no_text_is_refused(output: Output, sent: Sent, thing: object) -> None:
    with pytest.raises(TypeError, match="must be str, not"):
        output.write(thing)  # type: ignore[arg-type]
    assert sent == []


def test_it_is_a_text_stream(output: Output) -> None:
    assert output.writable() and not output.readable() and not output.isatty()
    assert output.encoding == "utf-8"
