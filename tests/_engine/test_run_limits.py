"""No limit is overshot, whatever runs in parallel, and what was spent is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import anyio
import pytest

from rlm_runtime._errors import LimitExceededError, ModelError, ModelUnavailableError
from rlm_runtime._events import ModelReplied, NodeEnded, NodeStarted, RunEnded
from rlm_runtime._limits import Limits
from rlm_runtime._llm.base import NO_OPTIONS, CallOptions
from rlm_runtime._llm.scripted import ScriptedLLM
from rlm_runtime._models import ModelInfo, Price
from rlm_runtime._prompts import Prompts
from rlm_runtime._types import Completion, Message, Usage
from tests._engine.fakes import FakeSandboxes, asked, play, repl, script

pytestmark = pytest.mark.anyio

LEAF = Prompts.load().leaf()
FIFTY = "import asyncio\ncalls = [llm_query(f'leaf {n}') for n in range(50)]\n"
GATHER = repl(FIFTY + "got = await asyncio.gather(*calls, return_exceptions=True)")
COUNT = repl("await FINAL([sum(isinstance(one, str) for one in got), len(got)])")


@pytest.mark.parametrize("max_calls", [2, 10, 51, 52, None])
async def test_parallel_calls_never_overshoot_and_the_root_still_answers(
    max_calls: int | None,
) -> None:
    def policy(messages: Sequence[Message]) -> str:
        if messages[0].content == LEAF:
            return "leaf"
        return GATHER if len(messages) == 2 else COUNT

    model = ScriptedLLM(policy, latency=0.01)
    limits = Limits(max_depth=1, max_calls=max_calls, max_concurrency=50)
    played = await play(model, limits=limits)
    answered = 50 if max_calls is None else max_calls - 2
    assert played.answer == [answered, 50]
    assert played.run.ledger.usage.calls == len(played.requests) == answered + 2


async def test_parallel_children_never_overshoot_and_the_root_still_answers() -> None:
    def policy(messages: Sequence[Message]) -> str:
        if asked(messages) == "root":
            return GATHER if len(messages) == 2 else COUNT
        return repl("await FINAL(query)") if len(messages) > 2 else repl("x = 1")

    limits = Limits(max_calls=20, max_nodes=11)
    played = await play(ScriptedLLM(policy, latency=0.001), limits=limits)
    answered, asked_for = played.answer if isinstance(played.answer, list) else (0, 0)
    assert asked_for == 50 and 8 <= answered <= 9
    assert played.run.ledger.usage.calls == len(played.requests) <= 20
    assert played.run.ledger.nodes == len(played.of(NodeStarted)) == 11


async def test_max_calls_at_the_root_ends_the_run_with_what_it_has() -> None:
    replies = {"root": [repl("print('half')"), "no code"]}
    played = await play(replies, limits=Limits(max_calls=1))
    assert isinstance(played.error, LimitExceededError)
    assert (played.error.stop_reason, played.error.partial) == ("max_calls", "half")
    assert played.of(RunEnded)[0].answer == "half"


async def test_max_seconds_ends_the_run_with_what_it_has() -> None:
    replies = {"root": [repl("print('half')"), repl("await llm_query('child')")]}
    replies["child"] = [repl("await spin()")]
    played = await play(replies, limits=Limits(max_seconds=0.3))
    assert isinstance(played.error, LimitExceededError)
    assert str(played.error) == "Stopped without an answer: max_seconds is 0.3"
    assert (played.error.stop_reason, played.error.partial) == ("max_seconds", "half")
    assert played.error.usage == played.run.ledger.usage
    (ended,) = played.of(RunEnded)
    assert (ended.stop_reason, ended.answer, ended.calls) == ("max_seconds", "half", 3)
    assert 0.3 <= ended.seconds < 1
    assert [event.stop_reason for event in played.of(NodeEnded)] == ["max_seconds"] * 2


async def test_an_answer_given_in_time_counts_though_the_end_comes_late() -> None:
    sandboxes = FakeSandboxes(closing_seconds=0.3)
    played = await play(
        {"root": [repl("await FINAL(1)")]}, limits=Limits(max_seconds=0.2), sandboxes=sandboxes
    )
    assert (played.answer, played.error) == (1, None)
    assert played.of(RunEnded)[0].stop_reason == "answered"


async def test_no_more_calls_are_in_flight_than_max_concurrency() -> None:
    in_flight: Counter[str] = Counter()

    async def policy(messages: Sequence[Message]) -> str:
        if messages[0].content != LEAF:
            return GATHER if len(messages) == 2 else COUNT
        in_flight["now"] += 1
        in_flight["peak"] = max(in_flight["peak"], in_flight["now"])
        await anyio.sleep(0.01)
        in_flight["now"] -= 1
        return "leaf"

    played = await play(policy, limits=Limits(max_depth=1, max_concurrency=7))
    assert played.answer == [50, 50]
    assert in_flight["peak"] == 7


TREE = """
import asyncio
if len(context) == 3:
    await FINAL([context])
