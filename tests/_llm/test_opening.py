"""From a name to a model: which client, whose key, what is known of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rlm_runtime import RLM, ConfigError, Limits
from rlm_runtime._llm.extras import name_settings
from rlm_runtime._llm.opening import ModelOpener, table_name
from rlm_runtime._models import Model, ModelInfo, Price
from rlm_runtime._types import Completion, Message
from rlm_runtime.testing import LoopbackServer, ScriptedLLM, open_loopback_server
from tests._engine.fakes import repl

pytestmark = pytest.mark.anyio

HELLO = [Message(role="user", content="hello")]
PRICE = Price(prompt=1.0, completion=2.0)
NOWHERE = "http://127.0.0.1:9/v1"


@asynccontextmanager
async def opener(
    base_url: str | None = None, api_key: str | None = None
) -> AsyncIterator[ModelOpener]:
    async with AsyncExitStack() as stack:
        yield ModelOpener(stack, base_url=base_url, api_key=api_key)


def keys(server: LoopbackServer) -> list[str | None]:
    return [request.headers.get("authorization") for request in server.requests]


async def test_an_object_of_the_protocol_stays_as_it_is() -> None:
    model = ScriptedLLM(["hi"])
    async with opener() as models:
        assert await models.open(model) is model


class Bare:
    """A model of one's own that lacks what the protocol asks for."""

    name = "mine/bare"

    async def complete(self, messages: object, options: object = None) -> Completion:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Bare(), "Cannot use a Bare as a model: it has no `info`, a ModelInfo; a model is"),
        (42, "has no `name`, a str, no `info`, a ModelInfo, no `complete`"),
        (None, "Cannot use a NoneType as a model"),
        (ScriptedLLM, "Cannot use ScriptedLLM as a model: it is a class, not an object"),
    ],
)
async def test_an_object_that_is_no_model_is_refused(model: Any, message: str) -> None:
    async with opener() as models:
        with pytest.raises(ConfigError, match=message):
            await models.open(model)


async def test_a_key_goes_only_to_the_host_it_was_given_for() -> None:
    async with (
        open_loopback_server(lambda _: "hi") as server,
        open_loopback_server(lambda _: "hi") as other,
        opener(server.base_url, "sk-mine") as models,
    ):
        for model in (
            "m",
            Model("m"),
            Model("m", base_url=server.base_url),
            Model("m", base_url=other.base_url),
            Model("m", base_url=other.base_url, api_key="sk-other"),
        ):
            await (await models.open(model)).complete(HELLO)
        assert keys(server) == ["Bearer sk-mine"] * 3
        assert keys(other) == [None, "Bearer sk-other"]
        # Models of one endpoint share its connections
        assert server.stats.connections == 1
        assert other.stats.connections == 2


async def test_a_key_for_openai_goes_to_no_other_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        open_loopback_server(lambda _: "hi") as server,
        opener(None, "sk-of-openai") as models,
    ):
        monkeypatch.setenv("HOSTED_VLLM_API_BASE", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
        model = await models.open("hosted_vllm/m")
        completion = await model.complete(HELLO)
        assert (completion.text, model.name) == ("hi", "hosted_vllm/m")
        assert "sk-of-openai" not in str(keys(server))


async def test_what_is_known_of_a_model_comes_from_the_table_and_the_caller() -> None:
    async with opener(None, "sk-mine") as models:
        known = (await models.open("openai/gpt-5")).info
        assert known.price is not None and known.structured_output
        mine = Model(
            "openai/gpt-5",
            price=PRICE,
            context_tokens=1000,
            max_completion_tokens=50,
            structured_output=False,
        )
        assert (await models.open(mine)).info == ModelInfo(
            price=PRICE,
            context_tokens=1000,
            max_completion_tokens=known.max_completion_tokens,
            reply_tokens=50,
            structured_output=False,
            settings=name_settings(mine),
        )


async def test_nothing_is_known_of_a_model_that_another_host_serves() -> None:
    async with opener(NOWHERE) as models:
        for name in ("gpt-5", "openai/gpt-5", "anthropic/claude-sonnet-4-5"):
            assert (await models.open(name)).info == ModelInfo()


@pytest.mark.parametrize(
    ("base_url", "name"),
    [
        ("https://api.openai.com/v1", "openai/x/y"),
        ("https://openrouter.ai/api/v1", "openrouter/x/y"),
        ("https://api.openai.com.evil.example/v1", None),
        ("http://localhost:11434/v1", None),
        ("http://[::1", None),
    ],
)
def test_the_table_names_models_of_known_hosts(base_url: str, name: str | None) -> None:
    assert table_name("x/y", base_url) == name


async def refusal(rlm: RLM) -> str:
    with pytest.raises(ConfigError) as caught:
        async with rlm:
            pytest.fail("It opened")
    return str(caught.value)


@pytest.mark.parametrize("place", ["root", "sub", "alias"])
async def test_max_cost_refuses_to_start_without_a_price(place: str) -> None:
    priced, unpriced = Model("a", price=PRICE), Model("b")
    rlm = RLM(
        unpriced if place == "root" else priced,
        sub_model=unpriced if place == "sub" else priced,
        models={"fast": unpriced if place == "alias" else priced},
        base_url=NOWHERE,
        limits=Limits(max_cost=1.0),
    )
    message = await refusal(rlm)
    assert message.startswith("Cannot keep to max_cost: the price of model 'b' is not known; give")
    assert "--price b=PROMPT/COMPLETION" in message


@pytest.mark.deno
@pytest.mark.parametrize("name", ["openai/m", "hosted_vllm/m"])
async def test_a_run_by_either_client(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_loopback_server(lambda _: repl("FINAL(6 * 7)")) as server:
        monkeypatch.setenv("HOSTED_VLLM_API_BASE", server.base_url)
        at = server.base_url if name.startswith("openai/") else None
        for price, cost in ((None, None), (Price(prompt=0.0, completion=1e6), 6.0)):
            async with RLM(Model(name, base_url=at, price=price), trace_dir=tmp_path) as rlm:
                result = await rlm.run("What is six times seven?")
            assert result.answer == 42
            assert result.usage.cost == cost


@pytest.mark.parametrize(
    ("extra", "is_known"),
    [
        ({"service_tier": "priority"}, False),
        ({"service_tier": "ultrafast"}, False),
        ({"service_tier": "flex"}, True),
        ({"speed": "fast"}, False),
        ({"inference_geo": "us"}, False),
    ],
)
async def test_what_is_asked_for_at_another_price_has_none_in_the_table(
    extra: dict[str, object], is_known: bool
) -> None:
    async with opener(None, "sk-mine") as models:
        dear = await models.open(Model("openai/gpt-5", extra=extra))
        assert (dear.info.price is not None) == is_known
        told = await models.open(Model("openai/gpt-5", extra=extra, price=PRICE))
        assert told.info.price == PRICE
