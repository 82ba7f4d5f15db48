"""Which messages are marked for a prompt cache, and for whom."""

from __future__ import annotations

import json
from itertools import accumulate

import pytest

from rlm_runtime._llm.caching import CacheStyle, cached_messages, style_of
from rlm_runtime._llm.openai import open_openai
from rlm_runtime._types import Message, Role
from tests._llm.raw_server import open_raw_server, response


@pytest.mark.parametrize(
    ("name", "host", "style"),
    [
        ("anthropic/claude-sonnet-4.5", "openrouter.ai", "anthropic"),
        ("anthropic/claude-3.5-haiku:beta", "eu.openrouter.ai", "anthropic"),
        ("openai/gpt-5", "openrouter.ai", "none"),
        ("qwen/qwen3-coder", "openrouter.ai", "none"),
        ("anthropic/claude-sonnet-4-5", None, "anthropic"),
        ("bedrock/eu.anthropic.claude-sonnet-4-5-v1:0", None, "anthropic"),
        ("vertex_ai/claude-sonnet-4-5", None, "anthropic"),
        ("Claude-Opus-4-1", None, "anthropic"),
        ("gpt-5", None, "none"),
        ("gemini/gemini-2.5-pro", None, "none"),
        # Their owners may refuse what OpenAI does not know
        ("claude-sonnet-4-5", "api.anthropic.com", "none"),
        ("anthropic/claude-sonnet-4.5", "127.0.0.1", "none"),
        ("anthropic/claude", "openrouter.ai.example.com", "none"),
        ("anthropic/claude", "notopenrouter.ai", "none"),
    ],
)
def test_style_of(name: str, host: str | None, style: CacheStyle) -> None:
    assert style_of(name, host) == style


def history(iterations: int) -> list[Message]:
    roles: list[Role] = ["system", "user", *["assistant", "user"] * iterations]  # type: ignore[list-item]  # mypy joins the literals
    return [Message(role=role, content=f"{n} é\ud800") for n, role in enumerate(roles)]


def marks(written: list[dict[str, object]]) -> list[int]:
    return [n for n, one in enumerate(written) if "cache_control" in json.dumps(one)]


def texts(written: list[dict[str, object]]) -> list[str]:
    found = []
    for one in written:
        match one["content"]:
            case str(text):
                found.append(text)
            case [{"type": "text", "text": str(text)}]:
                found.append(text)
    return found


@pytest.mark.parametrize("iterations", range(4))
def test_system_and_last_user_message_are_marked(iterations: int) -> None:
    messages = history(iterations)
    written = cached_messages(messages, "anthropic")
    assert marks(written) == [0, len(messages) - 1]
    assert written[0] == {
        "role": "system",
        "content": [
            {"type": "text", "text": messages[0].content, "cache_control": {"type": "ephemeral"}}
        ],
    }
    assert texts(written) == [one.content for one in messages]
    assert [one["role"] for one in written] == [one.role for one in messages]


def test_without_a_style_messages_are_as_they_are() -> None:
    assert cached_messages(history(1), "none") == [
        {"role": one.role, "content": one.content} for one in history(1)
    ]


@pytest.mark.parametrize("empty", ["", " \n"])
def test_an_empty_text_gets_no_mark_as_the_provider_refuses_it(empty: str) -> None:
    messages = [
        Message(role="system", content=empty),
        Message(role="user", content="Hello"),
        Message(role="assistant", content=empty),
        Message(role="user", content=empty),
    ]
    assert marks(cached_messages(messages, "anthropic")) == [1]
    assert cached_messages([], "anthropic") == []


def test_each_mark_is_where_a_later_request_finds_it() -> None:
    # Anthropic looks back 20 blocks from a mark for one that an earlier request has left
    ends = [marks(cached_messages(history(n), "anthropic"))[-1] for n in range(20)]
    assert all(later - earlier <= 20 for earlier, later in zip(ends, ends[1:], strict=False))
    assert ends == list(accumulate([1] + [2] * 19))


def test_there_are_never_more_marks_than_the_four_that_are_allowed() -> None:
    many = [Message(role="system", content="s") for _ in range(9)] + history(9)
    assert len(marks(cached_messages(many, "anthropic"))) == 2


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("host", "model", "marked"),
    [
        ("openrouter.ai", "anthropic/claude-sonnet-4.5", [0, 3]),
        ("openrouter.ai", "openai/gpt-5", []),
        ("models.invalid", "anthropic/claude-sonnet-4.5", []),
    ],
)
async def test_marks_go_over_the_wire_to_openrouter_alone(
    host: str, model: str, marked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    chunk = b'data: {"choices": [{"delta": {"content": "hi"}, "finish_reason": "stop"}]}\n\n'
    monkeypatch.setenv("no_proxy", "")
    async with open_raw_server(response(chunk + b"data: [DONE]\n\n")) as proxy:
        # The proxy of the environment stands for the host, so that no network is needed
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        async with open_openai(base_url=f"http://{host}/api/v1", api_key=None) as endpoint:
            reply = await endpoint.model(model).complete(history(1))
    assert reply.text == "hi"
    sent = json.loads(proxy.requests[0].partition(b"\r\n\r\n")[2])["messages"]
    assert (marks(sent), texts(sent)) == (marked, [one.content for one in history(1)])
