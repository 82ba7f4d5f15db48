"""Limits of tokens and money as generated code meets them, in a real sandbox over real HTTP."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest

from rlm_runtime import RLM, Limits, Message
from rlm_runtime._llm.openai import open_openai
from rlm_runtime._models import Model, ModelInfo, Price
from rlm_runtime._types import Usage
from rlm_runtime.testing import open_loopback_server
from tests._engine.fakes import asked, repl

pytestmark = [pytest.mark.anyio, pytest.mark.deno, pytest.mark.usefixtures("assets")]

PRICE = Price(prompt=0.25, completion=2.0)
ROOT = repl(
    "at_first = limits()\n"
    "try:\n"
    "    await llm_query('child')\n"
    "except LLMQueryError as exc:\n"
    "    ended = [exc.stop_reason, exc.partial]",
    "prompts = ['leaf %d ' % n + 'x' * 400 for n in range(60)]\n"
    "got = await llm_query_batched(prompts, recursive=False, return_exceptions=True)\n"
    "answered = [one for one in got if isinstance(one, str)]\n"
    "refused = {one.stop_reason for one in got if not isinstance(one, str)}",
)
END = repl("FINAL([at_first, ended, len(answered), refused, limits()])")


def policy(messages: Sequence[Message]) -> str:
    if "leaf" in messages[1].content:
        return "word " * 200
    if asked(messages) == "child":
        return repl(f"n = {len(messages)}; print('half of it')")
    return ROOT if len(messages) == 2 else END


async def test_code_sees_its_limits_and_is_refused_what_does_not_fit() -> None:
    limits = Limits(max_cost=0.025, max_tokens=10**6, max_node_share=0.2)
    with anyio.fail_after(50):
        async with (
            open_loopback_server(policy) as server,
            open_openai(base_url=server.base_url, api_key=None) as endpoint,
        ):
            model = endpoint.model(Model("any", price=PRICE), ModelInfo(price=PRICE))
            async with RLM(model, limits=limits, trace_dir=None) as rlm:
                result = await rlm.run("root", context="")
            stats = server.stats
    at_first, ended, answered, refused, at_last = result.answer
    assert ended == ["max_cost", "half of it"]
    assert 5 < answered < 60 and refused == {"max_cost"}
    assert 0 < at_last["cost"] < at_first["cost"] < 0.025
    assert at_last["tokens"] < at_first["tokens"] < 10**6
    bill = Usage(
        prompt_tokens=stats.billed_prompt_tokens, completion_tokens=stats.billed_completion_tokens
    )
    assert PRICE.cost(bill) <= 0.025
    assert result.usage.cost == pytest.approx(PRICE.cost(bill))
    assert result.usage.calls == stats.billed_calls == stats.requests
