"""What the record of model calls says was spent, or may have been."""

from __future__ import annotations

from rlm_runtime._engine.past_calls import CallsPast
from rlm_runtime._events import (
    ModelAttemptFailed,
    ModelAttemptStarted,
    ModelFailed,
    ModelRequested,
)
from rlm_runtime._types import Usage


def asked(call: int = 0) -> CallsPast:
    calls = CallsPast()
    messages = ({"role": "user", "content": "x" * 400},)
    calls.begin(
        ModelRequested(node=0, call=call, model="m", iteration=1, messages=messages, mono=1.0)
    )
    return calls


def started(*, most: int | None = 200) -> ModelAttemptStarted:
    return ModelAttemptStarted(
        node=0, call=0, attempt=1, prompt_tokens=500, completion_tokens=most, mono=2.0
    )


def attempt_failed(*, tokens: int) -> ModelAttemptFailed:
    return ModelAttemptFailed(
        node=0,
        call=0,
        attempt=1,
        error="broken off",
        status=None,
        seconds=1.0,
        wait=None,
        prompt_tokens=tokens,
        cached_tokens=0,
        completion_tokens=0,
        reasoning_tokens=0,
        cost=None,
    )


def test_a_call_that_was_never_sent_is_none() -> None:
    never = asked()
    assert never.fail(ModelFailed(node=0, call=0, error="no", seconds=0.0, attempts=0)) is None
    assert (never.made, never.charges, never.next_number) == ({0: 0}, [], 1)
    sent = asked()
    assert sent.fail(ModelFailed(node=0, call=0, error="no", seconds=0.0, attempts=1)) is not None
    given_up = asked()
    given_up.fail(ModelFailed(node=0, call=0, error="no", seconds=0.0, attempts=0, cancelled=True))
    assert sent.made == given_up.made == {0: 1}


def test_what_broke_off_after_it_had_begun_may_cost_its_worst_case() -> None:
    begun, refused = asked(), asked()
    for calls, tokens in ((begun, 7), (refused, 0)):
        calls.attempt(started())
        calls.fail_attempt(attempt_failed(tokens=tokens))
    assert [one.worst for one in begun.charges] == [(500, 200)]
    assert [one.worst for one in refused.charges] == [None]


def test_what_was_under_way_at_a_crash_is_guessed_within_its_bounds() -> None:
    calls = asked()
    calls.attempt(started(most=None))
    calls.break_off(3.0)
    (charge,) = calls.charges
    # A quarter of the bytes sent, and eighty tokens in the second
    assert 100 <= charge.usage.prompt_tokens <= 110
    assert (charge.usage.completion_tokens, charge.usage.cost, charge.worst) == (80, None, None)
    bounded = asked()
    bounded.attempt(started(most=50))
    bounded.break_off(3.0)
    assert bounded.charges[0].usage.completion_tokens == 50
    assert bounded.charges[0].worst == (500, 50)
    # Time that runs backwards in a forged record makes nothing negative
    early = asked()
    early.attempt(started())
    early.break_off(-9.0)
    assert early.charges[0].usage == Usage(
        prompt_tokens=bounded.charges[0].usage.prompt_tokens, cost=None
    )
