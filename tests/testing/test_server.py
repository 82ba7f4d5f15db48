from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence

import anyio
import httpx
import pytest
from anyio.abc import SocketStream

from rlm_runtime import testing
from rlm_runtime.testing import (
    Fault,
    LoopbackServer,
    Message,
    Policy,
    RecordedRequest,
    ServerStats,
    open_loopback_server,
)
from rlm_runtime.testing._recorder import Recorder
from tests.testing.asking import BODY, STREAM, always, data_of, echo, post

pytestmark = pytest.mark.anyio


def test_public_names_are_documented() -> None:
    for name in set(testing.__all__) - {"FaultKind", "Faults", "Policy"}:
        assert getattr(testing, name).__doc__


async def test_a_plain_reply(client: httpx.AsyncClient) -> None:
    async with open_loopback_server(echo) as server:
        reply = (await post(client, server, BODY)).json()
    assert reply["object"] == "chat.completion"
    assert reply["model"] == "m"
    assert reply["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
    ]
    usage = reply["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (2, 2, 4)


async def test_a_streamed_reply_comes_in_pieces(client: httpx.AsyncClient) -> None:
    async with open_loopback_server(echo, chunk_chars=2) as server:
        *chunks, done = data_of(await post(client, server, STREAM))
    assert done == "[DONE]"
    parsed = [json.loads(chunk) for chunk in chunks]
    assert [chunk["choices"][0]["delta"] for chunk in parsed] == [
        {"role": "assistant", "content": "he"},
        {"content": "ll"},
        {"content": "o"},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in parsed] == [None, None, None, "stop"]
    assert all("usage" not in chunk for chunk in parsed)


async def test_usage_is_streamed_only_when_asked_for(client: httpx.AsyncClient) -> None:
    body = {**STREAM, "stream_options": {"include_usage": True}}
    async with open_loopback_server(echo) as server:
        *chunks, usage, _ = data_of(await post(client, server, body))
    assert all(json.loads(chunk)["usage"] is None for chunk in chunks)
    assert json.loads(usage)["choices"] == []
    assert json.loads(usage)["usage"]["total_tokens"] == 4


async def test_an_empty_reply_is_streamed_too(client: httpx.AsyncClient) -> None:
    async with open_loopback_server(lambda _: "") as server:
        first, last, done = data_of(await post(client, server, STREAM))
    assert json.loads(first)["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert (json.loads(last)["choices"][0]["finish_reason"], done) == ("stop", "[DONE]")


async def test_policies_by_model(client: httpx.AsyncClient) -> None:
    policies: dict[str, Policy] = {"up": lambda m: m[-1].content.upper(), "same": echo}
    async with open_loopback_server(policies) as server:
        listed = (await client.get(f"{server.base_url}/models")).json()
        reply = (await post(client, server, {**BODY, "model": "up"})).json()
        missing = await post(client, server, BODY)
        assert dict(server.stats.by_model) == {"up": 1, "m": 1}
    assert [model["id"] for model in listed["data"]] == ["up", "same"]
    assert reply["choices"][0]["message"]["content"] == "HELLO"
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "model_not_found"


async def test_a_wrong_key_is_refused(client: httpx.AsyncClient) -> None:
    async with open_loopback_server(echo, api_key="right") as server:
        wrong = await post(client, server, BODY, authorization="Bearer wrong")
        none = await post(client, server, BODY)
        models = await client.get(f"{server.base_url}/models")
        right = await post(client, server, BODY, authorization="Bearer right")
        assert server.stats.requests == 3
    assert [r.status_code for r in (wrong, none, models, right)] == [401, 401, 401, 200]
    assert wrong.json()["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"model": "m"},
        {"model": "m", "messages": []},
        {"messages": BODY["messages"]},
        {"model": "m", "messages": ["hello"]},
        {"model": "m", "messages": [{"role": "tool", "content": ""}]},
        {"model": "m", "messages": [{"role": "user", "content": 1}]},
        {"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        {"model": "m", "messages": [{"role": [], "content": ""}]},
    ],
)
async def test_a_body_that_asks_for_nothing_is_refused(
    client: httpx.AsyncClient, body: object
) -> None:
    async with open_loopback_server(echo) as server:
        response = await post(client, server, body)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
async def test_a_body_that_is_no_json_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    async with open_loopback_server(echo) as server:
        response = await client.post(f"{server.base_url}/chat/completions", content=body)
    assert response.status_code == 400


async def test_all_forms_of_a_message_are_read(client: httpx.AsyncClient) -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "\ud800"}]
    messages = [
        {"role": "developer", "content": "rules"},
        {"role": "assistant", "content": None},
        {"role": "user", "content": parts},
    ]
    async with open_loopback_server(lambda m: f"{len(m)} messages") as server:
        body = json.dumps({"model": "m", "messages": messages})
        response = await client.post(f"{server.base_url}/chat/completions", content=body)
        (request,) = server.requests
    assert response.json()["choices"][0]["message"]["content"] == "3 messages"
    assert request.messages == (
        Message(role="system", content="rules"),
        Message(role="assistant", content=""),
        Message(role="user", content="a\ud800"),
    )


