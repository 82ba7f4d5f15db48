"""What a model is shown: bounded, with head and tail, and never without an error."""

from __future__ import annotations

import re

import pytest

from rlm_runtime._engine.observation import observe
from rlm_runtime._sandbox.base import ExecutionResult

LEFT_OUT = re.compile(r"\n… (\d+) characters left out …\n")
ERROR = "Traceback (most recent call last):\n  ...\nValueError: the reason"


def ran(
    stdout: str = "", stderr: str = "", error: str | None = None, pending: tuple[str, ...] = ()
) -> ExecutionResult:
    return ExecutionResult(stdout=stdout, stderr=stderr, error=error, pending=pending)


@pytest.mark.parametrize(
    ("results", "text"),
    [
        ([ran()], "(no output)"),
        ([ran(" \n")], "(no output)"),
        ([ran("a\nb\n\n")], "a\nb"),
        ([ran("  indented")], "  indented"),
        ([ran(stderr="warning\n")], "stderr:\nwarning"),
        ([ran(error=ERROR)], f"error:\n{ERROR}"),
        ([ran("out\n", "warning\n", ERROR)], f"out\n\nstderr:\nwarning\n\nerror:\n{ERROR}"),
        ([ran("1\n"), ran()], "Block 1:\n\n1\n\nBlock 2:\n\n(no output)"),
        (
            [ran("1", pending=("llm_query('a')", "llm_query('b')"))],
            "1\n\nStill running, not awaited yet: llm_query('a'), llm_query('b')",
        ),
        ([ran("1", pending=("llm_query('a')",)), ran("2")], "Block 1:\n\n1\n\nBlock 2:\n\n2"),
    ],
    ids=repr,
)
def test_what_fits_is_shown_whole(results: list[ExecutionResult], text: str) -> None:
    assert observe(results, 8000) == text


def test_an_exact_fit_is_not_cut_and_one_more_is() -> None:
    assert observe([ran("x" * 8000)], 8000) == "x" * 8000
    assert LEFT_OUT.search(observe([ran("x" * 8001)], 8000))
    fits = [ran("x" * 4000, "y" * 3000, "z" * 1000)]
    assert not LEFT_OUT.search(observe(fits, 8000))


@pytest.mark.parametrize("max_chars", [200, 1000, 8000])
def test_a_flood_keeps_head_and_tail_and_counts_the_rest(max_chars: int) -> None:
    flood = "".join(f"{number}," for number in range(100_000))
    head, left_out, tail = LEFT_OUT.split(observe([ran(flood)], max_chars))
    assert flood.startswith(head) and flood.endswith(tail)
    assert len(head) == len(tail) > max_chars / 3
    assert len(head) + int(left_out) + len(tail) == len(flood)


@pytest.mark.parametrize(("stdout", "stderr"), [("o" * 10**6, ""), ("", "e" * 10**6)])
def test_an_error_is_whole_behind_a_flood(stdout: str, stderr: str) -> None:
    shown = observe([ran(stdout, stderr, ERROR)], 8000)
    assert shown.endswith(f"error:\n{ERROR}")
    assert 7000 < len(shown) < 8100


def test_of_a_flood_of_errors_the_end_stays() -> None:
    error = "Traceback\n" + "  frame\n" * 10_000 + "RecursionError: too deep"
    shown = observe([ran("o" * 10**6, "e" * 10**6, error)], 1000)
    assert "error:\nTraceback\n" in shown and shown.endswith("RecursionError: too deep")
    assert len(shown) < 1100


def test_short_texts_leave_their_room_to_long_ones() -> None:
    shown = observe([ran("o" * 100_000, "e" * 100, ERROR)], 8000)
    assert shown.count("o") > 7500


@pytest.mark.parametrize("max_chars", [200, 8000])
@pytest.mark.parametrize("blocks", [2, 5, 26, 27, 1000])
def test_many_blocks_are_bounded_together(blocks: int, max_chars: int) -> None:
    results = [ran("o" * 5000, "e" * 5000, "Error: " + "x" * 5000) for _ in range(blocks)]
    results.append(ran("o" * 5000, error=ERROR))
    shown = observe(results, max_chars)
    labels = 30 * len(re.findall(r"^Block \d+:$|^stderr:$|^error:$", shown, re.M))
    assert len(shown) <= max_chars + labels
    assert labels <= max(200, max_chars // 2)
    assert shown.endswith("e reason")


def test_blocks_too_many_to_tell_apart_are_shown_as_one() -> None:
    results = [ran(f"{number}\n") for number in range(100)]
    results[70] = ran("70", error=ERROR, pending=("llm_query('a')",))
    results[99] = ran("99\n", "warning", pending=("llm_query('b')",))
    out = "\n".join(map(str, range(100)))
    assert observe(results, 8000) == (
        f"{out}\n\nstderr:\nwarning\n\nerror:\n{ERROR}"
        "\n\nStill running, not awaited yet: llm_query('b')"
    )


def test_names_of_open_sub_calls_are_cut_too() -> None:
    assert len(observe([ran("x", pending=("y" * 1000,) * 20)], 8000)) < 2200
