"""One protocol, one behaviour: the same cases through the httpx client and through litellm."""

from __future__ import annotations

import traceback
from collections.abc import Sequence

import anyio
import pytest

from rlm_runtime._errors import (
    ConfigError,
    ModelAuthenticationError,
    ModelContentFilterError,
    ModelContextWindowError,
    ModelError,
    ModelRateLimitError,
    ModelReplyError,
    ModelUnavailableError,
)
from rlm_runtime._llm.base import CallOptions
from rlm_runtime._models import Model, ModelInfo, Price
from rlm_runtime._types import Completion, Message, Usage
from rlm_runtime.testing import Fault, LoopbackServer, ScriptedReply, open_loopback_server
from tests._llm.clients import CLIENTS, KEY, open_client

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("client", CLIENTS)]

MESSAGES = [Message(role="system", content="be brief"), Message(role="user", content="hello")]
PRICE = Price(prompt=1000.0, completion=2000.0, cached=100.0)
PRICED = ModelInfo(price=PRICE, structured_output=True)


async def complete(client: str, reply: str | ScriptedReply, content: str = "hello") -> Completion:
    messages = [MESSAGES[0], Message(role="user", content=content)]
    async with (
        open_loopback_server(lambda _: reply, api_key=KEY) as server,
        open_client(client, server.base_url, info=PRICED) as model,
    ):
        return await model.complete(messages)


async def fail(
    client: str, fault: Fault, *, stall_seconds: float = 20.0, first_token_seconds: float = 20.0
) -> tuple[ModelError, LoopbackServer]:
    async with (
        open_loopback_server(lambda _: "x" * 200, faults=[fault] * 10) as server,
        open_client(
            client,
            server.base_url,
            info=PRICED,
            stall_seconds=stall_seconds,
            first_token_seconds=first_token_seconds,
        ) as model,
    ):
        with pytest.raises(ModelError) as caught:
            await model.complete(MESSAGES)
    assert KEY not in "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    return caught.value, server


async def test_a_reply_comes_whole_and_counted(client: str) -> None:
    text = "héllo wörld 🌍 \n\n```repl\nx = 1\n```" * 20
    completion = await complete(client, text)
    assert (completion.text, completion.reasoning) == (text, "")
    assert completion.finish_reason == "stop"
    usage = completion.usage
    assert (usage.calls, usage.prompt_tokens) == (1, 4)
    assert usage.completion_tokens == -(-len(text) // 4)
    assert usage.cost == pytest.approx(PRICE.cost(usage))
    assert completion.seconds_to_first_token is not None


async def test_reasoning_and_all_counts_are_kept_apart(client: str) -> None:
    completion = await complete(
        client,
        ScriptedReply(
            "the answer",
            reasoning="I think so",
            prompt_tokens=100,
            cached_tokens=60,
            completion_tokens=50,
            reasoning_tokens=30,
        ),
    )
    assert (completion.text, completion.reasoning) == ("the answer", "I think so")
    counted = Usage(
        calls=1,
        prompt_tokens=100,
        cached_tokens=60,
        completion_tokens=50,
        reasoning_tokens=30,
        cost=pytest.approx(40 * 0.001 + 60 * 0.0001 + 50 * 0.002),  # type: ignore[arg-type]
    )
    assert completion.usage == counted


async def test_what_the_provider_says_of_the_cost_counts(client: str) -> None:
    assert (await complete(client, ScriptedReply("hi", cost=0.125))).usage.cost == 0.125
    # A gateway that knows no price says 0, which would lift a limit of money
    usage = (await complete(client, ScriptedReply("hi", cost=0.0))).usage
    assert usage.cost == pytest.approx(PRICE.cost(usage)) and PRICE.cost(usage) > 0


async def test_a_reply_that_was_cut_at_its_length_says_so(client: str) -> None:
    completion = await complete(client, ScriptedReply("half a", finish_reason="length"))
    assert (completion.text, completion.finish_reason) == ("half a", "length")


async def test_calls_of_tools_are_told_as_text(client: str) -> None:
    named = {"name": "python", "arguments": '{"code": "print(1)"}'}
    calls = [{"index": 0, "id": "a", "type": "function", "function": named}]
    completion = await complete(client, ScriptedReply(tool_calls=calls, finish_reason="tool_calls"))
    assert completion.text == (
        '<tool_call>\n{"name": "python", "arguments": {"code": "print(1)"}}\n</tool_call>'
    )
    assert completion.finish_reason == "tool_calls"
    assert completion.seconds_to_first_token is not None


async def test_a_refusal_is_text(client: str) -> None:
    assert (await complete(client, ScriptedReply(refusal="I can't"))).text == "I can't"


async def test_a_filter_that_leaves_nothing_is_told(client: str) -> None:
    with pytest.raises(ModelContentFilterError) as caught:
        await complete(client, ScriptedReply(finish_reason="content_filter"))
    assert caught.value.spent.prompt_tokens > 0
    kept = await complete(client, ScriptedReply("some", finish_reason="content_filter"))
    assert (kept.text, kept.is_filtered) == ("some", True)


async def test_a_surrogate_pair_that_was_cut_in_two_is_joined(client: str) -> None:
    text = "🌍" * 30
    async with (
        open_loopback_server(lambda _: text, chunk_chars=1) as server,
        open_client(client, server.base_url) as model,
    ):
        assert (await model.complete(MESSAGES)).text == text


async def test_a_prompt_with_half_a_pair_is_sent(client: str) -> None:
    assert (await complete(client, "fine", "\ud800 and é")).text == "fine"


async def test_settings_and_options_are_sent(client: str) -> None:
    settings = Model(
        "m", temperature=0.25, top_p=0.5, max_completion_tokens=900, extra={"top_k": 3}
    )
    async with (
        open_loopback_server(lambda _: "{}") as server,
        open_client(client, server.base_url, model=settings, info=PRICED) as model,
    ):
        await model.complete(MESSAGES, CallOptions(max_completion_tokens=700))
        (request,) = server.requests
    body = request.body
    assert (body["temperature"], body["top_p"], body["stream"]) == (0.25, 0.5, True)
    assert body.get("top_k") == 3
    assert 700 in (body.get("max_tokens"), body.get("max_completion_tokens"))
    assert body["messages"] == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hello"},
    ]


