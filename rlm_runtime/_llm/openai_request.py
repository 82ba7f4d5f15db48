"""The body of a request, out of a model's settings and what one call asks."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rlm_runtime._errors import ConfigError
from rlm_runtime._llm.base import CallOptions
from rlm_runtime._llm.caching import cached_messages, style_of
from rlm_runtime._llm.extras import CAPS, join_settings, take_caps
from rlm_runtime._llm.structured import response_format
from rlm_runtime._models import Model, ModelInfo
from rlm_runtime._types import Message

_OPENAI = "api.openai.com"
_AZURE = ".openai.azure.com"
_OPENROUTER = "openrouter.ai"


class RequestEncoder:
    """Makes the bodies of one model's requests.

    Raises:
        ConfigError: `extra` holds what is not for it, or a setting is no JSON.
    """

    def __init__(self, model: Model, info: ModelInfo, *, host: str) -> None:
        self._structured_output = info.structured_output
        self._takes_cache_key = host == _OPENAI or host.endswith("." + _OPENAI)
        self._cache_style = style_of(model.name, host)
        self._settings = _settings(model, host)
        caps = take_caps(self._settings)
        # OpenAI's reasoning models know the first alone; Ollama and LM Studio the second alone;
        # vLLM, llama.cpp and OpenRouter both
        takes_first = self._takes_cache_key or host.endswith(_AZURE)
        # An endpoint of another kind can be told by `extra` which of the names it takes
        self._cap_name = next(iter(caps), CAPS[0] if takes_first else CAPS[1])
        self._caps = [model.max_completion_tokens, *caps.values()]
        self._check(model)

    def encode(self, messages: Sequence[Message], options: CallOptions) -> bytes:
        """Make the body of one request."""
        body: dict[str, object] = {
            "model": self._settings["model"],
            "messages": cached_messages(messages, self._cache_style),
            "stream": True,
            "stream_options": {"include_usage": True},
            **self._settings,
        }
        given = (*self._caps, options.max_completion_tokens)
        caps = [tokens for tokens in given if tokens is not None]
        if caps:
            body[self._cap_name] = min(caps)
        if options.schema is not None and self._structured_output:
            body["response_format"] = response_format(options.schema)
        if options.cache_key is not None and self._takes_cache_key:
            body["prompt_cache_key"] = options.cache_key
        # ASCII escapes carry lone surrogates, which UTF-8 cannot
        return json.dumps(body, ensure_ascii=True).encode("ascii")

    def _check(self, model: Model) -> None:
        try:
            json.dumps(self._settings, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as exc:
            raise ConfigError(
                f"Cannot send the settings of model {model.name!r} as JSON: {exc}"
            ) from exc


def _settings(model: Model, host: str) -> dict[str, object]:
    # Asks for the cost
    usage = {"usage": {"include": True}} if host == _OPENROUTER else {}
    return {"model": model.name, **usage, **join_settings(model)}
