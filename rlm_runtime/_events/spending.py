"""What an event says that was spent."""

from __future__ import annotations

import math

from rlm_runtime._events.models import ModelAttemptFailed, ModelFailed, ModelReplied
from rlm_runtime._events.runs import RunEnded
from rlm_runtime._types import Usage


def usage_of(event: ModelReplied | ModelAttemptFailed | ModelFailed | RunEnded) -> Usage:
    """Give the tokens and the cost in an event; calls only of a whole run."""
    of_cached = of_reasoning = 0
    if not isinstance(event, ModelFailed):
        of_cached, of_reasoning = event.cached_tokens, event.reasoning_tokens
    # A forged record must not give a run more to spend than its user grants
    return Usage(
        calls=max(0, event.calls) if isinstance(event, RunEnded) else 0,
        prompt_tokens=max(0, event.prompt_tokens),
        cached_tokens=max(0, of_cached),
        completion_tokens=max(0, event.completion_tokens),
        reasoning_tokens=max(0, of_reasoning),
        cost=_cost(event.cost),
    )


def _cost(cost: float | None) -> float | None:
    """Give a cost; None where it is unknown, or makes no sense."""
    return cost if cost is not None and 0 <= cost < math.inf else None
