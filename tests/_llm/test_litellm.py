"""What is litellm's alone: its import, its other wires, and what it would leave behind."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import replace
from typing import TypeVar

import anyio
import psutil
import pytest
from anyio.from_thread import start_blocking_portal

from rlm_runtime._errors import ConfigError, ModelError, ModelUnavailableError
from rlm_runtime._groups import unwrapped
from rlm_runtime._llm.base import NO_OPTIONS, CallOptions
from rlm_runtime._llm.litellm import open_litellm
from rlm_runtime._llm.litellm_load import load_litellm
from rlm_runtime._models import Model, ModelInfo, Price
from rlm_runtime._types import Completion, Message
from rlm_runtime.testing import Fault, open_loopback_server
from tests._llm.anthropic_wire import error_in_stream, refusal, reply
from tests._llm.raw_server import RawServer, open_raw_server

pytestmark = pytest.mark.anyio

KEY = "sk-very-secret-key"
MESSAGES = [
    Message(role="system", content="be brief"),
    Message(role="user", content="one"),
    Message(role="assistant", content="two"),
    Message(role="user", content="three"),
]
ROUTES = ("openai/m", "hosted_vllm/m", "deepseek/m")
CLAUDE = "anthropic/claude-sonnet-4-5"


_S = TypeVar("_S")


async def ask_claude(
    sent: bytes, settings: Model | None = None, options: CallOptions = NO_OPTIONS
) -> tuple[Completion, RawServer]:
    price = ModelInfo(price=Price(prompt=1000.0, completion=2000.0, cached=100.0))
    with unwrapped():
        return await _ask_claude(sent, settings or Model(CLAUDE), price, options)
    raise AssertionError


async def _ask_claude(
    sent: bytes, settings: Model, price: ModelInfo, options: CallOptions
) -> tuple[Completion, RawServer]:
    async with open_raw_server(sent) as server, open_litellm() as litellm:
        at = f"http://127.0.0.1:{server.port}"
        asked = replace(settings, base_url=at, api_key=KEY)
        model = litellm.model(asked, price)
        return await model.complete(MESSAGES, options), server


async def test_a_reply_over_the_wire_of_anthropic() -> None:
    sent = reply("the answer", thinking="hmm", stop_reason="max_tokens", output_tokens=50)
    completion, _ = await ask_claude(sent)
    assert (completion.text, completion.reasoning) == ("the answer", "hmm")
    assert completion.finish_reason == "length"
    usage = completion.usage
    assert (usage.prompt_tokens, usage.cached_tokens) == (1110, 1000)
    assert usage.completion_tokens == 50
    assert usage.cost == pytest.approx(110 * 0.001 + 1000 * 0.0001 + 50 * 0.002)


async def test_a_request_over_the_wire_of_anthropic() -> None:
    sent = reply("hi", thinking="", stop_reason="end_turn", output_tokens=1)
    settings = Model(CLAUDE, reasoning_effort="low", max_completion_tokens=4000, seed=7)
    completion, server = await ask_claude(sent, settings, CallOptions(max_completion_tokens=3000))
    assert completion.finish_reason == "stop"
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/messages ") and KEY.encode() in head
    request = json.loads(body)
    mark = {"type": "ephemeral"}
    assert request["system"] == [{"type": "text", "text": "be brief", "cache_control": mark}]
    *earlier, last = request["messages"]
    assert last["content"] == [{"type": "text", "text": "three", "cache_control": mark}]
    assert "cache_control" not in json.dumps(earlier)
    assert (request["max_tokens"], request["stream"]) == (3000, True)
    assert request["thinking"]["type"] == "enabled"
    # What a provider does not know is dropped, not refused
    assert "seed" not in request


async def test_errors_over_the_wire_of_anthropic() -> None:
    busy = refusal("529 Overloaded", "overloaded_error", "retry-after: 3")
    with pytest.raises(ModelUnavailableError, match="answered 529: Too busy") as caught:
        await ask_claude(busy)
    assert (caught.value.status, caught.value.retry_after) == (529, 3.0)
    with pytest.raises(ModelUnavailableError, match="Too busy") as caught:
        await ask_claude(error_in_stream("x" * 400, "overloaded_error"))
    assert caught.value.spent.prompt_tokens == 1110
    assert caught.value.spent.completion_tokens == 100


async def test_a_cache_key_goes_only_where_it_is_known() -> None:
    async with open_loopback_server(lambda _: "hi") as server, open_litellm() as litellm:
        for route in ROUTES:
            model = litellm.model(Model(route, base_url=server.base_url, api_key=KEY))
            await model.complete(MESSAGES, CallOptions(cache_key="run-1"))
    keys = [request.body.get("prompt_cache_key") for request in server.requests]
    assert keys == ["run-1", None, None]


async def test_settings_that_are_the_runtimes_own_are_refused() -> None:
    async with open_litellm() as litellm:
        for name in ("stream", "n", "api_key", "num_retries", "timeout"):
            with pytest.raises(ConfigError, match=f"Cannot send '{name}' as an extra of model"):
                litellm.model(Model("x/y", extra={name: 2}))


async def test_a_provider_that_litellm_does_not_know_is_told() -> None:
    async with open_litellm() as litellm:
        with pytest.raises(ModelError, match="Cannot complete with 'nobody/m'"):
            await litellm.model("nobody/m").complete(MESSAGES)


async def test_a_key_of_the_environment_is_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)

    def policy(messages: Sequence[Message]) -> str:
        raise Fault(status=401, message=f"the key {KEY} is wrong")

    async with open_loopback_server(policy) as server, open_litellm() as litellm:
        for route in ROUTES[1:]:
            model = litellm.model(Model(route, base_url=server.base_url))
            with pytest.raises(ModelError, match=r"the key \[key\] is wrong") as caught:
                await model.complete(MESSAGES)
            assert KEY not in "".join(traceback.format_exception(caught.value))


async def test_a_key_among_the_extras_is_never_told() -> None:
    def policy(messages: Sequence[Message]) -> str:
        raise Fault(status=401, message=f"the key {KEY} is wrong")

    async with open_loopback_server(policy) as server, open_litellm() as litellm:
        for route in ROUTES[1:]:
            extra = {"aws_secret_access_key": KEY}
            asked = Model(route, base_url=server.base_url, api_key="another", extra=extra)
            model = litellm.model(asked)
            with pytest.raises(ModelError, match=r"the key \[key\] is wrong") as caught:
                await model.complete(MESSAGES)
            assert KEY not in "".join(traceback.format_exception(caught.value))


@contextmanager
def serve(server: AbstractAsyncContextManager[_S]) -> Iterator[_S]:
    """Serve on an event loop of another thread, so that this one has the client's tasks only."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(server) as opened:
        yield opened


