"""What is tried again, what never is, and how long a call waits in between."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_runtime._errors import (
    ModelAuthenticationError,
    ModelContentFilterError,
    ModelContextWindowError,
    ModelError,
    ModelRateLimitError,
    ModelReplyError,
    ModelUnavailableError,
)
from rlm_runtime._llm.openai_errors import ModelErrors
from rlm_runtime._llm.retry import RetryPolicy, is_congested, restate
from rlm_runtime._types import Usage

POLICY = RetryPolicy(attempts=10, max_retry_seconds=100.0, random=lambda: 1.0)
NONE = replace(POLICY, random=lambda: 0.0)
ENDPOINT = ModelErrors(model="m", url="http://x/v1", api_key=None)
LIMITED = ModelRateLimitError("slow down", status=429)
DOWN = ModelUnavailableError("down", status=503)
UNREACHED = ModelUnavailableError("no connection")
GARBAGE = ModelReplyError("no choices")


def attempts_of(error: ModelError, *, answered: bool = True) -> int:
    """Count the attempts at a call that always fails in this way."""
    policy = replace(NONE, attempts=7)
    attempt = 1
    while policy.next_wait(error, attempt, 0.0, answered=answered) is not None:
        attempt += 1
    return attempt


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529, 599])
def test_what_passes_is_tried_as_often_as_allowed(status: int) -> None:
    error = ENDPOINT.status(status, {}, b"")
    assert attempts_of(error) == attempts_of(error, answered=False) == 7


@pytest.mark.parametrize("status", [301, 400, 401, 402, 403, 404, 405, 410, 413, 422, 451])
def test_what_does_not_pass_is_tried_once(status: int) -> None:
    assert attempts_of(ENDPOINT.status(status, {}, b"")) == 1


@pytest.mark.parametrize(
    "error",
    [
        ModelError("A user's own model raised KeyError('oops')"),
        ModelError("You exceeded your current quota", status=429),
        ModelAuthenticationError("refused", status=401),
        ModelContextWindowError("too long", status=400),
        ModelContentFilterError("filtered"),
    ],
)
def test_what_is_for_good_is_tried_once(error: ModelError) -> None:
    assert attempts_of(error) == 1
    error.retry_after = 1.0
    assert attempts_of(error) == 1


def test_garbage_is_tried_a_few_times_only() -> None:
    assert attempts_of(GARBAGE) == attempts_of(GARBAGE, answered=False) == 4


def test_a_lost_connection_is_worth_more_patience_than_one_that_never_was() -> None:
    assert attempts_of(UNREACHED, answered=True) == 7
    assert attempts_of(UNREACHED, answered=False) == 4


def test_a_small_limit_holds_for_all() -> None:
    for error in (LIMITED, DOWN, UNREACHED, GARBAGE):
        assert replace(POLICY, attempts=1).next_wait(error, 1, 0.0) is None
        assert replace(POLICY, attempts=2).next_wait(error, 1, 0.0) is not None
        assert replace(POLICY, attempts=2).next_wait(error, 2, 0.0) is None


def test_waits_double_up_to_a_cap() -> None:
    waits = [POLICY.next_wait(LIMITED, attempt, 0.0) for attempt in range(1, 10)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_the_whole_of_a_wait_is_jitter() -> None:
    half = replace(POLICY, random=lambda: 0.5)
    assert [half.next_wait(LIMITED, attempt, 0.0) for attempt in (1, 2, 3)] == [0.25, 0.5, 1]
    assert NONE.next_wait(LIMITED, 5, 0.0) == 0


def test_retry_after_is_the_least() -> None:
    limited = ModelRateLimitError("slow down", status=429, retry_after=20.0)
    assert NONE.next_wait(limited, 1, 0.0) == 20
    assert POLICY.next_wait(limited, 4, 0.0) == 24
    unavailable = ModelUnavailableError("down", status=503, retry_after=3.0)
    assert NONE.next_wait(unavailable, 1, 0.0) == 3


def test_a_longer_retry_after_than_there_is_time_ends_it_at_once() -> None:
    limited = ModelRateLimitError("slow down", status=429, retry_after=60.0)
    assert NONE.next_wait(limited, 1, 40.0) == 60
    assert NONE.next_wait(limited, 1, 40.1) is None
    assert NONE.explain_end(limited, 1, 0.3, 40.1) == (
        "it asks to wait 60 s, longer than max_retry_seconds allows"
    )
    assert replace(NONE, max_retry_seconds=None).next_wait(limited, 1, 1e9) == 60


def test_time_runs_out_in_total() -> None:
    assert POLICY.next_wait(LIMITED, 7, 99.0) == 1
    assert POLICY.next_wait(LIMITED, 7, 100.0) is None


def test_an_attempt_that_outlasts_the_time_for_retries_ends_in_order() -> None:
    assert POLICY.next_wait(LIMITED, 2, 100.5) is None
    assert POLICY.explain_end(LIMITED, 2, 101.0, 100.5) == "2 attempts in 101.0 s"
    zero = ModelRateLimitError("slow down", status=429, retry_after=0.0)
    assert POLICY.explain_end(zero, 2, 101.0, 100.5) == "2 attempts in 101.0 s"


def test_the_end_tells_attempts_and_seconds() -> None:
    assert POLICY.explain_end(LIMITED, 5, 31.24, 30.0) == "5 attempts in 31.2 s"
    assert POLICY.explain_end(LIMITED, 1, 1.0, 0.0) == ""
    longer = ModelRateLimitError("slow down", status=429, retry_after=600.0)
    assert POLICY.explain_end(longer, 2, 4.0, 3.0) == (
        "2 attempts in 4.0 s; it asks to wait 600 s, longer than max_retry_seconds allows"
    )
    refused = ModelError("no", retry_after=600.0)
    assert POLICY.explain_end(refused, 1, 1.0, 0.0) == ""


@given(
    attempts=st.integers(1, 10**9),
    limit=st.none() | st.floats(0.001, 1e9),
    attempt=st.integers(1, 10**9),
    waited=st.floats(0, 1e9),
    asked=st.none() | st.floats(0, 1e12),
    fortune=st.floats(0, 1),
)
def test_a_wait_is_never_shorter_than_asked_nor_longer_than_what_is_left(
    attempts: int,
    limit: float | None,
    attempt: int,
    waited: float,
    asked: float | None,
    fortune: float,
) -> None:
    policy = RetryPolicy(attempts=attempts, max_retry_seconds=limit, random=lambda: fortune)
    error = ModelRateLimitError("slow down", status=429, retry_after=asked)
    wait = policy.next_wait(error, attempt, waited)
    left = math.inf if limit is None else limit - waited
    if wait is None:
        assert attempt >= attempts or (asked or 0.0) > left or left <= 0
    else:
        assert (asked or 0.0) <= wait <= min(left, (asked or 0.0) + 30.0)


def test_congestion_is_told_from_failure() -> None:
    assert all(is_congested(ENDPOINT.status(status, {}, b"")) for status in (429, 503, 529))
    assert not any(is_congested(ENDPOINT.status(s, {}, b"")) for s in (400, 401, 408, 500, 502))
    assert not is_congested(UNREACHED)


class TheirError(ModelUnavailableError):
    """A class of a user's own, which cannot be made from a message."""

    def __init__(self) -> None:
        super().__init__("their server is down", status=502, retry_after=2.0)


@pytest.mark.parametrize("error", [LIMITED, DOWN, GARBAGE, ModelError("x"), TheirError()])
def test_an_error_is_told_anew_and_stays_as_it_was(error: ModelError) -> None:
    error.spent = Usage(prompt_tokens=3)
    text = str(error)
    restated = restate(error, "3 attempts in 1.0 s")
    assert (str(error), str(restated)) == (text, f"{text} (3 attempts in 1.0 s)")
    assert isinstance(error, type(restated)) and type(restated) is not TheirError
    told = (restated.status, restated.retry_after, restated.spent)
    assert told == (error.status, error.retry_after, error.spent)
