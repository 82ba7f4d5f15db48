from __future__ import annotations

import json

import pytest

from rlm_runtime._errors import (
    ModelContentFilterError,
    ModelError,
    ModelReplyError,
    ModelUnavailableError,
)
from rlm_runtime._llm.openai import open_openai
from rlm_runtime._llm.openai_errors import ModelErrors
from rlm_runtime._llm.openai_reply import ReplyReader
from rlm_runtime._types import Completion, Message, Usage
from tests._llm.raw_server import open_raw_server, response

pytestmark = pytest.mark.anyio

MESSAGES = [Message(role="user", content="hello")]
DONE = "data: [DONE]\n\n"


async def complete(body: bytes, *headers: str) -> Completion:
    async with (
        open_raw_server(response(body, *headers)) as server,
        open_openai(base_url=server.base_url, api_key=None) as endpoint,
    ):
        return await endpoint.model("m").complete(MESSAGES)


async def fail(body: bytes, *headers: str) -> ModelError:
    async with (
        open_raw_server(response(body, *headers)) as server,
        open_openai(base_url=server.base_url, api_key=None) as endpoint,
    ):
        with pytest.raises(ModelError) as caught:
            await endpoint.model("m").complete(MESSAGES)
        return caught.value


def event(value: object, end: str = "\n") -> str:
    return f"data: {json.dumps(value)}{end}{end}"


def chunk(delta: object, finish_reason: str | None = None, **further: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}], **further}


HI = event(chunk({"role": "assistant", "content": "h"})) + event(chunk({"content": "i"}))
STOP = event(chunk({}, "stop"))
COUNTED = {
    "prompt_tokens": 7,
    "completion_tokens": 5,
    "prompt_tokens_details": {"cached_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 2},
    "cost": 0.25,
}
USAGE = Usage(
    calls=1,
    prompt_tokens=7,
    cached_tokens=3,
    completion_tokens=5,
    reasoning_tokens=2,
    cost=0.25,
)
ESTIMATE = Usage(calls=1, prompt_tokens=2, completion_tokens=1, cost=None)


@pytest.mark.parametrize(
    "stream",
    [
        HI + STOP + DONE,
        (HI + STOP + DONE).replace("\n", "\r\n"),
        (HI + STOP + DONE).replace("\n", "\r"),
        "\ufeff" + HI + STOP + DONE,
        ": a comment\n\n: another\n" + HI + ": and so on\n\n" + STOP + DONE,
        (HI + STOP + DONE).replace("data: ", "event: message\nid: 1\ndata:"),
        (HI + STOP + DONE).replace('"choices"', '\ndata: "choices"'),
        HI + STOP,
        HI + DONE,
        (HI + DONE).rstrip(),
        (HI + STOP).rstrip(),
        "data: \n\n" + HI + event({"choices": []}) + STOP + DONE,
        HI + event(chunk(None, "stop")) + DONE,
        HI + STOP + DONE + event({"error": "after the end"}) + "x",
        HI + STOP + event(chunk({}, None, error=None)) + DONE,
    ],
)
async def test_all_forms_of_a_stream(stream: str) -> None:
    completion = await complete(stream.encode(), "content-type: text/event-stream")
    assert (completion.text, completion.usage) == ("hi", ESTIMATE)
    assert completion.finish_reason == (None if '"stop"' not in stream else "stop")


@pytest.mark.parametrize(
    ("stream", "usage"),
    [
        (HI + STOP + event({"choices": [], "usage": COUNTED}) + DONE, USAGE),
        (HI + event(chunk({}, "stop", usage=COUNTED)) + DONE, USAGE),
        (HI + event(chunk({}, "stop", usage=COUNTED)) + event(chunk({}, usage=None)), USAGE),
        (HI + STOP + event({"usage": COUNTED}), USAGE),
        (HI + STOP + event({"choices": [], "usage": {}}) + DONE, ESTIMATE),
        (HI + STOP + event({"choices": [], "usage": "many"}) + DONE, ESTIMATE),
    ],
)
async def test_usage_is_read_wherever_it_comes(stream: str, usage: Usage) -> None:
    assert (await complete(stream.encode())).usage == usage


@pytest.mark.parametrize("cost", [-1, True, "0.1", None, float("nan"), float("inf")])
async def test_a_cost_that_is_no_cost_is_unknown(cost: object) -> None:
    stream = HI + STOP + event({"choices": [], "usage": {"cost": cost}}) + DONE
    assert (await complete(stream.encode())).usage.cost is None


@pytest.mark.parametrize("cost", [0, 0.0, 1e-7])
async def test_a_cost_of_nothing_is_known(cost: float) -> None:
    stream = HI + STOP + event({"choices": [], "usage": {"cost": cost}}) + DONE
    assert (await complete(stream.encode())).usage.cost == cost


@pytest.mark.parametrize("count", [-1, True, 1.5, "7", None])
async def test_a_count_that_is_no_count_is_estimated(count: object) -> None:
    counted = {"prompt_tokens": count, "completion_tokens": 9, "prompt_tokens_details": count}
    stream = HI + STOP + event({"choices": [], "usage": counted}) + DONE
    usage = Usage(calls=1, prompt_tokens=2, completion_tokens=9, cost=None)
    assert (await complete(stream.encode())).usage == usage


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
async def test_reasoning_is_kept_apart(name: str) -> None:
    first = event(chunk({name: "let me ", "content": ""})) + event(chunk({name: "think"}))
    completion = await complete((first + HI + STOP + DONE).encode())
    assert (completion.reasoning, completion.text) == ("let me think", "hi")
    assert completion.usage.completion_tokens == 4


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_details": [{"type": "reasoning.text", "text": "why"}]},
        {"reasoning_details": [{"type": "reasoning.summary", "summary": "why"}]},
        {"reasoning": "why", "reasoning_details": [{"type": "reasoning.text", "text": "why"}]},
        {"reasoning": "why", "reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "why"}]}]},
    ],
)
async def test_reasoning_in_other_forms(delta: object) -> None:
    completion = await complete((event(chunk(delta)) + HI + STOP + DONE).encode())
    assert (completion.reasoning, completion.text) == ("why", "hi")