async def test_unknown_paths_and_methods_are_404(client: httpx.AsyncClient) -> None:
    async with open_loopback_server(echo) as server:
        url = f"{server.base_url}/chat/completions"
        responses = [await client.get(url), await client.head(url), await client.post(url + "s")]
        assert server.stats == ServerStats(connections=1)
    assert [response.status_code for response in responses] == [404, 404, 404]


async def test_a_policy_that_raises_is_a_500(client: httpx.AsyncClient) -> None:
    async with open_loopback_server(always(LookupError("no fruit"))) as server:
        response = await post(client, server, BODY)
        again = await post(client, server, STREAM)
    assert [response.status_code, again.status_code] == [500, 500]
    assert response.json()["error"]["message"] == "The policy raised LookupError: no fruit"


async def test_stats_are_counted_and_served(client: httpx.AsyncClient) -> None:
    async with open_loopback_server(echo) as server:
        first = await post(client, server, BODY)
        await post(client, server, STREAM)
        served = (await client.get(server.base_url.removesuffix("/v1") + "/stats")).json()
        assert server.stats == ServerStats(**served)
    assert served == {
        "requests": 2,
        "in_flight": 0,
        "peak_in_flight": 1,
        "by_model": {"m": 2},
        "prompt_chars": 10,
        "prompt_tokens": 4,
        "longest_body": max(len(first.request.content), served["longest_body"]),
        "connections": 1,
        "billed_calls": 2,
        "billed_prompt_tokens": 4,
        "billed_completion_tokens": 4,
    }


async def test_requests_are_recorded(client: httpx.AsyncClient) -> None:
    body = {**STREAM, "temperature": 0.5}
    async with open_loopback_server(echo) as server:
        sent = (await post(client, server, body, authorization="Bearer k")).request
        (request,) = server.requests
    assert (request.model, request.stream, request.chars) == ("m", True, 5)
    assert request.messages == (Message(role="user", content="hello"),)
    assert request.time > 1.7e9
    assert (request.body, request.raw) == (body, sent.content)
    assert request.headers["authorization"] == "Bearer k"
    assert "Bearer" not in repr(request)


def test_only_the_latest_requests_are_kept() -> None:
    recorder = Recorder(max_bytes=10)
    for number, text in enumerate(("aaaaaa", "bbbb", "cccc", "d" * 20)):
        assert recorder.record(request_of(text)) == number
        assert recorder.requests[-1].messages[0].content == text
        kept = sum(len(request.raw) for request in recorder.requests)
        assert kept <= max(10, len(text))
    assert recorder.stats.prompt_chars == 34


def request_of(text: str) -> RecordedRequest:
    messages = (Message(role="user", content=text),)
    return RecordedRequest(
        model="m", messages=messages, stream=False, time=0.0, raw=text.encode(), headers={}
    )


