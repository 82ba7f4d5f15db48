"""The clients that must behave alike, each as a way to open a model at a base URL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from rlm_runtime._llm.base import LLM
from rlm_runtime._llm.litellm import open_litellm
from rlm_runtime._llm.openai import open_openai
from rlm_runtime._models import Model, ModelInfo

# litellm has several ways of its own: OpenAI's SDK, and handlers that it shares among providers
CLIENTS = ("httpx", "openai/m", "hosted_vllm/m", "deepseek/m")
KEY = "sk-very-secret-key"


@asynccontextmanager
async def open_client(
    client: str,
    base_url: str,
    *,
    model: Model | None = None,
    info: ModelInfo | None = None,
    api_key: str = KEY,
    first_token_seconds: float = 20.0,
    stall_seconds: float = 20.0,
) -> AsyncIterator[LLM]:
    """Open a model by one of the clients."""
    model = model or Model("m")
    if client == "httpx":
        async with open_openai(
            base_url=base_url,
            api_key=api_key,
            first_token_seconds=first_token_seconds,
            stall_seconds=stall_seconds,
        ) as endpoint:
            yield endpoint.model(model, info)
        return
    async with open_litellm(
        first_token_seconds=first_token_seconds, stall_seconds=stall_seconds
    ) as litellm:
        at = replace(model, name=client, base_url=base_url, api_key=api_key)
        yield litellm.model(at, info)
