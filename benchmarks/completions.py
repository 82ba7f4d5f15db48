"""A thousand completions in parallel, for what each client costs beside the waiting.

The server is a process of its own, and so is every repetition of a client.
"""

from __future__ import annotations

import itertools
import json
import math
import resource
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass

import anyio

from benchmarks._harness import Row, report
from rlm_runtime._llm.base import LLM
from rlm_runtime._llm.litellm import open_litellm
from rlm_runtime._llm.openai import open_openai
from rlm_runtime._models import Model
from rlm_runtime.testing import Message, Policy, ScriptedReply

_CALLS = 1000
_WIDTH = 128
_LATENCY = 0.2
_REPETITIONS = 5
_ROUNDS = math.ceil(_CALLS / _WIDTH)
_CHUNK_SECONDS = 0.005
_PROMPT = "Look at this part of the text, and say what it is about. " * 20
# It goes out in 20 pieces
_REPLY = "This part of the text is about a flood. " * 10


@asynccontextmanager
async def _open_httpx(base_url: str, model: str) -> AsyncIterator[LLM]:
    async with open_openai(base_url=base_url, api_key=None) as endpoint:
        yield endpoint.model(model)


@asynccontextmanager
async def _open_litellm(base_url: str, model: str) -> AsyncIterator[LLM]:
    async with open_litellm() as litellm:
        yield litellm.model(Model(f"hosted_vllm/{model}", base_url=base_url))


_CLIENTS: dict[str, Callable[[str, str], AbstractAsyncContextManager[LLM]]] = {
    "httpx": _open_httpx,
    "litellm": _open_litellm,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    wall: float
    cpu: float
    """Seconds, of the calls alone: without imports and the opening of the client."""
    rss_mb: float


def _reply_at_once(messages: Sequence[Message]) -> str:
    return _REPLY


def _reply_in_pieces(messages: Sequence[Message]) -> ScriptedReply:
    return ScriptedReply(_REPLY, chunk_seconds=_CHUNK_SECONDS)


POLICIES: dict[str, Policy] = {"at once": _reply_at_once, "in pieces": _reply_in_pieces}
"""By the way in which the reply comes; the server's process loads them by this name."""
_IDEAL = {
    "at once": _ROUNDS * _LATENCY,
    "in pieces": _ROUNDS * (_LATENCY + 19 * _CHUNK_SECONDS),
}


async def _call_all(client: str, base_url: str, model: str) -> _Measured:
    room = anyio.CapacityLimiter(_WIDTH)
    messages = [Message(role="system", content=_PROMPT), Message(role="user", content="Part 1")]

    async def call(llm: LLM) -> None:
        async with room:
            completion = await llm.complete(messages)
        assert completion.text == _REPLY

    async with _CLIENTS[client](base_url, model) as llm:
        # What is loaded by the first call is no part of the others
        await llm.complete(messages)
        started, cpu = time.perf_counter(), time.process_time()
        async with anyio.create_task_group() as tasks:
            for _ in range(_CALLS):
                tasks.start_soon(call, llm)
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return _Measured(wall=wall, cpu=cpu, rss_mb=rss)


@asynccontextmanager
async def _open_server() -> AsyncIterator[str]:
    command = [
        sys.executable, "-m", "rlm_runtime.testing",
        "--policy", "benchmarks.completions:POLICIES", "--latency", str(_LATENCY),
    ]  # fmt: skip
    async with await anyio.open_process(command, stderr=None) as process:
        assert process.stdout is not None
        first = await process.stdout.receive()
        try:
            yield first.decode().removeprefix("listening on ").strip()
        finally:
            process.terminate()
            # It tells what it served before it ends
            await process.stdout.receive()


async def _measure_once(client: str, model: str) -> _Measured:
    async with _open_server() as url:
        command = [sys.executable, "-m", "benchmarks.completions", client, url, model]
        done = await anyio.run_process(command, stderr=None)
    return _Measured(**json.loads(done.stdout))


async def _measure() -> list[Row]:
    rows: list[Row] = []
    for client, model in itertools.product(_CLIENTS, POLICIES):
        runs = [await _measure_once(client, model) for _ in range(_REPETITIONS)]
        wall = statistics.median(run.wall for run in runs)
        rows.append(
            {
                "client": client,
                "reply": model,
                "n": len(runs),
                "wall s, median": wall,
                "min": min(run.wall for run in runs),
                "max": max(run.wall for run in runs),
                "ideal s": _IDEAL[model],
                "times the ideal": wall / _IDEAL[model],
                "CPU ms per call": statistics.median(run.cpu for run in runs) / _CALLS * 1000,
                "peak RSS MB": max(run.rss_mb for run in runs),
            }
        )
    return rows


def measure() -> None:
    """Measure, and report."""
    compared = (
        f"{_CALLS} calls, {_WIDTH} in flight, {_LATENCY} s latency; the ideal is the waiting alone"
    )
    report("completions", anyio.run(_measure), compared=compared)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        measured = anyio.run(_call_all, sys.argv[1], sys.argv[2], sys.argv[3])
        print(json.dumps(asdict(measured)))
    else:
        measure()
