"""What an attempt that failed is charged, against what the server would bill."""

from __future__ import annotations

import pytest

from rlm_runtime._errors import ModelError
from rlm_runtime._llm.openai import open_openai
from rlm_runtime._models import ModelInfo, Price
from rlm_runtime._types import Message, Usage
from rlm_runtime.testing import (
    Fault,
    Policy,
    ScriptedReply,
    ServerStats,
    open_loopback_server,
)
from tests._llm.raw_server import open_raw_server, response

pytestmark = pytest.mark.anyio

MESSAGES = [Message(role="user", content="x" * 400)]
PROMPT = 100
INFO = ModelInfo(price=Price(prompt=1e6, completion=2e6))


async def spend(base_url: str, info: ModelInfo = INFO) -> Usage:
    """Make a call, and tell what it used, whether it failed or not."""
    async with open_openai(
        base_url=base_url, api_key=None, first_token_seconds=0.3, stall_seconds=0.3
    ) as endpoint:
        try:
            return (await endpoint.model("m", info).complete(MESSAGES)).usage
        except ModelError as exc:
            return exc.spent


async def spend_by(fault: Fault, policy: Policy) -> tuple[Usage, ServerStats]:
    async with open_loopback_server(policy, chunk_chars=16, faults=[fault]) as server:
        used = await spend(server.base_url)
        await server.wait_idle()
        return used, server.stats


def reply(_: object) -> ScriptedReply:
    return ScriptedReply("t" * 64, reasoning="r" * 32)


@pytest.mark.parametrize(
    ("fault", "tokens"),
    [
        (Fault(status=500), None),
        (Fault(status=429), None),
        (Fault(status=400), None),
        (Fault("cut"), None),
        (Fault("malformed"), None),
        (Fault("error_body"), None),
        (Fault("error_body", after_head=True), None),
        (Fault("cut", after_head=True), 0),
        (Fault("malformed", after_head=True), 0),
        (Fault("unfinished"), 0),
        (Fault("empty"), 0),
        (Fault("stall"), 0),
        (Fault("stall", after_head=True), 0),
        (Fault("cut", after_chunks=3), 12),
        (Fault("malformed", after_chunks=3), 12),
        (Fault("unfinished", after_chunks=3), 12),
        (Fault("error_body", after_chunks=3), 12),
        (Fault("stall", after_chunks=3), 12),
        (Fault("slow", seconds=0.01), 24),
    ],
)
async def test_the_charge_is_what_the_server_bills(fault: Fault, tokens: int | None) -> None:
    used, stats = await spend_by(fault, reply)
    if tokens is None:
        assert used == Usage()
    else:
        assert (used.calls, used.prompt_tokens, used.completion_tokens) == (1, PROMPT, tokens)
        assert used.cost == PROMPT + 2 * tokens
    assert stats.billed_calls == used.calls
    assert stats.billed_prompt_tokens == used.prompt_tokens
    assert stats.billed_completion_tokens == used.completion_tokens


async def test_without_a_price_the_cost_of_a_failure_is_unknown() -> None:
    async with open_loopback_server(reply, faults=[Fault("stall")]) as server:
        assert (await spend(server.base_url, ModelInfo())).cost is None


async def test_usage_that_came_before_the_failure_counts() -> None:
    piece = b'data: {"choices": [{"delta": {"content": "hi"}}], "usage": {"prompt_tokens": 7, '
    body = response(piece + b'"completion_tokens": 5, "cost": 0.5}}\n\ndata: {broken\n\n')
    async with open_raw_server(body) as server:
        used = await spend(server.base_url)
    assert used == Usage(calls=1, prompt_tokens=7, completion_tokens=5, cost=0.5)


async def test_no_connection_costs_nothing() -> None:
    async with open_raw_server(b"") as server:
        pass
    assert await spend(server.base_url) == Usage()


async def test_a_page_that_is_no_completion_costs_nothing() -> None:
    async with open_raw_server(response(b"<html>Sign in</html>")) as server:
        assert await spend(server.base_url) == Usage()


async def test_a_reply_that_is_too_large_is_charged() -> None:
    async with (
        open_loopback_server(lambda _: "x" * 100_000) as server,
        open_openai(base_url=server.base_url, api_key=None, max_reply_bytes=50_000) as endpoint,
    ):
        with pytest.raises(ModelError) as caught:
            await endpoint.model("m", INFO).complete(MESSAGES)
    assert caught.value.spent.prompt_tokens == PROMPT
    assert caught.value.spent.cost is not None
