from __future__ import annotations

import json

import httpx
import pytest

from rlm_runtime.testing import Fault, open_loopback_server
from tests.testing.asking import BODY, STREAM, always, data_of, post, text_of

pytestmark = pytest.mark.anyio


async def test_fault_status(client: httpx.AsyncClient) -> None:
    fault = Fault(status=429, message="slow down", headers={"retry-after": "2"})
    async with open_loopback_server(always(fault)) as server:
        response = await post(client, server, STREAM)
    assert (response.status_code, response.headers["retry-after"]) == (429, "2")
    assert response.json()["error"]["message"] == "slow down"


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
