from __future__ import annotations

import json
import os
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress

import anyio
import pytest

from rlm_runtime._errors import ConfigError, ModelReplyError, ModelUnavailableError
from rlm_runtime._llm.openai import open_openai
from rlm_runtime._types import Completion, Message, Usage
from rlm_runtime.testing import Fault, ScriptedReply, open_loopback_server
from tests._llm.raw_server import open_raw_server, response

pytestmark = pytest.mark.anyio

MESSAGES = [Message(role="system", content="be brief"), Message(role="user", content="hello")]
CHUNK = b'data: {"choices": [{"delta": {"content": "hi"}, "finish_reason": %s}]}\n\n'
WHOLE = CHUNK % b'"stop"' + b"data: [DONE]\n\n"


def echo(messages: Sequence[Message]) -> str:
    return messages[-1].content


async def complete(
    base_url: str,
    messages: Sequence[Message] = MESSAGES,
    *,
    api_key: str | None = None,
    connect_seconds: float = 10.0,
    first_token_seconds: float = 10.0,
    stall_seconds: float = 10.0,
) -> Completion:
    async with open_openai(
        base_url=base_url,
        api_key=api_key,
        connect_seconds=connect_seconds,
        first_token_seconds=first_token_seconds,
        stall_seconds=stall_seconds,
    ) as endpoint:
        return await endpoint.model("m").complete(messages)


async def test_a_reply_is_streamed_and_counted() -> None:
    text = "héllo wörld 🌍 " * 20
    async with open_loopback_server(lambda _: text, latency=0.05) as server:
        completion = await complete(server.base_url)
        (request,) = server.requests
    assert (completion.text, completion.reasoning) == (text, "")
    assert (completion.model, completion.finish_reason) == ("m", "stop")
    assert completion.usage == Usage(
        calls=1, prompt_tokens=4, completion_tokens=len(text) // 4, cost=None
    )
    assert completion.seconds_to_first_token is not None
    assert 0.05 <= completion.seconds_to_first_token < 5
    assert (request.model, request.stream) == ("m", True)
    assert request.messages == tuple(MESSAGES)


async def test_the_time_to_the_first_token_is_not_the_time_to_the_last() -> None:
    body = response(CHUNK % b"null" + CHUNK % b'"stop"')
    async with open_raw_server(body, holds=True) as server:
        started = anyio.current_time()
        completion = await complete(server.base_url, stall_seconds=0.3)
        seconds = anyio.current_time() - started
    assert completion.seconds_to_first_token is not None
    assert completion.seconds_to_first_token <= seconds - 0.29


async def test_the_request_on_the_wire() -> None:
    async with open_raw_server(response(WHOLE)) as server:
        await complete(server.base_url, api_key=" sk-key\n")
        await complete(server.base_url)
        await complete(server.base_url, api_key="")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    assert b"\r\nauthorization: Bearer sk-key\r\n" in head
    assert b"\r\ncontent-type: application/json" in head
    assert json.loads(body) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "hello"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    for request in server.requests[1:]:
        assert b"authorization" not in request.lower()


@pytest.mark.parametrize(
    ("suffix", "target"),
    [
        ("", "/chat/completions"),
        ("/", "/chat/completions"),
        ("/v1", "/v1/chat/completions"),
        ("/v1/", "/v1/chat/completions"),
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/chat/completions/", "/v1/chat/completions"),
        ("/a%20b/v1?api-version=1", "/a%20b/v1/chat/completions?api-version=1"),
    ],
)
async def test_all_forms_of_the_base_url(suffix: str, target: str) -> None:
    async with open_raw_server(response(WHOLE)) as server:
        await complete(f"http://127.0.0.1:{server.port}{suffix}")
    assert server.requests[0].split()[1].decode() == target


async def test_lone_surrogates_and_line_ends_go_through_unchanged() -> None:
    text = "\ud800 \udc00\ud800 \r\n \u2028 \x00 😀"
    async with open_loopback_server(echo, chunk_chars=1) as server:
        completion = await complete(server.base_url, [Message(role="user", content=text)])
    assert completion.text == text


async def test_many_calls_in_parallel_share_connections_that_are_used_again() -> None:
    count, arrived, all_here = 200, 0, anyio.Event()

    async def policy(messages: Sequence[Message]) -> str:
        nonlocal arrived
        arrived += 1
        if arrived == count:
            all_here.set()
        await all_here.wait()
        return messages[-1].content

    async with (
        open_loopback_server(policy) as server,
        open_openai(base_url=server.base_url, api_key=None) as endpoint,
    ):
        models = [endpoint.model("a"), endpoint.model("b")]
        texts: dict[int, str] = {}

        async def call(number: int) -> None:
            messages = [Message(role="user", content=f"number {number} " * 5)]
            texts[number] = (await models[number % 2].complete(messages)).text

        for _ in range(2):
            texts.clear()
            async with anyio.create_task_group() as tasks:
                for number in range(count):
                    tasks.start_soon(call, number)
            assert texts == {number: f"number {number} " * 5 for number in range(count)}
        assert server.stats.peak_in_flight == count
        assert server.stats.connections == count
        assert dict(server.stats.by_model) == {"a": count, "b": count}


