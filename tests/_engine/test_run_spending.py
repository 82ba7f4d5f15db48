"""Tokens and money of a run: never over the limit, whatever runs in parallel or is cancelled."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import anyio
import pytest

from rlm_runtime._account import _NOTICES
from rlm_runtime._engine.bounds import describe_left
from rlm_runtime._errors import ConfigError, LimitExceededError, ModelUnavailableError
from rlm_runtime._events import ModelFailed, ModelRequested, NodeEnded, RunEnded, WorstCaseExceeded
from rlm_runtime._limits import Limits
from rlm_runtime._llm.base import NO_OPTIONS, CallOptions
from rlm_runtime._models import ModelInfo
from rlm_runtime._prompts import Prompts
from rlm_runtime._sandbox.base import SubCallError
from rlm_runtime._types import Completion, Message, Usage
from rlm_runtime._worst_case import messages_tokens, money_limit
from tests._engine.fakes import Played, asked, play, repl
from tests._engine.metered import PRICE, MeteredLLM

pytestmark = pytest.mark.anyio

PROMPTS = Prompts.load()
LEAF, LAST = PROMPTS.leaf(), PROMPTS.last_iteration()
MANY = repl(
    "import asyncio",
    "calls = [llm_query('leaf %d ' % n + 'x' * 400) for n in range(200)]",
    "got = await asyncio.gather(*calls, return_exceptions=True)",
    "texts = [one for one in got if isinstance(one, str)]",
    "reasons = sorted({one.stop_reason for one in got if not isinstance(one, str)})",
    "print('answered', len(texts), 'refused for', reasons)",
)
COUNT = repl("await FINAL([len(texts), reasons])")


def many(messages: Sequence[Message]) -> str:
    if messages[0].content == LEAF:
        return "y" * 800
    return MANY if len(messages) == 2 else COUNT


def spent(played: Played, model: MeteredLLM, limits: Limits) -> float:
    """Check that the provider's bill is within the limits and is what the run says, as a part."""
    usage = played.run.ledger.usage
    assert usage.calls == model.calls
    assert usage.prompt_tokens + usage.completion_tokens == model.tokens
    assert usage.cost == model.money / 10**12
    parts = [0.0]
    if limits.max_tokens is not None:
        assert model.tokens <= limits.max_tokens
        parts.append(model.tokens / limits.max_tokens)
    if limits.max_cost is not None:
        assert model.money <= money_limit(limits.max_cost)
        parts.append(usage.cost / limits.max_cost)
    return max(parts)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(max_depth=1, max_cost=0.05, max_concurrency=200), "max_cost"),
        (Limits(max_depth=1, max_tokens=60_000, max_concurrency=200), "max_tokens"),
        (Limits(max_depth=1, max_tokens=60_000, max_cost=0.03), "max_cost"),
    ],
)
async def test_parallel_calls_never_overshoot_and_the_root_still_answers(
    limits: Limits, reason: str
) -> None:
    model = MeteredLLM(many)
    played = await play(model, limits=limits)
    assert isinstance(played.answer, list), played.error
    answered, reasons = played.answer
    assert 10 < answered < 200
    assert reasons == [reason]
    assert spent(played, model, limits) > 0.8
    # What was refused was not sent, and none that was sent is without an end
    assert len(played.of(ModelRequested)) - len(played.of(ModelFailed)) == model.calls


async def test_parallel_children_never_overshoot_and_the_root_still_answers() -> None:
    def policy(messages: Sequence[Message]) -> str:
        if asked(messages) == "root":
            return MANY if len(messages) == 2 else COUNT
        if LAST in messages[-1].content:
            return repl("await FINAL('in short')")
        return repl("print('z' * 3000)") if len(messages) < 8 else repl("await FINAL('long')")

    model = MeteredLLM(policy)
    limits = Limits(max_cost=0.05, max_concurrency=50, max_sandboxes=20)
    played = await play(model, limits=limits)
    assert isinstance(played.answer, list), played.error
    answered, reasons = played.answer
    assert 3 < answered < 200 and "max_cost" in reasons
    assert spent(played, model, limits) > 0.8