async def test_no_task_and_no_socket_outlives_the_block() -> None:
    tasks, files = asyncio.all_tasks(), psutil.Process().num_fds()
    hi = reply("hi", thinking="", stop_reason="end_turn", output_tokens=1)
    with serve(open_loopback_server(lambda _: "hi")) as server, serve(open_raw_server(hi)) as raw:
        async with open_litellm() as litellm:
            models = [
                litellm.model(Model(route, base_url=server.base_url, api_key=KEY))
                for route in ROUTES
            ]
            at = f"http://127.0.0.1:{raw.port}"
            models.append(litellm.model(Model(CLAUDE, base_url=at, api_key=KEY)))
            async with anyio.create_task_group() as calls:
                for model in models * 5:
                    calls.start_soon(model.complete, MESSAGES)
        gc.collect()
        assert asyncio.all_tasks() == tasks
    assert psutil.Process().num_fds() <= files


@pytest.mark.parametrize("after_chunks", [0, 1])
async def test_a_call_that_is_cancelled_leaves_nothing(after_chunks: int) -> None:
    tasks = asyncio.all_tasks()
    stall = Fault("stall", after_chunks=after_chunks, text="x" * 100)
    with serve(open_loopback_server(lambda _: "hi", faults=[stall] * 3)) as server:
        async with open_litellm() as litellm:
            await litellm.load()
            with anyio.move_on_after(1.0):
                async with anyio.create_task_group() as calls:
                    for route in ROUTES:
                        model = litellm.model(Model(route, base_url=server.base_url, api_key=KEY))
                        calls.start_soon(model.complete, MESSAGES)
        gc.collect()
        assert asyncio.all_tasks() == tasks


def test_event_loops_one_after_another_and_in_threads() -> None:
    texts: list[str] = []

    async def work() -> None:
        async with open_loopback_server(lambda _: "hi") as server, open_litellm() as litellm:
            for route in ROUTES:
                model = litellm.model(Model(route, base_url=server.base_url, api_key=KEY))
                texts.append((await model.complete(MESSAGES)).text)

    for _ in range(3):
        anyio.run(work)
    threads = [threading.Thread(target=anyio.run, args=(work,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert texts == ["hi"] * 18


async def test_clients_of_others_are_left_alone() -> None:
    litellm = load_litellm()
    cache = litellm.in_memory_llm_clients_cache
    mine = object()
    cache.set_cache("a key of the test", mine)
    async with open_loopback_server(lambda _: "hi") as server, open_litellm() as ours:
        known = set(cache.cache_dict)
        model = ours.model(Model("hosted_vllm/m", base_url=server.base_url, api_key=KEY))
        await model.complete(MESSAGES)
        assert set(cache.cache_dict) == known
    assert cache.get_cache("a key of the test") is mine


_QUIET = """
import anyio, socket, sys, warnings
warnings.simplefilter("error", ResourceWarning)
asked, look_up = [], socket.getaddrinfo
def watch(host, *args, **options):
    asked.append(host)
    return look_up(host, *args, **options)
socket.getaddrinfo = watch
from rlm_runtime._errors import ModelError
from rlm_runtime._llm.litellm import open_litellm
from rlm_runtime._models import Model
from rlm_runtime._types import Message
from rlm_runtime.testing import Fault, open_loopback_server

async def main():
    assert "litellm" not in sys.modules
    async with open_loopback_server(lambda _: "hi", faults=[None, Fault(status=401)] * 3) as server:
        async with open_litellm() as litellm:
            for route in ("openai/m", "hosted_vllm/m", "deepseek/m"):
                model = litellm.model(Model(route, base_url=server.base_url, api_key="sk-12345678"))
                await model.complete([Message(role="user", content="hello")])
                try:
                    await model.complete([Message(role="user", content="hello")])
                except ModelError:
                    pass
    assert set(asked) <= {"127.0.0.1", b"127.0.0.1"}, asked

anyio.run(main)
"""


def test_a_process_that_used_it_says_nothing_and_ends_in_order() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "ignore::DeprecationWarning", "-c", _QUIET],
        capture_output=True,
        timeout=50,
    )
    told = [line for line in done.stderr.decode().splitlines() if "Executing <Task" not in line]
    told = [line for line in told if not line.startswith("Executing <Handle")]
    assert (done.returncode, done.stdout, told) == (0, b"", [])


_UNUSED = """
import anyio, sys, time
from rlm_runtime._llm.litellm import open_litellm

async def main():
    started = time.monotonic()
    async with open_litellm():
        pass
    assert "litellm.main" not in sys.modules

anyio.run(main)
"""


def test_a_block_that_needs_no_model_does_not_wait_for_the_import() -> None:
    subprocess.run([sys.executable, "-c", _UNUSED], check=True, timeout=50)
