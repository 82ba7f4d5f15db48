from __future__ import annotations

import json
from typing import Any

import pytest

from rlm_runtime._errors import ConfigError
from rlm_runtime._llm.base import NO_OPTIONS, CallOptions
from rlm_runtime._llm.openai import open_openai
from rlm_runtime._llm.openai_request import RequestEncoder
from rlm_runtime._models import Model, ModelInfo, Price
from rlm_runtime._types import Message
from rlm_runtime.testing import open_loopback_server

MESSAGES = [Message(role="user", content="hello")]
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}
HOST = "127.0.0.1"
OPENAI = "api.openai.com"


def encode(
    model: Model,
    options: CallOptions = NO_OPTIONS,
    *,
    host: str = HOST,
    info: ModelInfo | None = None,
) -> dict[str, Any]:
    encoder = RequestEncoder(model, info or ModelInfo(), host=host)
    body: dict[str, Any] = json.loads(encoder.encode(MESSAGES, options))
    return body


def test_what_is_not_set_is_left_to_the_provider() -> None:
    assert encode(Model("m")) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_settings_and_extras_are_sent() -> None:
    extra = {"top_k": 5, "chat_template_kwargs": {"enable_thinking": False}}
    model = Model("m", temperature=0.0, top_p=0.5, seed=7, reasoning_effort="low", extra=extra)
    body = encode(model)
    sent = {"temperature": 0.0, "top_p": 0.5, "seed": 7, "reasoning_effort": "low", **extra}
    assert body == {**encode(Model("m")), **sent}


@pytest.mark.parametrize("name", ["model", "messages", "stream", "stream_options", "n"])
def test_an_extra_may_not_replace_what_is_ours(name: str) -> None:
    with pytest.raises(ConfigError, match=f"Cannot send '{name}' as an extra of model 'm'"):
        encode(Model("m", extra={name: 1}))


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), object()])
def test_an_extra_must_be_json(value: object) -> None:
    with pytest.raises(ConfigError, match="Cannot send the settings of model 'm' as JSON"):
        encode(Model("m", extra={"x": value}))


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (OPENAI, "max_completion_tokens"),
        ("eu.api.openai.com", "max_completion_tokens"),
        ("mine.openai.azure.com", "max_completion_tokens"),
        ("api.openai.com.example", "max_tokens"),
        ("notapi.openai.com.invalid", "max_tokens"),
        ("openrouter.ai", "max_tokens"),
        (HOST, "max_tokens"),
    ],
)
def test_the_cap_has_the_name_that_the_host_knows(host: str, name: str) -> None:
    body = encode(Model("m", max_completion_tokens=9), host=host)
    assert body[name] == 9
    assert len({"max_tokens", "max_completion_tokens"} & set(body)) == 1


@pytest.mark.parametrize(
    ("setting", "option", "sent"), [(9, None, 9), (None, 7, 7), (9, 7, 7), (7, 9, 7)]
)
def test_the_smaller_cap_is_sent(setting: int | None, option: int | None, sent: int) -> None:
    model = Model("m", max_completion_tokens=setting)
    assert encode(model, CallOptions(max_completion_tokens=option))["max_tokens"] == sent


def test_an_extra_can_name_the_cap_but_not_lift_it() -> None:
    model = Model("m", extra={"max_completion_tokens": 9})
    body = encode(model, CallOptions(max_completion_tokens=7))
    assert (body["max_completion_tokens"], "max_tokens" in body) == (7, False)
    assert encode(model)["max_completion_tokens"] == 9
    assert encode(Model("m", extra={"max_tokens": 9}), host=OPENAI)["max_tokens"] == 9


@pytest.mark.parametrize("cap", [0, -1, "many", True, 1.5, None])
def test_a_cap_that_is_none_is_refused(cap: object) -> None:
    with pytest.raises(ConfigError, match="Cannot limit a reply to"):
        encode(Model("m", extra={"max_tokens": cap}))


def test_a_schema_is_sent_only_to_models_that_take_one() -> None:
    options = CallOptions(schema=SCHEMA)
    assert "response_format" not in encode(Model("m"), options)
    body = encode(Model("m"), options, info=ModelInfo(structured_output=True))
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": SCHEMA},
    }


def test_the_cache_key_is_for_openai_alone() -> None:
    options = CallOptions(cache_key="run 1")
    assert encode(Model("m"), options, host=OPENAI)["prompt_cache_key"] == "run 1"
    assert "prompt_cache_key" not in encode(Model("m"), options)


def test_openrouter_is_asked_for_the_cost() -> None:
    assert encode(Model("m"), host="openrouter.ai")["usage"] == {"include": True}


@pytest.mark.anyio
async def test_a_model_is_told_by_name_or_with_settings() -> None:
    info = ModelInfo(price=Price(prompt=1.0, completion=2.0), context_tokens=100)
    async with (
        open_loopback_server(lambda _: "x" * 100) as server,
        open_openai(base_url=server.base_url, api_key="sk-key") as endpoint,
    ):
        plain = endpoint.model("m")
        assert (plain.name, plain.info) == ("m", ModelInfo())
        model = endpoint.model(Model("m", seed=3), info)
        assert (model.name, model.info) == ("m", info)
        completion = await model.complete(MESSAGES, CallOptions(max_completion_tokens=5))
        (request,) = server.requests
    assert (completion.text, completion.finish_reason) == ("x" * 20, "length")
    assert (request.body["seed"], request.body["max_tokens"]) == (3, 5)
    assert request.headers["authorization"] == "Bearer sk-key"