async def test_thinking_in_the_text_stays_there() -> None:
    stream = event(chunk({"content": "<think>why</think>"})) + HI + STOP + DONE
    completion = await complete(stream.encode())
    assert (completion.reasoning, completion.text) == ("", "<think>why</think>hi")


@pytest.mark.parametrize("body", [{"content": None, "refusal": "I "}, {"refusal": "I "}])
async def test_a_refusal_is_the_reply(body: object) -> None:
    stream = event(chunk(body)) + event(chunk({"refusal": "can't"}, "stop")) + DONE
    completion = await complete(stream.encode())
    assert (completion.text, completion.finish_reason) == ("I can't", "stop")


def tool_call(index: int | None, **function: str) -> dict[str, object]:
    return {"tool_calls": [{**({} if index is None else {"index": index}), "function": function}]}


async def test_calls_of_tools_are_told_as_text() -> None:
    deltas = [
        {"content": "Let me look."},
        tool_call(0, name="python", arguments=""),
        tool_call(0, arguments='{"code": "pri'),
        tool_call(0, arguments='nt(1)"}'),
        tool_call(1, name="other", arguments="no JSON"),
    ]
    stream = "".join(event(chunk(delta)) for delta in deltas) + event(chunk({}, "tool_calls"))
    completion = await complete(stream.encode())
    assert completion.finish_reason == "tool_calls"
    assert completion.text == (
        'Let me look.\n<tool_call>\n{"name": "python", "arguments": {"code": "print(1)"}}\n'
        '</tool_call>\n<tool_call>\n{"name": "other", "arguments": "no JSON"}\n</tool_call>'
    )


async def test_calls_of_tools_in_a_whole_response_are_not_numbered() -> None:
    calls = [{"function": {"name": name, "arguments": "{}"}} for name in "ab"]
    body = {"choices": [{"message": {"content": None, "tool_calls": calls}}]}
    completion = await complete(json.dumps(body).encode())
    assert completion.text.count("<tool_call>") == 2
    assert completion.usage.completion_tokens > 1


@pytest.mark.parametrize(
    "calls", [1, [1], [{}], [{"index": "x"}], [{"function": []}], [{"function": {"name": 1}}] * 999]
)
async def test_calls_of_tools_that_make_no_sense_harm_nobody(calls: object) -> None:
    stream = HI + event(chunk({"tool_calls": calls})) + STOP + DONE
    text = (await complete(stream.encode())).text
    assert text.startswith("hi")
    assert text.count("<tool_call>") <= 100


async def test_a_filter_that_left_nothing_is_an_error() -> None:
    stream = event(chunk({"content": ""}, "content_filter", usage=COUNTED)) + DONE
    error = await fail(stream.encode())
    assert isinstance(error, ModelContentFilterError)
    assert error.spent == USAGE


