"""A call goes on through attempts that fail, each of them told, and only one is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import anyio
import pytest

from rlm_runtime._engine.call import Call
from rlm_runtime._engine.calls import Calls
from rlm_runtime._engine.gate import Gate
from rlm_runtime._engine.node import Node
from rlm_runtime._errors import (
    LimitExceededError,
    ModelAuthenticationError,
    ModelError,
    ModelRateLimitError,
    ModelReplyError,
    ModelUnavailableError,
)
from rlm_runtime._events import (
    Event,
    ModelAttemptFailed,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeEnded,
)
from rlm_runtime._limits import Limits
from rlm_runtime._llm.base import NO_OPTIONS, CallOptions
from rlm_runtime._llm.retry import RetryPolicy
from rlm_runtime._llm.scripted import ScriptedLLM
from rlm_runtime._models import ModelInfo
from rlm_runtime._trace.recorder import Recorder
from rlm_runtime._types import Completion, Message, Usage
from tests._engine.fakes import Played, asked, make_run, play, repl

pytestmark = pytest.mark.anyio

QUICK = RetryPolicy(attempts=5, max_retry_seconds=60.0, base_seconds=0.01, random=lambda: 1.0)
END = repl("await FINAL('done')")


class Failing:
    """A model that fails as it is told first, and then replies."""

    name = "failing"
    info = ModelInfo()

    def __init__(self, *errors: ModelError, text: str = END) -> None:
        self.errors = list(errors)
        self.text = text
        self.asked_at: list[float] = []

    async def complete(
        self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
    ) -> Completion:
        self.asked_at.append(anyio.current_time())
        if self.errors:
            raise self.errors.pop(0)
        usage = Usage(calls=1, prompt_tokens=10, completion_tokens=2, cost=0.5)
        return Completion(text=self.text, model=self.name, usage=usage)


def limited(retry_after: float | None = None) -> ModelRateLimitError:
    return ModelRateLimitError("Slow down", status=429, retry_after=retry_after)


def cut() -> ModelUnavailableError:
    error = ModelUnavailableError("The stream broke off")
    error.spent = Usage(
        prompt_tokens=10, cached_tokens=4, completion_tokens=1, reasoning_tokens=1, cost=0.25
    )
    return error


def about_calls(played: Played) -> list[Event]:
    kinds = (ModelRequested, ModelAttemptFailed, ModelReplied, ModelFailed)
    return [event for event in played.events if isinstance(event, kinds)]


async def test_a_call_goes_on_until_there_is_a_reply() -> None:
    played = await play(Failing(limited(), cut()), retries=QUICK)
    assert played.answer == "done"
    requested, first, second, replied = about_calls(played)
    assert isinstance(requested, ModelRequested) and requested.call == 0
    assert isinstance(first, ModelAttemptFailed) and isinstance(second, ModelAttemptFailed)
    assert (first.node, first.call, first.attempt) == (0, 0, 1)
    assert (first.error, first.status, first.wait) == ("Slow down", 429, 0.01)
    assert (second.attempt, second.status, second.wait) == (2, None, 0.02)
    assert isinstance(replied, ModelReplied) and (replied.call, replied.attempts) == (0, 3)
    assert replied.model == "failing"


async def test_what_failed_attempts_used_is_counted_and_the_call_is_one() -> None:
    played = await play(Failing(cut(), cut()), retries=QUICK)
    assert played.run.ledger.usage == Usage(
        calls=1,
        prompt_tokens=30,
        cached_tokens=8,
        completion_tokens=4,
        reasoning_tokens=2,
        cost=1.0,
    )
    told = [
        (e.prompt_tokens, e.cached_tokens, e.completion_tokens, e.reasoning_tokens, e.cost)
        for e in played.of(ModelAttemptFailed)
    ]
    assert told == [(10, 4, 1, 1, 0.25)] * 2


@pytest.mark.parametrize("limits", [Limits(), Limits(max_iterations=1), Limits(max_calls=1)])
async def test_all_attempts_send_the_same_messages(limits: Limits) -> None:
    played = await play(Failing(limited(), limited()), limits=limits, retries=QUICK)
    assert played.answer == "done"
    assert len(played.requests) == 3
    assert played.requests[0] == played.requests[1] == played.requests[2]
    (requested,) = played.of(ModelRequested)
    sent = [{"role": one.role, "content": one.content} for one in played.requests[0]]
    assert list(requested.messages) == sent


async def test_a_call_that_gives_up_tells_how_long_it_tried() -> None:
    played = await play(Failing(*[limited() for _ in range(9)]), retries=QUICK)
    assert isinstance(played.error, ModelRateLimitError) and played.error.status == 429
    assert str(played.error).startswith("Slow down (5 attempts in 0.")
    failures = played.of(ModelAttemptFailed)
    assert [event.attempt for event in failures] == [1, 2, 3, 4, 5]
    assert [event.wait is None for event in failures] == [False] * 4 + [True]
    (failed,) = played.of(ModelFailed)
    assert (failed.error, failed.attempts) == (str(played.error), 5)
    assert failed.seconds >= 0.15
    assert [event.stop_reason for event in played.of(NodeEnded)] == ["model_error"]


@pytest.mark.parametrize(
    "error",
    [
        ModelAuthenticationError("The key is refused", status=401),
        ModelError("You exceeded your current quota", status=429),
    ],
)
async def test_what_is_for_good_is_asked_once(error: ModelError) -> None:
    model = Failing(error)
    played = await play(model, retries=QUICK)
    assert played.error is error
    assert len(model.asked_at) == 1
    (attempt,), (failed,) = played.of(ModelAttemptFailed), played.of(ModelFailed)
    assert (attempt.wait, failed.attempts, failed.error) == (None, 1, str(error))


async def test_a_model_of_the_user_that_raises_is_asked_once() -> None:
    asked_for: list[object] = []

    def policy(messages: Sequence[Message]) -> str:
        asked_for.append(messages)
        raise KeyError("oops")

    assert isinstance((await play(policy, retries=QUICK)).error, ModelError)
    assert len(asked_for) == 1


async def test_garbage_and_a_wrong_address_are_tried_a_few_times() -> None:
    for error in (ModelReplyError("No choices"), ModelUnavailableError("No connection")):
        model = Failing(*[error] * 9)
        played = await play(model, retries=QUICK)
        assert len(model.asked_at) == 4
        assert str(played.error).startswith(f"{error} (4 attempts in 0.")


async def test_a_model_that_has_answered_once_is_worth_more_patience() -> None:
    model = Failing(text=repl("1"))
    gate = Gate()
    await play(model, limits=Limits(max_iterations=1), gate=gate)
    model.errors = [ModelUnavailableError("No connection")] * 9
    model.asked_at.clear()
    await play(model, gate=gate, retries=QUICK)
    assert len(model.asked_at) == 5


async def test_a_failed_call_is_told_to_the_code_with_its_attempts() -> None:
    code = repl(
        "try:\n    await llm_query('leaf')\nexcept Exception as exc:\n    await FINAL(str(exc))"
    )
    played = await play(
        ScriptedLLM([code]),
        sub_model=Failing(limited(), limited(retry_after=900.0)),
        limits=Limits(max_depth=1),
        retries=QUICK,
    )
    assert isinstance(played.answer, str)
    assert played.answer.startswith("Slow down (2 attempts in 0.")
    assert played.answer.endswith("; it asks to wait 900 s, longer than max_retry_seconds allows)")


async def test_who_backs_off_makes_room_for_others() -> None:
    order: list[str] = []

    def policy(messages: Sequence[Message]) -> str:
        order.append(asked(messages) if len(messages) == 2 else "end")
        if asked(messages) == "fails" and order.count("fails") == 1:
            raise ModelUnavailableError("Down", status=500, retry_after=0.2)
        return asked(messages)

    code = (
        "import asyncio\nawait FINAL(await asyncio.gather(llm_query('fails'), llm_query('other')))"
    )
    played = await play(
        ScriptedLLM([repl(code)]),
        sub_model=ScriptedLLM(policy),
        limits=Limits(max_depth=1, max_concurrency=1),
        retries=QUICK,
    )
    assert played.answer == ["fails", "other"]
    assert order == ["fails", "other", "fails"]


async def test_a_pause_holds_for_all_calls_of_the_model_in_all_runs() -> None:
    gate, model = Gate(), Failing(limited(retry_after=0.2))
    played = [make_run(model, gate=gate, retries=QUICK) for _ in range(3)]

    async def answer(one: Played) -> None:
        one.answer = await one.run.answer("root", "", run="run", version="1")

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(answer, played[0])
            await anyio.wait_all_tasks_blocked()
            assert played[0].of(ModelAttemptFailed)
            for one in played[1:]:
                tasks.start_soon(answer, one)
    assert [one.answer for one in played] == ["done"] * 3
    refused_at, *later = model.asked_at
    assert len(later) == 3 and min(later) - refused_at >= 0.19
    # The failed attempt of one run narrows the width for all of them
    assert gate.width("failing").most < 16


async def test_a_call_that_gives_up_at_once_does_not_make_the_others_wait() -> None:
    gate, model = Gate(), Failing(limited(retry_after=900.0))
    assert isinstance((await play(model, gate=gate)).error, ModelRateLimitError)
    assert (await play(model, gate=gate)).answer == "done"


@pytest.mark.parametrize(("asks", "takes"), [(0.1, 0.0), (0.0, 0.1)], ids=["waits", "attempts"])
async def test_waits_and_attempts_count_for_the_time_there_is(asks: float, takes: float) -> None:
    made = 0

    async def policy(messages: Sequence[Message]) -> str:
        nonlocal made
        made += 1
        await anyio.sleep(takes)
        raise limited(retry_after=asks)

    retries = replace(QUICK, attempts=50, max_retry_seconds=0.25, random=lambda: 0.0)
    played = await play(ScriptedLLM(policy), retries=retries)
    assert isinstance(played.error, ModelRateLimitError)
    assert 1 < made <= 4


async def test_a_long_wait_ends_at_once_with_its_run() -> None:
    model = Failing(limited(retry_after=60.0))
    with anyio.fail_after(10):
        played = await play(model, limits=Limits(max_seconds=0.2))
    assert isinstance(played.error, LimitExceededError)
    assert played.error.stop_reason == "max_seconds"
    (attempt,) = played.of(ModelAttemptFailed)
    assert attempt.wait is not None and attempt.wait >= 60
    assert played.run._calls._room.in_flight == 0


async def test_who_waits_for_room_ends_at_once_with_its_run() -> None:
    gate = Gate()
    async with gate.slot(make_run(Failing()).run._calls._room, 0, "failing") as slot:
        gate.refuse(slot, pause=60.0)
        played = await play(Failing(), limits=Limits(max_seconds=0.2), gate=gate)
    assert isinstance(played.error, LimitExceededError)
    assert not played.of(ModelRequested) and played.run.ledger.usage.calls == 0
    assert gate.width("failing").in_flight == 0


class Tight(Calls):
    """Calls of a run that has room for one attempt."""

    attempts = 1

    async def _attempt(self, call: Call) -> Completion:
        if self.attempts == 0:
            raise LimitExceededError("It does not fit", stop_reason="max_cost")
        self.attempts -= 1
        return await super()._attempt(call)


async def test_an_attempt_that_does_not_fit_into_the_limits_ends_the_call() -> None:
    events: list[Event] = []
    model = Failing(cut())
    run = make_run(model).run
    calls = Tight(
        limits=run.limits, ledger=run.ledger, recording=Recorder(None, events.append), retries=QUICK
    )
    node = Node(
        run, number=0, account=run.ledger.account, depth=0, llm=model, query="q", context="c"
    )
    with pytest.raises(LimitExceededError, match="It does not fit"):
        await calls.complete(node, model, [], iteration=None, options=NO_OPTIONS)
    assert len(model.asked_at) == 1
    failed = events[-1]
    assert isinstance(failed, ModelFailed)
    assert (failed.error, failed.attempts) == ("It does not fit", 1)
