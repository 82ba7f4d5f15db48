from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import anyio
import httpx
import pytest

from rlm_runtime.testing import Fault, FaultKind, RecordedRequest, open_loopback_server
from tests.testing.asking import BODY, STREAM, always, data_of, echo, post, text_of

pytestmark = pytest.mark.anyio


async def test_fault_status(client: httpx.AsyncClient) -> None:
    fault = Fault(status=429, message="slow down", headers={"retry-after": "2"})
    async with open_loopback_server(always(fault)) as server:
        response = await post(client, server, STREAM)
    assert (response.status_code, response.headers["retry-after"]) == (429, "2")
    assert response.json()["error"]["message"] == "slow down"


async def test_fault_status_with_retry_after(client: httpx.AsyncClient) -> None:
    faults = [
        Fault(status=503, retry_after=0.5),
        Fault(status=429, retry_after=timedelta(seconds=60)),
        Fault(status=429),
    ]
    async with open_loopback_server(echo, faults=faults) as server:
        told = [(await post(client, server, BODY)).headers.get("retry-after") for _ in faults]
    assert told[0] == "0.5"
    assert 50 < (parsedate_to_datetime(told[1]) - datetime.now(UTC)).total_seconds() <= 60
    assert told[2] is None


async def test_fault_error_body(client: httpx.AsyncClient) -> None:
    async with open_loopback_server(always(Fault("error_body", message="broken"))) as server:
        response = await post(client, server, STREAM)
    assert response.status_code == 200
    assert response.json()["error"] == {
        "message": "broken",
        "type": "server_error",
        "param": None,
        "code": 500,
    }


async def test_faults_come_after_pieces_of_the_text(client: httpx.AsyncClient) -> None:
    fault = Fault("error_body", message="broken", text="abcdef", after_chunks=2)
    async with open_loopback_server(always(fault), chunk_chars=2) as server:
        *chunks, error = data_of(await post(client, server, STREAM))
        fault.kind = "malformed"
        *same, no_json = data_of(await post(client, server, STREAM))
        fault.kind = "unfinished"
        unfinished = data_of(await post(client, server, STREAM))
        fault.kind, fault.after_chunks = "malformed", 0
        plain = await post(client, server, STREAM)
    assert text_of(chunks) == text_of(same) == text_of(unfinished) == "abcd"
    assert json.loads(error)["error"]["message"] == "broken"
    for text in (no_json, plain.text):
        with pytest.raises(ValueError, match="Expecting"):
            json.loads(text)


@pytest.mark.parametrize("body", [BODY, STREAM])
@pytest.mark.parametrize("after_chunks", [0, 1])
async def test_fault_cut(client: httpx.AsyncClient, body: object, after_chunks: int) -> None:
    fault = Fault("cut", text="text", after_chunks=after_chunks)
    async with open_loopback_server(always(fault)) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            await post(client, server, body)


@pytest.mark.parametrize("after_chunks", [0, 1])
async def test_fault_stall(client: httpx.AsyncClient, after_chunks: int) -> None:
    fault = Fault("stall", text="text", after_chunks=after_chunks)
    async with open_loopback_server(always(fault)) as server:
        client.timeout = httpx.Timeout(0.2)
        with pytest.raises(httpx.ReadTimeout):
            await post(client, server, STREAM)


USAGE = {**STREAM, "stream_options": {"include_usage": True}}


async def test_faults_come_in_the_order_of_the_requests(client: httpx.AsyncClient) -> None:
    faults = [Fault(status=503), None, Fault(status=400, code="no", message="not so")]
    async with open_loopback_server(echo, faults=faults) as server:
        responses = [await post(client, server, BODY) for _ in range(4)]
    assert [response.status_code for response in responses] == [503, 200, 400, 200]
    assert responses[2].json()["error"]["code"] == "no"


async def test_faults_may_depend_on_the_request(client: httpx.AsyncClient) -> None:
    seen: list[tuple[int, object]] = []

    def faults(number: int, request: RecordedRequest) -> Fault | None:
        seen.append((number, request.body["model"]))
        return Fault(status=429) if request.model == "bad" else None

    async with open_loopback_server(echo, faults=faults) as server:
        statuses = [
            (await post(client, server, {**BODY, "model": model})).status_code
            for model in ("bad", "good")
        ]
    assert (statuses, seen) == ([429, 200], [(0, "bad"), (1, "good")])


async def test_a_fault_breaks_the_reply_of_the_policy(client: httpx.AsyncClient) -> None:
    faults = [Fault("unfinished", after_chunks=2)]
    async with open_loopback_server(lambda _: "abcdef", chunk_chars=2, faults=faults) as server:
        assert text_of(data_of(await post(client, server, STREAM))) == "abcd"


async def test_fault_empty(client: httpx.AsyncClient) -> None:
    async with open_loopback_server(always(Fault("empty"))) as server:
        usage, done = data_of(await post(client, server, USAGE))
        plain = (await post(client, server, BODY)).json()
    assert done == "[DONE]"
    for body in (json.loads(usage), plain):
        assert body["choices"] == []
        assert body["usage"]["prompt_tokens"] == 2


async def test_fault_slow(client: httpx.AsyncClient) -> None:
    faults = [Fault("slow", seconds=0.05)]
    async with open_loopback_server(echo, chunk_chars=1, faults=faults) as server:
        started = anyio.current_time()
        *chunks, _, _ = data_of(await post(client, server, STREAM))
        assert anyio.current_time() - started >= 0.2
    assert text_of(chunks) == "hello"


async def test_a_stall_may_come_after_the_head(client: httpx.AsyncClient) -> None:
    async with open_loopback_server(always(Fault("stall", after_head=True))) as server:
        url = f"{server.base_url}/chat/completions"
        async with client.stream("POST", url, json=STREAM) as response:
            assert response.status_code == 200


@pytest.mark.parametrize(
    ("kind", "after_chunks", "billed"),
    [
        ("status", 0, (0, 0, 0)),
        ("error_body", 0, (0, 0, 0)),
        ("error_body", 1, (1, 2, 1)),
        ("cut", 0, (0, 0, 0)),
        ("cut", 2, (1, 2, 2)),
        ("unfinished", 0, (1, 2, 0)),
        ("unfinished", 1, (1, 2, 1)),
        ("malformed", 0, (0, 0, 0)),
        ("malformed", 1, (1, 2, 1)),
        ("empty", 0, (1, 2, 0)),
        ("stall", 0, (1, 2, 0)),
        ("stall", 1, (1, 2, 1)),
        ("slow", 0, (1, 2, 4)),
    ],
)
async def test_what_was_sent_is_billed(
    client: httpx.AsyncClient, kind: FaultKind, after_chunks: int, billed: tuple[int, int, int]
) -> None:
    faults = [Fault(kind, after_chunks=after_chunks, seconds=0.01)]
    client.timeout = httpx.Timeout(0.2)
    async with open_loopback_server(lambda _: "x" * 16, chunk_chars=4, faults=faults) as server:
        with suppress(httpx.TransportError):
            await post(client, server, USAGE)
        with anyio.fail_after(5):
            await server.wait_idle()
        stats = server.stats
    assert (
        stats.billed_calls,
        stats.billed_prompt_tokens,
        stats.billed_completion_tokens,
    ) == billed
