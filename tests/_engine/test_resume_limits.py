"""Limits hold for all sessions of a run together, whatever changes between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rlm_runtime._engine.carrying import Carried
from rlm_runtime._engine.models import Models
from rlm_runtime._engine.tools import Tools
from rlm_runtime._errors import ModelContentFilterError
from rlm_runtime._events import (
    CodeExecuted,
    ModelAttemptStarted,
    ModelRequested,
    NodeEnded,
    RunForked,
    RunStarted,
    SubCallEnded,
    SubCallStarted,
)
from rlm_runtime._limits import Limits
from rlm_runtime._models import Model
from rlm_runtime._resuming import read_recorded
from rlm_runtime._settings import describe_settings, told_prices
from rlm_runtime._tools.function import Tool
from rlm_runtime._types import Message
from rlm_runtime._usage import Ledger
from rlm_runtime._worst_case import rates
from tests._engine.fakes import repl, script
from tests._engine.metered import PRICE, MeteredLLM
from tests._engine.resuming import MemoryTrace, session
from tests._engine.test_resume import new, until
from tests.traces import write_trace

pytestmark = pytest.mark.anyio


def prompt_bounds(trace: MemoryTrace) -> list[int]:
    return [one.prompt_tokens for one in trace.events if isinstance(one, ModelAttemptStarted)]


async def test_fewer_nodes_than_were_started_let_none_begin() -> None:
    code = "a = await llm_query('a')\nb = await llm_query('b')\nc = await llm_query('c')"
    replies = {"root": [repl(code), repl("await FINAL(limits()['nodes'])")]}
    replies |= dict.fromkeys("abc", [repl("await FINAL(1)")])
    whole = await session(script(replies))
    cut = until(whole.trace, SubCallStarted, 3)
    done = await session(script(replies), cut, limits=Limits(max_nodes=2))
    assert done.run.ledger.nodes == 3
    assert done.answer == 0


async def test_a_reply_that_a_filter_held_back_tells_nothing_of_the_next_prompt() -> None:
    def policy(messages: Sequence[Message]) -> str:
        said = sum(one.role == "assistant" for one in messages)
        if said == 0:
            raise ModelContentFilterError("held back")
        return [repl("n = 3"), repl("await FINAL(n)")][said - 1]

    limits = Limits(max_tokens=200_000)
    whole = await session(MeteredLLM(policy, latency=lambda: 0), limits=limits)
    assert whole.answer == 3
    cut = until(whole.trace, ModelRequested, 2)
    done = await session(MeteredLLM(policy, latency=lambda: 0), cut, limits=limits)
    assert prompt_bounds(done.trace)[1] == prompt_bounds(whole.trace)[1]


class Denser(MeteredLLM):
    """Counts more tokens than the model whose place it takes."""

    name = "denser"


async def test_what_one_model_counted_bounds_no_prompt_of_another() -> None:
    replies = script({"root": [repl("n = 1"), repl("await FINAL(n)")]})
    limits = Limits(max_tokens=200_000)
    whole = await session(MeteredLLM(replies, latency=lambda: 0), limits=limits)
    cut = until(whole.trace, ModelRequested, 2)
    same = await session(MeteredLLM(replies, latency=lambda: 0), cut.cut(99), limits=limits)
    other = await session(Denser(replies, latency=lambda: 0), cut.cut(99), limits=limits)
    assert same.answer == other.answer == 1
    sent = sum(len(one["content"]) for one in new(other, ModelRequested)[-1].messages)
    assert prompt_bounds(same.trace)[-1] < sent < prompt_bounds(other.trace)[-1]


async def test_an_answer_that_was_given_in_time_is_one_when_the_time_is_over() -> None:
    whole = await session(script({"root": [repl("await FINAL(5)")]}))
    cut = until(whole.trace, NodeEnded)
    first, last = cut.events[0], cut.events[-1]
    # Its sandbox took long to end
    cut.log[cut.log.index(last)] = replace(last, mono=first.mono + 100)
    done = await session(script({}), cut, limits=Limits(max_seconds=90))
    assert done.answer == 5


async def test_answers_on_record_are_given_where_no_more_could_be_asked() -> None:
    code = "a = await llm_query('a', model='other')\nprint(a)\nb = await llm_query('b')"
    replies = {"root": [repl(code), repl("await FINAL([a, b])")], "b": [repl("await FINAL(2)")]}
    other = MeteredLLM(lambda messages: repl("await FINAL(1)"), latency=lambda: 0)
    whole = await session(script(replies), aliases={"other": other})
    assert whole.answer == [1, 2]
    cut = until(whole.trace, SubCallEnded, 2)
    done = await session(script(replies), cut, limits=Limits(max_depth=0))
    assert done.answer == [1, 2] and done.asked.total() == 1


async def test_a_fork_pays_for_no_call_that_the_other_run_had_under_way() -> None:
    code = "a = [await one for one in [llm_query(p, recursive=False) for p in 'ab']]"
    replies = {"root": [repl(code), repl("await FINAL(a)")], "a": ["1"], "b": ["2"]}
    whole = await session(script(replies))
    cut = until(whole.trace, ModelAttemptStarted, 2)
    cut.record(RunForked(run="fork", parent="run", node=0, iteration=2, say=""))
    done = await session(script(replies), cut)
    assert done.answer == ["1", "2"]
    assert done.run.ledger.usage.calls == 4 == done.asked.total() + 1


async def test_what_an_earlier_model_may_have_cost_counts_at_its_price(tmp_path: Path) -> None:
    settings = describe_settings(
        model=Model("openai/metered", price=PRICE),
        sub_models=[],
        aliases={},
        base_url=None,
        mode="rlm",
        direct_below_chars=0,
        packages=[],
        spare_sandboxes=None,
        prompts=None,
        tools=[],
        child_tools="same",
    )
    replies = script({"root": [repl("n = 1"), repl("await FINAL(n)")]})
    limits = Limits(max_cost=10.0)
    whole = await session(MeteredLLM(replies, latency=lambda: 0), limits=limits)
    cut = until(whole.trace, ModelAttemptStarted, 2)
    began, *rest = cut.events
    assert isinstance(began, RunStarted)
    began = replace(began, settings=settings, limits={"max_cost": 10.0})
    recorded = await read_recorded(write_trace(tmp_path, "run", began, *rest), None)
    other = Denser(replies, latency=lambda: 0)
    carried = Carried(recorded.past, Models(root=other, subs=[other], aliases={}), limits)
    ledger = Ledger(limits)
    carried.enter(ledger)
    attempt = rest[-1]
    assert isinstance(attempt, ModelAttemptStarted) and attempt.completion_tokens is not None
    worst = rates("max_cost", PRICE).amount(attempt.prompt_tokens, attempt.completion_tokens)
    assert ledger.account.spent("max_cost") > worst


@pytest.mark.parametrize("price", ["{}", "[]", '{"prompt": -1, "completion": "x"}', "1e999"])
def test_prices_that_make_no_sense_are_none(price: str) -> None:
    assert told_prices(f'{{"model": {{"name": "m", "price": {price}}}}}') == {}


async def test_nothing_is_left_of_what_is_less_now_than_was_used() -> None:
    async def act() -> int:
        return 1

    code = "a = [await act(), await act()]\nprint(await llm_query('child'))"
    child = [repl("n = limits()"), repl("await FINAL([n['depth'], limits()['depth']])")]
    last = "n = limits()\nawait FINAL([n[name] for name in ('depth', 'tool_calls', 'nodes')])"
    replies = {"root": [repl(code), repl(last)], "child": child}
    tools = Tools(root={"act": Tool(act)})
    whole = await session(script(replies), tools=tools, limits=Limits(max_depth=3))
    cut = until(whole.trace, CodeExecuted, 2)
    fewer = Limits(max_depth=0, max_tool_calls=1, max_nodes=1)
    done = await session(script(replies), cut, tools=tools, limits=fewer)
    assert done.answer == [0, 0, 0]