def test_event_loops_may_follow_one_another() -> None:
    async def main() -> str:
        async with open_loopback_server(echo) as server:
            return (await complete(server.base_url)).text

    assert [anyio.run(main), anyio.run(main)] == ["hello", "hello"]
    before = os.listdir("/proc/self/fd")
    anyio.run(main)
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_event_loops_may_run_at_once_in_threads() -> None:
    at_once = threading.Barrier(3)
    texts: list[str] = []

    def policy(messages: Sequence[Message]) -> str:
        return messages[-1].content

    async def main(name: str) -> None:
        async with (
            open_loopback_server(policy) as server,
            open_openai(base_url=server.base_url, api_key=None) as endpoint,
        ):
            model = endpoint.model("m")
            at_once.wait(10)
            for _ in range(5):
                completion = await model.complete([Message(role="user", content=name)])
                texts.append(completion.text)

    threads = [threading.Thread(target=anyio.run, args=(main, name)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(texts) == sorted("abc" * 5)


def test_the_end_of_the_block_closes_every_connection_and_task() -> None:
    async def main(ends_by_error: bool) -> None:
        with suppress(LookupError):
            async with (
                open_loopback_server(echo, latency=0.01) as server,
                open_openai(base_url=server.base_url, api_key=None) as endpoint,
            ):
                async with anyio.create_task_group() as tasks:
                    for _ in range(50):
                        tasks.start_soon(endpoint.model("m").complete, MESSAGES)
                if ends_by_error:
                    raise LookupError
        assert len(anyio.get_running_tasks()) == 1

    anyio.run(main, False)
    before = os.listdir("/proc/self/fd")
    for ends_by_error in (False, True):
        anyio.run(main, ends_by_error)
        assert len(os.listdir("/proc/self/fd")) == len(before)


async def test_a_call_that_was_left_costs_no_connection_of_others() -> None:
    faults = [Fault("stall", after_chunks=1), Fault("cut"), Fault(status=500), None, None]
    async with (
        open_loopback_server(echo, faults=faults) as server,
        open_openai(base_url=server.base_url, api_key=None, stall_seconds=0.1) as endpoint,
    ):
        model = endpoint.model("m")
        for _ in range(3):
            with pytest.raises(ModelUnavailableError):
                await model.complete(MESSAGES)
        for _ in range(2):
            assert (await model.complete(MESSAGES)).text == "hello"
        # The stalled and the cut one were lost, the failed one was used again
        assert server.stats.connections == 3


async def test_a_cancelled_call_ends_at_the_server_too_and_the_endpoint_goes_on() -> None:
    asked, ended = anyio.Event(), anyio.Event()

    async def policy(messages: Sequence[Message]) -> str:
        if messages[-1].content == "hang":
            asked.set()
            try:
                await anyio.sleep_forever()
            finally:
                ended.set()
        return messages[-1].content

    async with (
        open_loopback_server(policy) as server,
        open_openai(base_url=server.base_url, api_key=None) as endpoint,
    ):
        model = endpoint.model("m")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(model.complete, [Message(role="user", content="hang")])
            await asked.wait()
            tasks.cancel_scope.cancel()
        with anyio.fail_after(5):
            await ended.wait()
            assert (await model.complete(MESSAGES)).text == "hello"


@pytest.mark.parametrize("after_head", [False, True])
async def test_an_endpoint_that_stalls_before_the_first_token(after_head: bool) -> None:
    async with open_loopback_server(echo, faults=[Fault("stall", after_head=after_head)]) as server:
        with pytest.raises(ModelUnavailableError, match=r"no first token within 0\.2 s"):
            await complete(server.base_url, first_token_seconds=0.2)


async def test_an_endpoint_that_stalls_between_tokens() -> None:
    async with open_loopback_server(echo, faults=[Fault("stall", after_chunks=1)]) as server:
        with pytest.raises(ModelUnavailableError, match=r"no further token within 0\.2 s"):
            await complete(server.base_url, stall_seconds=0.2)


@pytest.mark.parametrize(
    ("reply", "which"),
    [
        (ScriptedReply("hello", first_token_seconds=60, comment_seconds=0.05), "first"),
        (ScriptedReply("hello", chunk_seconds=60, comment_seconds=0.05), "further"),
    ],
)
async def test_comments_are_no_tokens(reply: ScriptedReply, which: str) -> None:
    async with open_loopback_server(lambda _: reply, chunk_chars=1) as server:
        with pytest.raises(ModelUnavailableError, match=rf"no {which} token within 0\.3 s"):
            first = 0.3 if which == "first" else 50
            await complete(server.base_url, first_token_seconds=first, stall_seconds=0.3)


async def test_empty_pieces_are_no_tokens() -> None:
    empty = b'data: {"choices": [{"delta": {"role": "assistant", "content": ""}}]}\n\n'
    async with open_raw_server(response(empty * 3), holds=True) as server:
        with pytest.raises(ModelUnavailableError, match="no first token"):
            await complete(server.base_url, first_token_seconds=0.2)


async def test_a_queue_before_the_first_token_may_be_longer_than_a_stall() -> None:
    reply = ScriptedReply("hello", first_token_seconds=0.5, comment_seconds=0.05)
    async with open_loopback_server(lambda _: reply, latency=0.3) as server:
        completion = await complete(server.base_url, stall_seconds=0.2)
    assert completion.text == "hello"
    assert completion.seconds_to_first_token is not None
    assert completion.seconds_to_first_token >= 0.8


async def test_tokens_that_come_in_time_may_take_as_long_as_they_need() -> None:
    reply = ScriptedReply("x" * 8, chunk_seconds=0.15)
    async with open_loopback_server(lambda _: reply, chunk_chars=1) as server:
        completion = await complete(server.base_url, first_token_seconds=0.8, stall_seconds=0.8)
    assert completion.text == "x" * 8


async def test_comments_after_the_reply_hold_up_nobody() -> None:
    body = response(CHUNK % b'"stop"')
    async with open_raw_server(body, drips=b": and so on\n\n") as server:
        with anyio.fail_after(5):
            assert (await complete(server.base_url, stall_seconds=0.2)).text == "hi"


async def test_connecting_has_a_time_limit() -> None:
    # A peer that never answers the TLS hello stops connecting halfway
    async with open_raw_server(b"", holds=True) as server:
        url = server.base_url.replace("http:", "https:")
        with pytest.raises(ModelUnavailableError, match=r"no connection within 0\.2 s"):
            await complete(url, connect_seconds=0.2)


async def test_a_closed_port_is_unavailable() -> None:
    async with open_raw_server(b"") as server:
        pass
    with pytest.raises(ModelUnavailableError, match="Cannot complete with 'm' at .*no connection"):
        await complete(server.base_url)


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200", b"nonsense\r\n\r\n"])
async def test_a_peer_that_speaks_no_http_is_unavailable(head: bytes) -> None:
    async with open_raw_server(head) as server:
        with pytest.raises(ModelUnavailableError, match="broke off"):
            await complete(server.base_url)


async def test_a_stream_that_stays_open_after_its_end_is_left() -> None:
    async with open_raw_server(response(WHOLE), holds=True) as server:
        with anyio.fail_after(5):
            completion = await complete(server.base_url)
    assert completion.text == "hi"


async def test_an_endless_reply_is_refused() -> None:
    async with (
        open_loopback_server(lambda _: "x" * 100_000) as server,
        open_openai(base_url=server.base_url, api_key=None, max_reply_bytes=50_000) as endpoint,
    ):
        with pytest.raises(ModelReplyError, match="larger than 50000 bytes"):
            await endpoint.model("m").complete(MESSAGES)


@pytest.mark.parametrize(
    "base_url", ["", "localhost:8000/v1", "ftp://x/v1", "http://", "http://x:port", "http://a\nb"]
)
async def test_a_base_url_that_makes_no_sense_is_refused(base_url: str) -> None:
    with pytest.raises(ConfigError, match="Cannot use .*base URL"):
        await complete(base_url)


@pytest.mark.parametrize("key", ["sk-secret\nx", "sk-secret x", "sk-secret-é", "sk-secret\x7f"])
async def test_a_key_that_no_header_may_carry_is_refused_unseen(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        await complete("http://127.0.0.1:1/v1", api_key=key)
    assert "secret" not in "".join(traceback.format_exception(caught.value))


async def test_secrets_show_in_no_repr() -> None:
    url = "http://user:hidden@127.0.0.1:1/v1?key=hidden"
    async with open_openai(base_url=url, api_key="sk-hidden") as endpoint:
        model = endpoint.model("m")
        assert repr(endpoint) == "OpenAIEndpoint('http://127.0.0.1:1/v1')"
        assert repr(model) == "OpenAIModel('m', 'http://127.0.0.1:1/v1')"
        with pytest.raises(ModelUnavailableError) as caught:
            await model.complete(MESSAGES)
    assert "hidden" not in "".join(traceback.format_exception(caught.value)) + repr(caught.value)


@pytest.mark.parametrize("base_url", ["http://me:s3cret/x@host/v1", "http://me:s3cret#1@host/v1"])
async def test_a_base_url_that_is_none_is_not_told(base_url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        async with open_openai(base_url=base_url, api_key=None):
            pass
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


async def test_a_proxy_that_is_no_url_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://me:s3cret#1@proxy:80")
    with pytest.raises(ConfigError) as caught:
        async with open_openai(base_url="http://example.test/v1", api_key=None):
            pass
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
