"""What an event says that was spent."""

from __future__ import annotations

from rlm_runtime._events.models import ModelAttemptFailed, ModelFailed, ModelReplied
from rlm_runtime._events.runs import RunEnded
from rlm_runtime._types import Usage


def usage_of(event: ModelReplied | ModelAttemptFailed | ModelFailed | RunEnded) -> Usage:
    """Give the tokens and the cost in an event; calls only of a whole run."""
    of_cached = of_reasoning = 0
    if not isinstance(event, ModelFailed):
        of_cached, of_reasoning = event.cached_tokens, event.reasoning_tokens
    return Usage(
        calls=event.calls if isinstance(event, RunEnded) else 0,
        prompt_tokens=event.prompt_tokens,
        cached_tokens=of_cached,
        completion_tokens=event.completion_tokens,
        reasoning_tokens=of_reasoning,
        cost=event.cost,
    )
