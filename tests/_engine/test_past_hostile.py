"""What a record says was spent, whoever wrote it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from rlm_runtime._engine.past_reading import read_past
from rlm_runtime._events import Event, ModelAttemptStarted, ModelFailed
from rlm_runtime._types import Usage
from tests._cli.events import attempt_failed, node_started, replied, requested, run_started

_LESS: dict[str, Any] = {
    "prompt_tokens": -9,
    "cached_tokens": -9,
    "completion_tokens": -9,
    "reasoning_tokens": -9,
}
_CANCELLED = ModelFailed(
    node=0, call=0, error="", seconds=0, cancelled=True, prompt_tokens=-9, completion_tokens=-9
)


@pytest.mark.parametrize("cost", [-5.0, math.nan, math.inf])
@pytest.mark.parametrize(
    "event",
    [
        replace(replied(0, 0), **_LESS),
        replace(attempt_failed(0, 0, 1, wait=1), **_LESS),
        _CANCELLED,
    ],
    ids=["replied", "attempt_failed", "cancelled"],
)
def test_nothing_gives_back_what_was_spent(event: Event, cost: float) -> None:
    spent = replace(event, cost=cost)  # type: ignore[call-arg]  # all of these have one
    past = read_past([run_started(), node_started(0), requested(0, 0), spent])
    assert past is not None
    assert [charge.usage for charge in past.charges] == [Usage(cost=None)]


def test_what_was_under_way_is_an_estimate_whatever_the_clock_says() -> None:
    sent = ModelAttemptStarted(node=0, call=0, attempt=1, prompt_tokens=9, completion_tokens=None)
    for mono in (math.inf, math.nan, -math.inf, 1e300):
        late = replace(node_started(1, 0), mono=mono)
        past = read_past([run_started(), node_started(0), requested(0, 0), sent, late])
        assert past is not None
        assert 0 <= past.charges[0].usage.completion_tokens < 10_000_000
