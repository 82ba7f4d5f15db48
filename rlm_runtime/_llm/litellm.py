"""Models of all other providers, through litellm.

Every call streams, and nothing is retried here or below. litellm takes seconds to import: that
begins when the block begins, in a thread, and only the first call waits for it.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from types import ModuleType
from typing import Any

import anyio
import anyio.to_thread
import httpx

from rlm_runtime._errors import ModelError
from rlm_runtime._groups import unwrapped
from rlm_runtime._llm.base import LLM, NO_OPTIONS, CallOptions
from rlm_runtime._llm.caching import cached_messages, style_of
from rlm_runtime._llm.extras import join_settings, take_caps
from rlm_runtime._llm.litellm_errors import LiteLLMErrors
from rlm_runtime._llm.litellm_load import Clients, load_litellm
from rlm_runtime._llm.litellm_reply import LiteLLMReply
from rlm_runtime._llm.openai_errors import GATEWAY_TIMEOUTS, ModelErrors
from rlm_runtime._llm.structured import response_format
from rlm_runtime._models import Model, ModelInfo
from rlm_runtime._types import Completion, Message

_AFTER_DONE_SECONDS = 2.0
_CLOSE_SECONDS = 2.0
_MAX_REPLY_CHARS = 64 * 1024 * 1024
# What `Model` has a field for, and what would take attempts, prices and time out of our hands
_OURS = (
    *("api_base", "api_key", "base_url", "caching", "drop_params", "fallbacks", "max_retries"),
    *("no-log", "num_retries", "timeout"),
)
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL")
_LEAST_SECRET = 8


@asynccontextmanager
async def open_litellm(
    *,
    connect_seconds: float = 10.0,
    first_token_seconds: float = 300.0,
    stall_seconds: float = 120.0,
) -> AsyncIterator[LiteLLM]:
    """Open what litellm serves; its connections end with the block.

    Args:
        connect_seconds: How long connecting may take.
        first_token_seconds: How long a provider may think before the first piece of its reply.
        stall_seconds: How long it may send nothing after that.
    """
    clients = Clients()
    opened = LiteLLM(
        clients,
        # Its own limits only back ours, which hold for every provider
        timeouts=httpx.Timeout(first_token_seconds + stall_seconds, connect=connect_seconds),
        first_token_seconds=first_token_seconds,
        stall_seconds=stall_seconds,
    )
    with unwrapped():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(opened.load_early)
            try:
                yield opened
            finally:
                tasks.cancel_scope.cancel()
                await clients.aclose()


class LiteLLM:
    """All providers that litellm knows, for the length of a block."""

    def __init__(
        self,
        clients: Clients,
        *,
        timeouts: httpx.Timeout,
        first_token_seconds: float,
        stall_seconds: float,
    ) -> None:
        self.clients = clients
        self.timeouts = timeouts
        self.first_token_seconds = first_token_seconds
        self.stall_seconds = stall_seconds

    def model(self, model: str | Model, info: ModelInfo | None = None) -> LLM:
        """Give a model by its name with the provider in front, such as `anthropic/…`.

        Raises:
            ConfigError: Its settings would replace what the runtime sends.
        """
        model = Model(model) if isinstance(model, str) else model
        return _LiteLLMModel(self, model, info or ModelInfo())

    async def load_early(self) -> None:
        """Import litellm ahead of the first call, which will tell if it cannot be imported."""
        try:
            await self.load()
        except ImportError:
            return

    async def load(self) -> ModuleType:
        """Give litellm, when it is imported."""
        # An import cannot be stopped; a thread that goes on with it holds nothing up
        return await anyio.to_thread.run_sync(load_litellm, abandon_on_cancel=True)


class _LiteLLMModel:
    """One model of one provider."""

    def __init__(self, owner: LiteLLM, model: Model, info: ModelInfo) -> None:
        self._owner = owner
        self._model = model
        self._info = info
        self._settings = join_settings(model, ours=_OURS)
        self._caps = [model.max_completion_tokens, *take_caps(self._settings).values()]
        self._errors = ModelErrors(
            model=model.name, url=model.base_url or self._provider, api_key=model.api_key
        )

    def __repr__(self) -> str:
        return f"LiteLLMModel({self.name!r})"

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def info(self) -> ModelInfo:
        return self._info

    @property
    def _provider(self) -> str:
        return self._model.name.partition("/")[0]

    async def complete(
        self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
    ) -> Completion:
        try:
            litellm = await self._owner.load()
        except ImportError as exc:
            raise ModelError(f"Cannot complete with {self.name!r}: {exc}") from exc
        reply = LiteLLMReply(
            self._errors, messages, price=self._info.price, max_chars=_MAX_REPLY_CHARS
        )
        call = _Call(self._owner, litellm, reply)
        try:
            with self._owner.clients.used():
                await call.run(self._request(litellm, messages, options))
            if call.stalled is not None:
                raise self._errors.unavailable(call.stalled)
            return reply.finish(first=call.first)
        except Exception as exc:
            errors = LiteLLMErrors(
                litellm=litellm, errors=self._errors, secrets=_secrets(self._model)
            )
            error = errors.map(exc)
            # One that stalled has the request, and may go on with it
            stalled = call.stalled is not None or error.status in GATEWAY_TIMEOUTS
            if call.is_accepted or stalled:
                error.spent = reply.spent()
            # The text of a foreign error may hold a key
            raise error from None

    def _request(
        self, litellm: ModuleType, messages: Sequence[Message], options: CallOptions
    ) -> dict[str, object]:
        model = self._model
        request: dict[str, object] = {
            **self._settings,
            "model": model.name,
            "messages": cached_messages(_sendable(messages), style_of(model.name, None)),
            "stream": True,
            "stream_options": {"include_usage": True},
            "api_base": model.base_url,
            "api_key": model.api_key,
            "timeout": self._owner.timeouts,
            "num_retries": 0,
            "max_retries": 0,
            "drop_params": True,
            "caching": False,
            "no-log": True,
        }
        caps = [cap for cap in (*self._caps, options.max_completion_tokens) if cap is not None]
        if caps:
            request[_cap_name(litellm, model.name)] = min(caps)
        if options.schema is not None and self._info.structured_output:
            request["response_format"] = response_format(options.schema)
        if options.cache_key is not None and self._provider in ("openai", "azure"):
            request["prompt_cache_key"] = options.cache_key
        return {name: value for name, value in request.items() if value is not None}


class _Call:
    """One attempt, within its limits of time."""

    def __init__(self, owner: LiteLLM, litellm: ModuleType, reply: LiteLLMReply) -> None:
        self._owner = owner
        self._litellm = litellm
        self._reply = reply
        self.first: float | None = None
        """Seconds to the first piece of the reply."""
        self.is_accepted = False
        """Whether the provider has begun to answer."""
        self.stalled: str | None = None
        """What did not come in time."""

    async def run(self, request: Mapping[str, object]) -> None:
        started = anyio.current_time()
        with anyio.CancelScope(deadline=started + self._owner.first_token_seconds) as scope:
            # Its stream has no type that is worth a name: it differs between providers
            stream: Any = await self._litellm.acompletion(**request)
            self.is_accepted = True
            try:
                await self._read(stream, scope, started)
            except (httpx.TransportError, OSError):
                # What is lost after the last piece of the reply is its usage, which has an estimate
                if not self._reply.is_whole:
                    raise
            finally:
                await _close(stream)
        if scope.cancelled_caught and not self._reply.is_whole:
            self.stalled = (
                f"no first token within {self._owner.first_token_seconds:g} s"
                if self.first is None
                else f"the endpoint stalled: nothing came for {self._owner.stall_seconds:g} s"
            )

    async def _read(self, stream: Any, scope: anyio.CancelScope, started: float) -> None:
        """Read what came, before litellm accounts for it.

        Iterating its stream would, at the end, count all tokens anew, make up a finish reason
        that never came, and leave tasks behind.
        """
        source = getattr(stream, "completion_stream", stream)
        if source is None:
            await stream.fetch_stream()
            source = stream.completion_stream
        if not hasattr(source, "__aiter__"):
            source = stream
        async for piece in source:
            made = not hasattr(piece, "choices")
            if made:
                try:
                    piece = stream.chunk_creator(chunk=piece)
                except StopIteration:
                    break
            self._reply.take(piece, made=made)
            now = anyio.current_time()
            if self.first is None and self._reply.has_text:
                self.first = now - started
            if self._reply.is_whole:
                scope.deadline = now + _AFTER_DONE_SECONDS
            elif self.first is not None:
                scope.deadline = now + self._owner.stall_seconds
        self._reply.end(getattr(stream, "received_finish_reason", None))


async def _close(stream: Any) -> None:
    with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSE_SECONDS):
        if hasattr(stream, "aclose"):
            await stream.aclose()


def _sendable(messages: Sequence[Message]) -> list[Message]:
    """Replace lone surrogates, which the clients below litellm cannot encode."""
    return [
        one if one.content.isascii() else replace(one, content=_paired(one.content))
        for one in messages
    ]


def _paired(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@functools.cache
def _cap_name(litellm: ModuleType, model: str) -> str:
    """Choose the name of the cap on a reply: one that a provider does not know is dropped."""
    name, provider, _, _ = litellm.get_llm_provider(model=model)
    known = litellm.get_supported_openai_params(model=name, custom_llm_provider=provider) or ()
    return "max_completion_tokens" if "max_completion_tokens" in known else "max_tokens"


def _secrets(model: Model) -> list[str]:
    """Give all that must not be told: litellm takes keys from the environment and from extras."""
    given = {**os.environ, **model.extra}
    values = [
        value
        for name, value in given.items()
        if isinstance(value, str) and _SECRET_NAME.search(name.upper())
    ]
    known = {value for value in (*values, model.api_key or "") if len(value) >= _LEAST_SECRET}
    return sorted(known, key=len, reverse=True)