async def test_requests_are_served_in_parallel(client: httpx.AsyncClient) -> None:
    waits = iter([0.2] * 5)
    async with open_loopback_server(echo, latency=lambda: next(waits)) as server:
        started = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(post, client, server, STREAM)
        assert anyio.current_time() - started >= 0.2
        assert server.stats.peak_in_flight == 5


async def test_a_client_that_hangs_up_ends_its_request() -> None:
    asked, ended = anyio.Event(), anyio.Event()

    async def policy(messages: Sequence[Message]) -> str:
        asked.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()
        raise AssertionError

    async with (
        open_loopback_server(policy) as server,
        httpx.AsyncClient(trust_env=False) as client,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(post, client, server, STREAM)
        await asked.wait()
        assert server.stats.in_flight == 1
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True), anyio.fail_after(5):
            await ended.wait()
            assert server.stats.in_flight == 0


async def connect(server: LoopbackServer) -> SocketStream:
    return await anyio.connect_tcp("127.0.0.1", httpx.URL(server.base_url).port or 0)


async def test_pipelined_requests_are_answered_in_order() -> None:
    request = "GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"
    last = "GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    async with open_loopback_server(echo) as server, await connect(server) as stream:
        await stream.send((request + request + last).encode())
        received = b"".join([chunk async for chunk in stream])
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"200", b"200", b"404"]


async def test_a_client_may_ask_before_it_sends_its_body() -> None:
    body = json.dumps(BODY)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
    async with open_loopback_server(echo) as server, await connect(server) as stream:
        await stream.send(f"{head}expect: 100-continue\r\nconnection: close\r\n\r\n".encode())
        assert (await stream.receive()).startswith(b"HTTP/1.1 100 ")
        await stream.send(body.encode())
        assert b"HTTP/1.1 200 " in b"".join([chunk async for chunk in stream])


@pytest.mark.parametrize("sent", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"x" * 100_000])
async def test_what_is_no_http_is_refused_and_harms_nobody(
    client: httpx.AsyncClient, sent: bytes
) -> None:
    async with open_loopback_server(echo) as server:
        async with await connect(server) as stream:
            await stream.send(sent)
            assert (await stream.receive()).startswith(b"HTTP/1.1 4")
        assert (await post(client, server, BODY)).status_code == 200


def test_the_block_leaves_no_task_and_no_socket_behind() -> None:
    async def main() -> None:
        asked = anyio.Event()

        def policy(messages: Sequence[Message]) -> str:
            asked.set()
            raise Fault("stall")

        async with httpx.AsyncClient(trust_env=False) as client:
            async with anyio.create_task_group() as tasks, open_loopback_server(policy) as server:
                await (await connect(server)).aclose()
                tasks.start_soon(wait_for_the_end, client, server)
                await asked.wait()
            assert len(anyio.get_running_tasks()) == 1
            with pytest.raises(httpx.ConnectError):
                await post(client, server, BODY)

    async def wait_for_the_end(client: httpx.AsyncClient, server: LoopbackServer) -> None:
        with pytest.raises(httpx.RemoteProtocolError):
            await post(client, server, STREAM)

    anyio.run(main)
    before = os.listdir("/proc/self/fd")
    anyio.run(main)
    assert len(os.listdir("/proc/self/fd")) == len(before)


async def test_an_error_of_the_block_comes_out_as_itself() -> None:
    cause = KeyError("cause")
    with pytest.raises(LookupError, match="mine") as caught:
        async with open_loopback_server(echo):
            raise LookupError("mine") from cause
    assert caught.value.__cause__ is cause


async def test_a_taken_port_is_an_error() -> None:
    async with open_loopback_server(echo) as server:
        port = httpx.URL(server.base_url).port or 0
        with pytest.raises(OSError, match="in use"):
            async with open_loopback_server(echo, port=port):
                raise AssertionError
    async with open_loopback_server(echo, port=port) as server:
        assert server.base_url == f"http://127.0.0.1:{port}/v1"


async def test_pieces_must_have_a_size() -> None:
    with pytest.raises(ValueError, match="0 characters"):
        async with open_loopback_server(echo, chunk_chars=0):
            raise AssertionError
