from __future__ import annotations

import json
from collections.abc import Sequence

import anyio
import httpx
import pytest

from rlm_runtime.testing import Message, ScriptedLLM, ScriptedReply, open_loopback_server
from tests.testing.asking import BODY, STREAM, data_of, post, text_of

pytestmark = pytest.mark.anyio

USAGE = {**STREAM, "stream_options": {"include_usage": True}}


async def test_reasoning_comes_first_and_apart(client: httpx.AsyncClient) -> None:
    reply = ScriptedReply("answer", reasoning="let me think")
    async with open_loopback_server(lambda _: reply, chunk_chars=6) as server:
        *chunks, usage = map(json.loads, data_of(await post(client, server, USAGE))[:-1])
        plain = (await post(client, server, BODY)).json()["choices"][0]["message"]
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "reasoning_content": "let me"},
        {"reasoning_content": " think"},
        {"content": "answer"},
        {},
    ]
    assert usage["usage"]["completion_tokens_details"] == {"reasoning_tokens": 3}
    assert plain == {"role": "assistant", "content": "answer", "reasoning_content": "let me think"}


async def test_counts_and_cost_are_as_scripted(client: httpx.AsyncClient) -> None:
    reply = ScriptedReply(
        "x",
        prompt_tokens=100,
        cached_tokens=60,
        completion_tokens=40,
        reasoning_tokens=30,
        cost=0.25,
    )
    async with open_loopback_server(lambda _: reply) as server:
        usage = json.loads(data_of(await post(client, server, USAGE))[-2])["usage"]
        assert server.stats.billed_prompt_tokens == 100
        assert server.stats.billed_completion_tokens == 40
    assert usage == {
        "prompt_tokens": 100,
        "completion_tokens": 40,
        "total_tokens": 140,
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 30},
        "cost": 0.25,
    }


async def test_finish_reason_refusal_and_tool_calls(client: httpx.AsyncClient) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "python", "arguments": "{}"}}
    reply = ScriptedReply(tool_calls=[call], refusal="no", finish_reason="tool_calls")
    async with open_loopback_server(lambda _: reply) as server:
        first, last, _ = data_of(await post(client, server, STREAM))
    assert json.loads(first)["choices"][0]["delta"]["content"] == ""
    choice = json.loads(last)["choices"][0]
    assert choice["delta"] == {"refusal": "no", "tool_calls": [{"index": 0, **call}]}
    assert choice["finish_reason"] == "tool_calls"


async def test_pieces_come_when_the_script_has_them_come(client: httpx.AsyncClient) -> None:
    reply = ScriptedReply("ab", first_token_seconds=0.1, chunk_seconds=0.1, comment_seconds=0.02)
    async with open_loopback_server(lambda _: reply, chunk_chars=1) as server:
        started = anyio.current_time()
        response = await post(client, server, STREAM)
        assert anyio.current_time() - started >= 0.2
        await post(client, server, BODY)
        assert anyio.current_time() - started >= 0.3
    events = response.text.split("\n\n")
    first = events.index(next(event for event in events if event.startswith("data")))
    assert events[0] == ": PROCESSING"
    assert ": PROCESSING" in events[first:]


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_a_reply_is_cut_at_the_most_tokens_that_it_may_have(
    client: httpx.AsyncClient, name: str
) -> None:
    reply = ScriptedReply("t" * 40, reasoning="r" * 10)
    async with open_loopback_server(lambda _: reply) as server:
        *chunks, last, usage, _ = data_of(await post(client, server, {**USAGE, name: 5}))
        whole = (await post(client, server, {**BODY, name: 13})).json()["choices"][0]
    assert text_of(chunks) == "t" * 10
    assert json.loads(last)["choices"][0]["finish_reason"] == "length"
    assert json.loads(usage)["usage"]["completion_tokens"] == 5
    assert (whole["message"]["content"], whole["finish_reason"]) == ("t" * 40, "stop")


async def test_a_client_that_hangs_up_is_billed_what_was_sent() -> None:
    reply = ScriptedReply("x" * 8, chunk_seconds=60)
    async with (
        open_loopback_server(lambda _: reply, chunk_chars=4) as server,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        url = f"{server.base_url}/chat/completions"
        async with client.stream("POST", url, json=STREAM) as response:
            assert b"xxxx" in await anext(response.aiter_bytes())
        with anyio.fail_after(5):
            await server.wait_idle()
        assert server.stats.billed_prompt_tokens == 2
        assert server.stats.billed_completion_tokens == 1


async def test_a_scripted_model_gives_them_too() -> None:
    async def policy(messages: Sequence[Message]) -> ScriptedReply:
        return ScriptedReply(
            "text", reasoning="why", finish_reason="length", completion_tokens=7, cost=0.5
        )

    messages = [Message(role="user", content="hello")]
    for llm in (ScriptedLLM(policy), ScriptedLLM([await policy([])])):
        completion = await llm.complete(messages)
        assert (completion.text, completion.reasoning) == ("text", "why")
        assert completion.finish_reason == "length"
        assert (completion.usage.completion_tokens, completion.usage.cost) == (7, 0.5)