async def test_the_last_reply_may_have_what_is_kept_back_before_it() -> None:
    caps = []
    for iterations in (2, 1):
        model = MeteredLLM(lambda _: repl("await FINAL(1)"))
        await play(model, limits=Limits(max_tokens=40_000, max_iterations=iterations))
        caps += model.caps
    before, last = caps
    assert before is not None and last is not None and last > before


async def test_every_reply_is_capped_only_where_a_limit_rests_on_it() -> None:
    free, bound = MeteredLLM(many), MeteredLLM(many)
    await play(free, limits=Limits(max_depth=1))
    assert set(free.caps) == {None}
    await play(bound, limits=Limits(max_depth=1, max_cost=100.0))
    assert bound.caps[0] == bound.caps[-1] == 16_384
    assert set(bound.caps[1:-1]) == {8192}


async def test_a_reply_may_be_as_long_as_the_caller_lets_it_and_the_model_can() -> None:
    model = MeteredLLM(many)
    model.info = ModelInfo(price=PRICE, reply_tokens=50_000, max_completion_tokens=40_000)
    await play(model, limits=Limits(max_depth=1, max_cost=100.0))
    assert set(model.caps) == {40_000}


async def test_a_run_that_spends_all_it_may_ends_with_what_it_has() -> None:
    model = MeteredLLM(
        lambda messages: repl(f"n = {len(messages)}; print('half')"), reply_tokens=10**6
    )
    limits = Limits(max_tokens=40_000)
    played = await play(model, limits=limits)
    assert isinstance(played.error, LimitExceededError)
    assert (played.error.stop_reason, played.error.partial) == ("max_tokens", "half")
    assert played.error.usage == played.run.ledger.usage
    assert spent(played, model, limits) > 0.8
    assert "max_tokens is 40,000" in str(played.error)
    (ended,) = played.of(RunEnded)
    assert (ended.stop_reason, ended.answer) == ("max_tokens", "half")
    # It was told, and more than once only where it did not obey
    assert LAST in played.requests[-1][-1].content


@pytest.mark.parametrize("output", ["x", "\N{ROCKET}", "x " * 100], ids=["short", "wide", "words"])
async def test_the_last_reply_fits_however_much_the_code_prints(output: str) -> None:
    def policy(messages: Sequence[Message]) -> str:
        if LAST in messages[-1].content:
            return repl("await FINAL('told in time')")
        return repl(f"print({output!r} * 20_000)")

    for max_tokens in range(20_000, 60_000, 5000):
        model = MeteredLLM(policy, reply_tokens=3000)
        limits = Limits(max_tokens=max_tokens)
        played = await play(model, limits=limits)
        assert played.answer == "told in time", played.error
        spent(played, model, limits)


def test_our_own_words_beside_an_observation_fit_into_what_is_kept_for_them() -> None:
    left = {"calls": 10**6, "tokens": 10**9, "cost": 10**4, "seconds": 10**6}
    words = PROMPTS.observation(
        observation="", iteration=10**4, iterations=10**4, limits=describe_left(left)
    )
    assert messages_tokens([Message(role="user", content=f"{words}\n\n{LAST}")]) < _NOTICES


async def test_a_cancelled_call_is_charged() -> None:
    code = repl(
        "import asyncio",
        "calls = [llm_query('leaf %d' % n) for n in range(5)]",
        "await asyncio.sleep(0.05)",
        "await FINAL(1)",
    )

    async def policy(messages: Sequence[Message]) -> str:
        if messages[0].content == LEAF:
            await anyio.sleep_forever()
        return code

    played = await play(MeteredLLM(policy), limits=Limits(max_depth=1, max_tokens=200_000))
    left = played.run.ledger.account.left("max_tokens")
    assert played.answer == 1 and left is not None
    # What was set aside for the five is not given back, as nobody knows what they are billed
    assert left < 200_000 - 5 * 8192
    usage = played.run.ledger.usage
    assert usage.prompt_tokens > 5 * len(LEAF) // 4


