"""How the tests ask a loopback server."""

from __future__ import annotations

import json
from collections.abc import Sequence

import httpx

from rlm_runtime.testing import LoopbackServer, Message, Policy

BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
STREAM = {**BODY, "stream": True}


def echo(messages: Sequence[Message]) -> str:
    return messages[-1].content


def always(fault: Exception) -> Policy:
    def policy(messages: Sequence[Message]) -> str:
        raise fault

    return policy


async def post(
    client: httpx.AsyncClient, server: LoopbackServer, body: object, **headers: str
) -> httpx.Response:
    return await client.post(f"{server.base_url}/chat/completions", json=body, headers=headers)


def data_of(response: httpx.Response) -> list[str]:
    assert response.headers["content-type"] == "text/event-stream"
    return [event.removeprefix("data: ") for event in response.text.split("\n\n") if event]


def text_of(events: Sequence[str]) -> str:
    chunks = [json.loads(event) for event in events]
    return "".join(c["delta"].get("content", "") for chunk in chunks for c in chunk["choices"])
