"""From a model as the caller gives it to one that can be called: its route, key and price."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from urllib.parse import urlsplit

import anyio.to_thread

from rlm_runtime._errors import ConfigError
from rlm_runtime._llm.base import LLM
from rlm_runtime._llm.extras import name_settings
from rlm_runtime._llm.litellm import LiteLLM, open_litellm
from rlm_runtime._llm.offline import OfflineLLM
from rlm_runtime._llm.openai import OpenAIEndpoint, open_openai
from rlm_runtime._llm.prices import Table, find_info, read_table
from rlm_runtime._llm.providers import missing_key, name_fault
from rlm_runtime._models import Model, ModelInfo

_OPENAI = "openai/"
_OPENAI_URL = "https://api.openai.com/v1"
_TABLE_PREFIXES = {"api.openai.com": _OPENAI, "openrouter.ai": "openrouter/"}
"""How the price table names the models of a host; it knows those of no other."""
_USUAL: Mapping[str, tuple[object, ...]] = {
    "service_tier": (None, "auto", "default", "flex", "standard", "standard_only"),
    "speed": (None, "standard"),
    "inference_geo": (None, "global"),
}
"""What extras of OpenAI and Anthropic may say without being dearer."""


class ModelOpener:
    """Opens models into a stack of blocks; those of one endpoint share its connections."""

    def __init__(
        self,
        stack: AsyncExitStack,
        *,
        base_url: str | None,
        api_key: str | None,
        is_offline: bool = False,
    ) -> None:
        """Store the settings.

        Args:
            stack: Closes what is opened.
            base_url: The endpoint of models that have none of their own.
            api_key: The key of that endpoint, or of OpenAI's; no other host is sent it.
            is_offline: Whether none is to be asked anything, so that no key is needed.
        """
        self._stack = stack
        self._base_url = base_url
        self._api_key = api_key
        self._is_offline = is_offline
        self._endpoints: dict[tuple[str, str | None], OpenAIEndpoint] = {}
        self._litellm: LiteLLM | None = None
        self._table: Table | None = None

    async def open(self, model: str | Model | LLM) -> LLM:
        """Open a model by its name or its settings; an object of the LLM protocol is one already.

        Raises:
            ConfigError: The name leads nowhere, there is no key, or the object is no model.
        """
        if not isinstance(model, str | Model):
            check_protocol(model)
            return model
        asked = Model(model) if isinstance(model, str) else model
        if self._is_offline:
            name, known_as = self._names(asked)
            return OfflineLLM(name, await self._info(asked, known_as))
        fault = name_fault(asked.name, asked.base_url or self._base_url)
        if fault is not None:
            raise ConfigError(f"Cannot use model {asked.name!r}: {fault}")
        if self._is_openai(asked):
            return await self._open_openai(asked)
        return await self._open_litellm(asked)

    def _is_openai(self, asked: Model) -> bool:
        return bool(asked.base_url or self._base_url or asked.name.startswith(_OPENAI))

    def _names(self, asked: Model) -> tuple[str, str | None]:
        """Give the name that a model goes by, and the one that the price table may know it by."""
        if not self._is_openai(asked):
            return asked.name, asked.name
        name = asked.name.removeprefix(_OPENAI)
        return name, table_name(name, asked.base_url or self._base_url or _OPENAI_URL)

    async def _open_openai(self, asked: Model) -> LLM:
        url = asked.base_url or self._base_url
        key = asked.api_key or (self._api_key if asked.base_url in (None, self._base_url) else None)
        if url is None and key is None:
            raise ConfigError(
                f"Cannot use model {asked.name!r}: there is no key; set OPENAI_API_KEY, or give the"
                " base_url of an endpoint that needs none"
            )
        where = url or _OPENAI_URL
        if (where, key) not in self._endpoints:
            opened = open_openai(base_url=where, api_key=key)
            self._endpoints[where, key] = await self._stack.enter_async_context(opened)
        name, known_as = self._names(asked)
        info = await self._info(asked, known_as)
        return self._endpoints[where, key].model(replace(asked, name=name), info)

    async def _open_litellm(self, asked: Model) -> LLM:
        variables = missing_key(asked.name)
        if variables and asked.api_key is None:
            raise ConfigError(
                f"Cannot use model {asked.name!r}: there is no key; set {' or '.join(variables)}"
            )
        info = await self._info(asked, asked.name)
        if self._litellm is None:
            self._litellm = await self._stack.enter_async_context(open_litellm())
        return self._litellm.model(asked, info)

    async def _info(self, asked: Model, name: str | None) -> ModelInfo:
        """Join what the caller says of a model with what the table knows."""
        known = ModelInfo()
        if name is not None:
            if self._table is None:
                self._table = await anyio.to_thread.run_sync(read_table)
            known = find_info(name, self._table)
        structured = asked.structured_output
        return ModelInfo(
            price=asked.price or (None if _is_priced_apart(asked) else known.price),
            context_tokens=asked.context_tokens or known.context_tokens,
            max_completion_tokens=known.max_completion_tokens,
            reply_tokens=asked.max_completion_tokens,
            structured_output=known.structured_output if structured is None else structured,
            settings=name_settings(asked),
        )


def _is_priced_apart(asked: Model) -> bool:
    """Tell whether a call asks for what may be dearer than the price table says."""
    return any(asked.extra.get(name) not in usual for name, usual in _USUAL.items())


def check_protocol(model: object) -> None:
    """Refuse an object that lacks what the LLM protocol asks for.

    Raises:
        ConfigError: It has no name, no info or no `complete`, or is a class.
    """
    if isinstance(model, type):
        raise ConfigError(f"Cannot use {model.__name__} as a model: it is a class, not an object")
    lacks = [
        what
        for what, is_there in (
            ("`name`, a str", isinstance(getattr(model, "name", None), str)),
            ("`info`, a ModelInfo", isinstance(getattr(model, "info", None), ModelInfo)),
            ("`complete`, a method", callable(getattr(model, "complete", None))),
        )
        if not is_there
    ]
    if lacks:
        raise ConfigError(
            f"Cannot use a {type(model).__name__} as a model: it has no {', no '.join(lacks)}; a"
            " model is a name, a Model or an object of the LLM protocol"
        )


def table_name(name: str, base_url: str) -> str | None:
    """Name a model as the price table does; None where another host serves it, at its own price."""
    try:
        host = urlsplit(base_url).hostname
    except ValueError:
        return None
    prefix = _TABLE_PREFIXES.get(host or "")
    return None if prefix is None else prefix + name