async def test_an_extra_may_be_a_setting_and_a_cap_is_never_raised_by_one(client: str) -> None:
    settings = Model("m", temperature=0.25, extra={"top_p": 0.5, "max_tokens": 900})
    for asked, sent in ((700, 700), (5000, 900), (None, 900)):
        async with (
            open_loopback_server(lambda _: "{}") as server,
            open_client(client, server.base_url, model=settings) as model,
        ):
            await model.complete(MESSAGES, CallOptions(max_completion_tokens=asked))
            body = server.requests[0].body
        assert (body["temperature"], body["top_p"]) == (0.25, 0.5)
        caps = {body[name] for name in ("max_tokens", "max_completion_tokens") if name in body}
        assert caps == {sent}


async def test_a_schema_is_sent_where_the_model_takes_it(client: str) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    async with open_loopback_server(lambda _: "{}") as server:
        for info in (PRICED, ModelInfo()):
            async with open_client(client, server.base_url, info=info) as model:
                await model.complete(MESSAGES, CallOptions(schema=schema))
        with_it, without = [request.body for request in server.requests]
    assert with_it["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": True},
    }
    assert "response_format" not in without


@pytest.mark.parametrize(
    ("fault", "kind", "status"),
    [
        (Fault(status=401), ModelAuthenticationError, 401),
        (Fault(status=403), ModelAuthenticationError, 403),
        (Fault(status=404, message="no such model"), ModelError, 404),
        (Fault(status=400, message="bad parameter"), ModelError, 400),
        (Fault(status=408), ModelUnavailableError, 408),
        (Fault(status=429), ModelRateLimitError, 429),
        (Fault(status=500), ModelUnavailableError, 500),
        (Fault(status=503), ModelUnavailableError, 503),
        (
            Fault(status=400, code="context_length_exceeded", message="maximum context length"),
            ModelContextWindowError,
            400,
        ),
        (
            Fault(status=400, code="content_filter", message="content management policy"),
            ModelContentFilterError,
            400,
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else None,
)
async def test_a_status_is_sent_once_and_told(
    client: str, fault: Fault, kind: type[ModelError], status: int
) -> None:
    error, server = await fail(client, fault)
    assert type(error) is kind
    assert error.status == status
    assert fault.message in str(error)
    assert server.stats.requests == 1
    assert error.spent == Usage()


@pytest.mark.parametrize("status", [429, 503])
async def test_what_the_endpoint_asks_to_wait_is_told(client: str, status: int) -> None:
    error, _ = await fail(client, Fault(status=status, headers={"Retry-After": "7"}))
    assert error.retry_after == 7.0


@pytest.mark.parametrize("after_chunks", [0, 3])
@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        ("cut", (ModelUnavailableError,)),
        ("unfinished", (ModelUnavailableError,)),
        # A handler of litellm passes over a line that it cannot read
        ("malformed", (ModelReplyError, ModelUnavailableError)),
        ("error_body", (ModelUnavailableError,)),
    ],
)
async def test_a_stream_that_breaks_is_told_and_charged(
    client: str, fault: str, kinds: tuple[type[ModelError], ...], after_chunks: int
) -> None:
    error, server = await fail(client, Fault(fault, after_chunks=after_chunks))  # type: ignore[arg-type]
    assert type(error) in kinds
    assert server.stats.requests == 1
    if after_chunks:
        assert error.spent.completion_tokens >= 15
        assert error.spent.prompt_tokens == 4
        assert error.spent.cost == pytest.approx(PRICE.cost(error.spent))


