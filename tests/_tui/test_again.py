"""Blocks that are run again after a resumption: the record has their code where they ran before."""

from __future__ import annotations

from rlm_runtime._events import Event, ReplayDiverged
from tests._cli.events import resumed
from tests._tui.moments import asked, code, moment_of, page, ran, replied, started


def diverged(iteration: int, block: int) -> ReplayDiverged:
    return ReplayDiverged(node=0, iteration=iteration, block=block, reason="time")


RAN = [
    started(),
    asked(0, 1, "Look."),
    replied(0, "I look"),
    code("zero = 0", 1),
    ran(1),
    code("one = 1", 1, block=1),
    ran(1, block=1),
    code("two = 2", 1, block=2),
    ran(1, block=2),
    asked(1, 2, "Go on."),
    code("later()", 2),
    ran(2),
]


def codes(*events: Event) -> list[str]:
    """Give the lines of code on the page, and how their blocks fared."""
    text = page("Code", moment_of(*events))
    return [line for line in text.splitlines() if line.strip()]


def test_a_block_that_ran_differently_has_its_code() -> None:
    again = [*RAN, resumed(at=0), diverged(1, 1), ran(1, block=1, seconds=9, error="no")]
    assert codes(*again) == [
        "Iteration 1, block 1  ✓ ran 0.5 s",
        "1 zero = 0",
        "Iteration 1, block 2  ✗ failed after 9.0 s",
        "1 one = 1",
    ]
    # What the node was told in that iteration is there, too
    assert "Look." in page("Messages", moment_of(*again))
    assert "Go on." not in page("Messages", moment_of(*again))


def test_a_block_that_goes_on_after_a_crash_runs_again() -> None:
    crashed = RAN[:4]
    assert codes(*crashed)[0] == "Iteration 1, block 1  ▶ runs for 0.0 s"
    for again in ([*crashed, resumed(at=0)], [*RAN[:5], resumed(at=0), diverged(1, 0)]):
        assert codes(*again) == ["Iteration 1, block 1  ▶ runs again", "1 zero = 0"]


def test_it_has_the_code_that_it_ran_last_where_it_differed_more_than_once() -> None:
    again = [*RAN, resumed(at=0), diverged(1, 0), ran(1), code("other", 1, block=1)]
    again += [ran(1, block=1), resumed(at=0), diverged(1, 1), ran(1, block=1)]
    assert [line[2:] for line in codes(*again) if line[0] == "1"] == ["zero = 0", "other"]
    again += [resumed(at=0), diverged(1, 0), ran(1)]
    assert [line[2:] for line in codes(*again) if line[0] == "1"] == ["zero = 0"]


def test_a_forged_record_has_no_code_and_makes_no_trouble() -> None:
    nothing = "No code has run in iteration 7 yet."
    assert codes(started(), *[diverged(7, 0)] * 3_000, ran(7)) == [nothing]
    assert codes(started(), diverged(7, -(10**9)), ran(7), diverged(7, 10**12)) == [nothing]
    assert codes(started(), *[diverged(n, 0) for n in range(3_000)], diverged(7, 0)) == [nothing]