async def test_what_broke_off_counts_as_its_worst_case_as_its_bill_is_not_known() -> None:
    class Cut(MeteredLLM):
        async def complete(
            self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
        ) -> Completion:
            error = ModelUnavailableError("The stream broke off", status=400)
            error.spent = Usage(calls=1, prompt_tokens=700, completion_tokens=50, cost=0.001)
            raise error

    played = await play(Cut(many), limits=Limits(max_tokens=100_000, max_attempts=1))
    assert played.error is not None
    left = played.run.ledger.account.left("max_tokens")
    # The reply was allowed far more than what came of it
    assert left is not None and left < 100_000 - 10_000
    usage = played.run.ledger.usage
    assert (usage.calls, usage.prompt_tokens, usage.cost) == (1, 700, 0.001)


async def test_an_attempt_that_was_refused_costs_nothing() -> None:
    class Refusing(MeteredLLM):
        async def complete(
            self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
        ) -> Completion:
            raise ModelUnavailableError("It is busy", status=503)

    played = await play(Refusing(many), limits=Limits(max_tokens=100_000, max_attempts=1))
    assert played.run.ledger.account.left("max_tokens") == 100_000


async def test_an_endpoint_that_counts_more_than_it_was_allowed_ends_the_run_by_rule() -> None:
    class Lying(MeteredLLM):
        async def complete(
            self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
        ) -> Completion:
            completion = await super().complete(messages, options)
            return replace(completion, usage=Usage(calls=1, prompt_tokens=10**7, cost=99.0))

    played = await play(Lying(many), limits=Limits(max_tokens=100_000, max_cost=1.0))
    assert isinstance(played.error, LimitExceededError)
    (event,) = played.of(WorstCaseExceeded)
    assert event.tokens == 10**7 and event.cost == 99.0 and event.allowed_tokens < 100_000
    assert played.run.ledger.usage.cost == 99.0


async def test_a_price_that_nobody_knows_is_not_taken_for_nothing() -> None:
    played = await play(MeteredLLM(many, price=None), limits=Limits(max_cost=1.0))
    assert isinstance(played.error, ConfigError)
    assert str(played.error) == ("Cannot call 'metered': its price is unknown, and max_cost is set")
    assert played.run.ledger.usage.calls == 0


async def test_a_child_that_ends_by_its_share_gives_its_parent_what_it_has() -> None:
    root = repl(
        "try:\n"
        "    await llm_query('child')\n"
        "except Exception as exc:\n"
        "    await FINAL([exc.stop_reason, exc.partial, limits()['tokens'] > 50_000])"
    )

    def policy(messages: Sequence[Message]) -> str:
        return (
            root if asked(messages) == "root" else repl(f"n = {len(messages)}; print('half of it')")
        )

    model = MeteredLLM(policy)
    limits = Limits(max_tokens=100_000, max_node_share=0.2)
    played = await play(model, limits=limits)
    assert played.answer == ["max_tokens", "half of it", True]
    spent(played, model, limits)
    (child, _) = played.of(NodeEnded)
    assert child.stop_reason == "max_tokens"
    assert (
        child.error is not None and "max_tokens is 100,000, of which this node has" in child.error
    )


async def test_a_refused_sub_call_raises_in_the_code_that_made_it() -> None:
    code = repl(
        "try:\n"
        "    await llm_query('x' * 50_000)\n"
        "except Exception as exc:\n"
        "    await FINAL([type(exc), exc.stop_reason, str(exc)])"
    )
    played = await play(
        MeteredLLM(lambda messages: code), limits=Limits(max_depth=1, max_tokens=40_000)
    )
    assert isinstance(played.answer, list)
    kind, reason, text = played.answer
    assert (kind, reason) == (SubCallError, "max_tokens")
    assert re.fullmatch(
        r"Cannot make another model call: max_tokens is 40,000, and the [\d,]+ left is too little"
        r" for one that may take [\d,]+",
        text,
    )
    assert played.run.ledger.usage.calls == 1


