"""The sums of a run, from its events."""

from __future__ import annotations

import pytest

from rlm_runtime._cli.tally import Tally, count, describe_spending
from rlm_runtime._events import Event
from rlm_runtime._types import Usage
from tests._cli.events import SMALL_RUN, node_started, replied, requested


def tally_of(*events: Event) -> Tally:
    tally = Tally()
    for event in events:
        tally.add(event)
    return tally


def test_whole_run_adds_up() -> None:
    tally = tally_of(*SMALL_RUN)
    assert (tally.run, tally.query, tally.model) == ("r1", "How many?", "m")
    assert (tally.nodes, tally.nodes_running, tally.stop_reason) == (2, 0, "answered")
    assert tally.seconds == 4.0
    assert tally.usage == Usage(
        calls=2,
        prompt_tokens=2000,
        cached_tokens=20,
        completion_tokens=400,
        reasoning_tokens=40,
        cost=0.5,
    )


def test_run_that_goes_on_has_sums_too() -> None:
    tally = tally_of(node_started(0), requested(0, 0), node_started(1, 0, at=2.5))
    assert (tally.nodes, tally.nodes_running, tally.usage.calls) == (2, 2, 1)
    assert (tally.seconds, tally.stop_reason, tally.started) == (2.5, None, None)


def test_one_unknown_cost_makes_the_sum_unknown() -> None:
    assert tally_of(replied(0, 0, cost=None), replied(0, 1)).usage.cost is None


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (Usage(), "0 calls, 0 tokens, $0.0000, 1.2 s"),
        (Usage(calls=1, prompt_tokens=1, cost=None), "1 call, 1 token, cost unknown, 1.2 s"),
        (
            Usage(calls=1200, prompt_tokens=30_000, completion_tokens=45, cost=1.25),
            "1,200 calls, 30,045 tokens, $1.2500, 1.2 s",
        ),
    ],
)
def test_spending_in_one_line(usage: Usage, expected: str) -> None:
    assert describe_spending(usage, 1.23) == expected


def test_count_knows_the_plural() -> None:
    assert [count(number, "node") for number in (0, 1, 2)] == ["0 nodes", "1 node", "2 nodes"]
