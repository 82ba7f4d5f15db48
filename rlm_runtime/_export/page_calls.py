"""How a model call went, entered into its record."""

from __future__ import annotations

from rlm_runtime._events import ModelAttemptFailed, ModelFailed, ModelReplied
from rlm_runtime._export.page_records import Attempt, Call
from rlm_runtime._export.page_texts import Texts


def start_attempt(call: Call, t: float) -> None:
    """Note that the call is sent."""
    call.attempts.append(Attempt(t=t))


def end_attempt(call: Call, event: ModelAttemptFailed, texts: Texts, t: float) -> None:
    """Note how an attempt failed."""
    if not call.attempts or call.attempts[-1].end is not None:
        # Not every trace tells when it was sent
        call.attempts.append(Attempt(t=max(call.t, t - max(0.0, event.seconds))))
    attempt = call.attempts[-1]
    attempt.end, attempt.error, attempt.status = t, texts.add(event.error), event.status
    attempt.wait, attempt.cost = event.wait, event.cost
    attempt.tokens = event.prompt_tokens + event.completion_tokens


def fill_reply(call: Call, event: ModelReplied, texts: Texts, t: float) -> None:
    """Note the reply."""
    call.end, call.text, call.reasoning = t, texts.add(event.text), texts.add(event.reasoning)
    call.finish, call.first = event.finish_reason, event.seconds_to_first_token
    call.prompt, call.cached = event.prompt_tokens, event.cached_tokens
    call.completion, call.thought = event.completion_tokens, event.reasoning_tokens
    call.cost, call.estimated, call.recalled = event.cost, not event.counted, event.recalled
    call.served = "" if event.model == call.model else event.model
    _close_attempt(call, t)


def fail_call(call: Call, event: ModelFailed, texts: Texts, t: float) -> None:
    """Note that the call failed for good."""
    call.end, call.error, call.cancelled = t, texts.add(event.error), event.cancelled
    call.prompt, call.completion = event.prompt_tokens, event.completion_tokens
    call.cost = event.cost
    _close_attempt(call, t)


def _close_attempt(call: Call, t: float) -> None:
    if call.attempts and call.attempts[-1].end is None:
        call.attempts[-1].end = t