async def test_the_model_sees_what_is_left() -> None:
    code = [repl("print(1)"), repl("await FINAL(limits())")]
    played = await play(
        MeteredLLM(lambda messages: code[len(messages) // 2 - 1], reply_tokens=100),
        limits=Limits(max_tokens=50_000, max_cost=0.5, max_calls=10, max_seconds=100),
    )
    assert isinstance(played.answer, dict)
    found = re.search(
        r"\n\nLeft: 9 calls, ([\d,]+) tokens, \$(0\.\d{4}), (\d+) s\.$", played.told()
    )
    assert found is not None, played.told()
    tokens = int(found[1].replace(",", ""))
    assert played.answer["tokens"] < tokens < 50_000
    assert 0 < played.answer["cost"] < float(found[2]) < 0.5
    assert 90 < int(found[3]) <= 100


async def test_without_limits_nothing_is_said_of_them() -> None:
    code = [repl("print(1)"), repl("await FINAL(limits())")]
    played = await play(
        lambda messages: code[len(messages) // 2 - 1], limits=Limits(max_calls=None)
    )
    assert played.told() == "Output of reply 1 of 30:\n\n1"


async def test_a_node_is_told_before_its_time_runs_out() -> None:
    def policy(messages: Sequence[Message]) -> str:
        if LAST in messages[-1].content:
            return repl("await FINAL('in time')")
        return repl(f"n = {len(messages)}; await sleep(0.1)")

    played = await play(policy, limits=Limits(max_seconds=3, max_iterations=10**6))
    assert played.answer == "in time"


async def test_a_node_whose_calls_take_long_is_told_earlier() -> None:
    def policy(messages: Sequence[Message]) -> str:
        if LAST in messages[-1].content:
            return repl("await FINAL('in time')")
        return repl(f"x = {len(messages)}")

    model = MeteredLLM(policy, latency=lambda: 30)
    played = await play(model, limits=Limits(max_seconds=2.4))
    assert played.answer == "in time"
    assert model.calls <= 7


async def test_a_call_under_way_when_the_time_ends_is_charged() -> None:
    async def policy(messages: Sequence[Message]) -> str:
        await anyio.sleep_forever()
        raise AssertionError

    played = await play(MeteredLLM(policy), limits=Limits(max_seconds=0.2, max_tokens=100_000))
    assert isinstance(played.error, LimitExceededError)
    assert played.error.stop_reason == "max_seconds"
    assert played.error.usage is not None
    assert played.error.usage.calls == 1 and played.error.usage.prompt_tokens > 500
    assert played.of(RunEnded)[0].prompt_tokens == played.error.usage.prompt_tokens


class Uncounted(MeteredLLM):
    """Bills more than it tells, as an estimate does where nobody counts."""

    async def complete(
        self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
    ) -> Completion:
        completion = await super().complete(messages, options)
        told = replace(completion.usage, prompt_tokens=1, completion_tokens=1, cost=None)
        return replace(completion, usage=told, is_counted=False)


@pytest.mark.parametrize("limits", [Limits(max_tokens=60_000), Limits(max_cost=0.05)])
async def test_what_nobody_counted_is_no_reason_to_overshoot(limits: Limits) -> None:
    def policy(messages: Sequence[Message]) -> str:
        if LAST in messages[-1].content:
            return repl("await FINAL('told in time')")
        return repl(f"n = {len(messages)}; print('x' * 3000)")

    model = Uncounted(policy, reply_tokens=10**6)
    played = await play(model, limits=limits)
    assert played.answer == "told in time", played.error
    assert model.calls > 1
    if limits.max_tokens is not None:
        assert model.tokens <= limits.max_tokens
    if limits.max_cost is not None:
        assert model.money <= money_limit(limits.max_cost)
