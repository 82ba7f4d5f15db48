from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest

from rlm_runtime._errors import ModelError, ModelRateLimitError
from rlm_runtime._llm.base import LLM, CallOptions
from rlm_runtime._llm.scripted import ScriptedLLM
from rlm_runtime._types import Completion, Message, Usage

pytestmark = pytest.mark.anyio

MESSAGES = [Message(role="system", content="12345"), Message(role="user", content="1234")]


async def test_replies_are_given_in_order_until_the_script_ends() -> None:
    model = ScriptedLLM(["one", "two"])
    assert [(await model.complete(MESSAGES)).text for _ in range(2)] == ["one", "two"]
    for _ in range(2):
        with pytest.raises(ModelError, match="the script has ended after 2"):
            await model.complete(MESSAGES)


async def test_a_policy_sees_the_messages() -> None:
    def policy(messages: Sequence[Message]) -> str:
        return "+".join(message.content for message in messages)

    assert (await ScriptedLLM(policy).complete(MESSAGES)).text == "12345+1234"


async def test_a_policy_may_be_async() -> None:
    async def policy(messages: Sequence[Message]) -> str:
        await anyio.lowlevel.checkpoint()
        return messages[-1].content

    assert (await ScriptedLLM(policy).complete(MESSAGES)).text == "1234"


async def test_usage_is_estimated_and_free() -> None:
    completion = await ScriptedLLM(["123456789"]).complete(MESSAGES)
    assert completion == Completion(
        text="123456789",
        model="scripted/policy",
        usage=Usage(calls=1, prompt_tokens=3, completion_tokens=3, cost=0.0),
        finish_reason="stop",
    )


@pytest.mark.parametrize(
    ("given", "name"), [("counter", "scripted/counter"), ("scripted/counter", "scripted/counter")]
)
async def test_the_name_says_that_it_is_scripted(given: str, name: str) -> None:
    model: LLM = ScriptedLLM(["reply"], name=given)
    assert model.name == name
    assert (await model.complete(MESSAGES)).model == name
    assert repr(model) == f"ScriptedLLM(name={name!r})"


async def test_an_error_of_the_policy_is_named_and_chained() -> None:
    def policy(messages: Sequence[Message]) -> str:
        raise LookupError("no such fruit")

    with pytest.raises(ModelError, match="raised LookupError: no such fruit") as caught:
        await ScriptedLLM(policy, name="fruits").complete(MESSAGES)
    assert "'scripted/fruits'" in str(caught.value)
    assert isinstance(caught.value.__cause__, LookupError)


async def test_a_policy_can_play_a_model_that_fails() -> None:
    def policy(messages: Sequence[Message]) -> str:
        raise ModelRateLimitError("Slow down", status=429, retry_after=2.0)

    with pytest.raises(ModelRateLimitError) as caught:
        await ScriptedLLM(policy).complete(MESSAGES)
    assert caught.value.retry_after == 2.0


async def test_a_reply_that_is_no_text_is_an_error() -> None:
    def policy(messages: Sequence[Message]) -> str:
        return 42  # type: ignore[return-value]  # the mistake that is tested

    with pytest.raises(ModelError, match="TypeError: .* of type 'int'"):
        await ScriptedLLM(policy).complete(MESSAGES)


def test_a_str_is_no_script() -> None:
    with pytest.raises(TypeError, match="list of replies"):
        ScriptedLLM("reply")


async def test_latency_is_waited_out_by_parallel_calls_together() -> None:
    model = ScriptedLLM(["reply"] * 8, latency=0.1)
    started = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(model.complete, MESSAGES)
    assert 0.1 <= anyio.current_time() - started < 0.8


async def test_a_reply_is_no_longer_than_a_call_allows() -> None:
    model = ScriptedLLM(lambda messages: "x" * 100)
    cut = await model.complete(MESSAGES, CallOptions(max_completion_tokens=10))
    assert (cut.text, cut.finish_reason, cut.usage.completion_tokens) == ("x" * 40, "length", 10)
    whole = await model.complete(MESSAGES, CallOptions(max_completion_tokens=25))
    assert (whole.text, whole.finish_reason) == ("x" * 100, "stop")