found = await asyncio.gather(*[llm_query('tree', context + letter) for letter in 'abc'])
await FINAL([leaf for leaves in found for leaf in leaves])
"""


@pytest.mark.parametrize("slots", [1, 2, 8])
async def test_a_full_tree_ends_with_few_sandboxes_at_each_depth(slots: int) -> None:
    played = await play(
        ScriptedLLM(script({"tree": [repl(TREE)]}), latency=0.002),
        query="tree",
        context="",
        limits=Limits(max_depth=4, max_sandboxes=slots),
    )
    assert played.answer == [a + b + c for a in "abc" for b in "abc" for c in "abc"]
    assert played.run.ledger.nodes == 1 + 3 + 9 + 27
    widths = (1, 3, 9, 27)
    assert played.sandboxes.peak == {
        depth: min(slots, width, 3 * min(slots, widths[depth - 1]) if depth else 1)
        for depth, width in enumerate(widths)
    }


async def test_children_run_at_the_same_time() -> None:
    code = FIFTY + "await FINAL(await asyncio.gather(*calls[:8]))"
    played = await play(
        lambda messages: repl(code if asked(messages) == "root" else "await FINAL(query)"),
        limits=Limits(max_sandboxes=8, max_nodes=9),
    )
    assert played.answer == [f"leaf {n}" for n in range(8)]
    assert played.sandboxes.peak[1] == 8


class Priced:
    """A model whose every call has a known price, but the failing ones."""

    name = "priced"
    info = ModelInfo()
    cost: float | None = 0.25

    async def complete(
        self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
    ) -> Completion:
        if asked(messages) == "fails":
            raise ModelUnavailableError("It is down")
        text = "leaf" if messages[0].content == LEAF else self.code
        usage = Usage(
            calls=1,
            prompt_tokens=100,
            cached_tokens=40,
            completion_tokens=10,
            reasoning_tokens=5,
            cost=self.cost,
        )
        return Completion(text=text, model="priced", usage=usage)

    code = repl(
        "import asyncio",
        "got = await asyncio.gather(llm_query('leaf'), llm_query('fails'), return_exceptions=True)",
        "await FINAL(1)",
    )


async def test_usage_is_the_sum_of_the_tree() -> None:
    played = await play(Priced(), limits=Limits(max_depth=1, max_attempts=1))
    assert played.answer == 1
    assert played.run.ledger.usage == Usage(
        calls=3,
        prompt_tokens=200,
        cached_tokens=80,
        completion_tokens=20,
        reasoning_tokens=10,
        cost=0.5,
    )
    assert (played.of(RunEnded)[0].calls, played.of(RunEnded)[0].cost) == (3, 0.5)
    assert [event.cached_tokens for event in played.of(ModelReplied)] == [40, 40]


async def test_a_reply_without_a_cost_costs_what_the_price_says() -> None:
    model = Priced()
    model.info, model.cost = ModelInfo(price=Price(prompt=1.0, completion=2.0)), None
    played = await play(model, limits=Limits(max_depth=1, max_attempts=1, max_cost=1.0))
    assert played.run.ledger.usage.cost == pytest.approx(0.00024)
    assert [event.cost for event in played.of(ModelReplied)] == [pytest.approx(0.00012)] * 2


async def test_a_run_that_failed_tells_what_it_spent() -> None:
    def policy(messages: Sequence[Message]) -> str:
        if len(messages) > 2:
            raise ModelError("It is down")
        return repl("print('half')")

    played = await play(policy)
    assert isinstance(played.error, ModelError)
    assert played.error.usage is not None and played.error.usage.calls == 2
    assert played.error.usage.prompt_tokens > 0
    (ended,) = played.of(RunEnded)
    assert (ended.stop_reason, ended.answer, ended.error) == ("model_error", "half", "It is down")