async def test_a_filter_that_cut_the_reply_is_told() -> None:
    completion = await complete((HI + event(chunk({}, "content_filter"))).encode())
    assert (completion.text, completion.finish_reason) == ("hi", "content_filter")


async def test_the_model_is_named_as_the_endpoint_names_it() -> None:
    stream = event(chunk({"content": "hi"}, "length", model="m-2025")) + DONE
    completion = await complete(stream.encode())
    assert (completion.model, completion.finish_reason) == ("m-2025", "length")


async def test_a_pair_of_surrogates_that_was_cut_in_two_is_joined() -> None:
    stream = "".join(event(chunk({"content": half})) for half in "\ud83d\ude00\ud83d") + STOP
    assert (await complete(stream.encode())).text == "😀\ud83d"


@pytest.mark.parametrize(
    "content", ["hi", [{"type": "text", "text": "h"}, {"type": "text", "text": "i"}]]
)
@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream"])
async def test_a_plain_json_body_is_a_reply(content: object, content_type: str) -> None:
    message = {"role": "assistant", "content": content, "reasoning_content": "why"}
    body = {
        "choices": [{"message": message, "finish_reason": "stop"}],
        "usage": COUNTED,
        "model": "n",
    }
    sent = ("\n " + json.dumps(body, indent=1)).encode()
    assert await complete(sent, f"content-type: {content_type}") == Completion(
        text="hi", model="n", usage=USAGE, reasoning="why", finish_reason="stop"
    )


@pytest.mark.parametrize(
    "stream",
    ["", ": waiting\n\n", HI, HI + "data: {", HI + STOP[:-12], HI + "event: x", HI + "data: [DON"],
)
async def test_a_stream_that_ends_early_is_never_a_reply(stream: str) -> None:
    error = await fail(stream.encode())
    assert isinstance(error, ModelUnavailableError)
    assert str(error).endswith(": the stream ended before the reply did")


@pytest.mark.parametrize(
    ("body", "state"),
    [
        (HI + "data: {not JSON\n\n" + STOP, "malformed JSON: {not JSON"),
        (HI + "data: 1\n\n" + STOP, "a JSON int"),
        (HI + "data: " + "[" * 100_000 + "\n\n", "malformed JSON"),
        ("<html><b>Sign in</b></html>", "no event stream: <html>"),
        ('{"choices": [', "malformed JSON"),
        ("{}", "no choice"),
        ('{"choices": []}', "no choice"),
        ('{"choices": {}}', "no choice"),
        (DONE, "no choice"),
    ],
)
async def test_what_is_no_completion_is_an_error(body: str, state: str) -> None:
    error = await fail(body.encode())
    assert isinstance(error, ModelReplyError)
    assert state in str(error)


async def test_a_body_that_cannot_be_decoded_is_an_error() -> None:
    error = await fail(HI.encode(), "content-encoding: gzip")
    assert isinstance(error, ModelReplyError)
    assert "cannot be decoded" in str(error)


@pytest.mark.parametrize("text", [HI + STOP + DONE, "  \n" + json.dumps(chunk({"content": "hi"}))])
def test_where_the_bytes_are_cut_makes_no_difference(text: str) -> None:
    reader = ReplyReader(ModelErrors(model="m", url="u", api_key=None), max_bytes=10_000)
    for byte in text.encode():
        reader.feed(bytes([byte]))
    assert reader.finish(MESSAGES, first=None).text == "hi"


def test_bytes_are_counted_over_all_of_a_response() -> None:
    reader = ReplyReader(ModelErrors(model="m", url="u", api_key=None), max_bytes=1000)
    with pytest.raises(ModelError, match="larger than 1000 bytes"):
        for _ in range(1000):
            reader.feed(b": still waiting\n")


async def test_a_reply_says_whether_the_endpoint_counted_it() -> None:
    counted = HI + STOP + event({"choices": [], "usage": COUNTED}) + DONE
    assert (await complete(counted.encode())).is_counted
    assert not (await complete((HI + STOP + DONE).encode())).is_counted
    beside_the_end = HI + event(chunk({}, "stop", usage=COUNTED)) + DONE
    assert (await complete(beside_the_end.encode())).is_counted
    # What counts the first piece alone says nothing of those that came after it
    so_far = event(chunk({"content": "h"}, None, usage=COUNTED)) + HI + STOP
    assert not (await complete(so_far.encode())).is_counted