async def test_a_response_without_a_choice_is_no_reply(client: str) -> None:
    error, _ = await fail(client, Fault("empty"))
    assert type(error) is ModelReplyError


@pytest.mark.parametrize("after_chunks", [0, 3])
async def test_a_stall_ends_within_its_limit(client: str, after_chunks: int) -> None:
    started = anyio.current_time()
    error, _ = await fail(
        client,
        Fault("stall", after_chunks=after_chunks),
        first_token_seconds=60.0 if after_chunks else 0.3,
        stall_seconds=0.3 if after_chunks else 60.0,
    )
    assert type(error) is ModelUnavailableError
    # litellm may have to be imported first
    assert anyio.current_time() - started < 30.0
    # It has the request, and may bill it
    assert (error.spent.calls, error.spent.prompt_tokens) == (1, 4)


async def test_nobody_there_is_told(client: str) -> None:
    async with open_client(client, "http://127.0.0.1:9/v1") as model:
        with pytest.raises(ModelUnavailableError) as caught:
            await model.complete(MESSAGES)
    assert caught.value.status is None
    assert caught.value.spent == Usage()


async def test_many_calls_in_parallel_and_one_that_fails(client: str) -> None:
    def policy(messages: Sequence[Message]) -> str:
        if messages[-1].content == "13":
            raise Fault("cut", text="x" * 100, after_chunks=2)
        return messages[-1].content

    texts: list[str] = []
    async with (
        open_loopback_server(policy, latency=0.05) as server,
        open_client(client, server.base_url) as model,
    ):

        async def call(number: int) -> None:
            try:
                message = Message(role="user", content=str(number))
                texts.append((await model.complete([message])).text)
            except ModelUnavailableError:
                texts.append("failed")

        async with anyio.create_task_group() as tasks:
            for number in range(30):
                tasks.start_soon(call, number)
    assert sorted(texts) == sorted([str(n) for n in range(30) if n != 13] + ["failed"])


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize(("given", "sent"), [(5000, 700), (300, 300)])
async def test_a_cap_among_the_extras_never_lifts_that_of_a_limit(
    client: str, name: str, given: int, sent: int
) -> None:
    async with (
        open_loopback_server(lambda _: "hi") as server,
        open_client(client, server.base_url, model=Model("m", extra={name: given})) as model,
    ):
        await model.complete(MESSAGES, CallOptions(max_completion_tokens=700))
        (request,) = server.requests
    caps = [request.body.get(name) for name in ("max_tokens", "max_completion_tokens")]
    assert [cap for cap in caps if cap is not None] == [sent]


async def test_more_replies_than_one_are_not_asked_for(client: str) -> None:
    with pytest.raises(ConfigError, match="'n'"):
        async with open_client(client, "http://127.0.0.1:9/v1", model=Model("m", extra={"n": 5})):
            pass


@pytest.mark.parametrize(("status", "calls"), [(504, 1), (524, 1), (503, 0)])
async def test_a_gateway_that_stopped_waiting_is_charged(
    client: str, status: int, calls: int
) -> None:
    error, _ = await fail(client, Fault(status=status))
    assert type(error) is ModelUnavailableError
    assert (error.spent.calls, error.spent.prompt_tokens) == (calls, 4 * calls)
