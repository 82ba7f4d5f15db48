"""One sandbox: how soon it is ready, how soon it answers, and what it takes of memory."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from pathlib import Path
from statistics import mean

import anyio
import psutil

from benchmarks._harness import Row, percentiles, report
from rlm_runtime._config import read_environment
from rlm_runtime._sandbox.assets import Assets, prepare_assets
from rlm_runtime._sandbox.base import OpenSandbox, Sandbox, SubCall, ToolCall
from rlm_runtime._sandbox.deno import open_deno_sandbox
from rlm_runtime._sandbox.opener import SandboxOpener
from rlm_runtime._sandbox.pool import open_pool
from rlm_runtime._sandbox.walls import Walls, find_walls

_COMPARED = (
    "a peer with one warm Deno for all: 3.2 ms execute, 0.30 ms sub-call, 6 ms acquire;"
    " its interpreter is used again for the next tenant"
)
_WORK = "import json\ntable = [json.loads(json.dumps({'n': n})) for n in range(100_000)]"

_BARE = """
import { compilePyodide } from "file://ASSETS/compile.js";
import { startPyodide } from "file://ASSETS/pyodide.js";
await startPyodide("ASSETS", await compilePyodide("ASSETS"), null);
"""

Open = Callable[[], AbstractAsyncContextManager[Sandbox]]


class _Calls:
    """Answers sub-calls at once."""

    async def llm_query(self, call: SubCall) -> object:
        return call.prompt

    async def tool(self, call: ToolCall) -> object:
        raise AssertionError(call)

    async def final(self, answer: object) -> None:
        raise AssertionError(answer)

    def limits(self) -> dict[str, int | float | None]:
        return {}


def _opener(assets: Assets, walls: Walls) -> Open:
    return lambda: open_deno_sandbox(assets, _Calls(), memory_mb=512, walls=walls)


async def _starts(openers: dict[str, Open], n: int) -> list[Row]:
    """Open sandboxes of each kind in turn, so that a noisy moment strikes all kinds."""
    times: dict[str, list[float]] = {name: [] for name in openers}
    for _ in range(n):
        for name, opener in openers.items():
            started = time.perf_counter()
            async with opener():
                times[name].append(1000 * (time.perf_counter() - started))
    return [{"what": f"ready {name}, ms", **percentiles(each)} for name, each in times.items()]


async def _bare_pyodide(assets: Assets, n: int) -> Row:
    """Start Pyodide as it comes, with nothing of ours in it, in the Deno of a sandbox."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "bare.js"
        script.write_text(_BARE.replace("ASSETS", str(assets.folder)))
        for _ in range(n):
            started = time.perf_counter()
            await anyio.run_process([str(assets.deno), "run", "--allow-read", str(script)])
            times.append(1000 * (time.perf_counter() - started))
    return {"what": "bare Pyodide, to the end of its process, ms", **percentiles(times)}


async def _from_the_pool(opener: OpenSandbox, n: int) -> list[Row]:
    times: dict[str, list[float]] = {"handed over": [], "with its variables": []}
    async with open_pool(opener, spares=1) as pool:
        with pool.run(room=1, memory_mb=512) as open_sandbox:
            async with open_sandbox(_Calls(), memory_mb=512):
                for _ in range(n):
                    while not pool.spares:  # noqa: ASYNC110  # it starts beside
                        await anyio.sleep(0.01)
                    marks = [time.perf_counter()]
                    async with open_sandbox(_Calls(), memory_mb=512) as sandbox:
                        marks.append(time.perf_counter())
                        await sandbox.assign("context", "text")
                        await sandbox.assign("query", "text")
                        marks.append(time.perf_counter())
                    for each, end in zip(times.values(), marks[1:], strict=True):
                        each.append(1000 * (end - marks[0]))
    return [
        {"what": f"a warm spare {name}, ms", **percentiles(each)} for name, each in times.items()
    ]


async def _round_trips(opener: Open, n: int) -> list[Row]:
    codes = {"execute print(1)": "print(1)", "the same with an llm_query": "await llm_query('p')"}
    rows: list[Row] = []
    async with opener() as sandbox:
        for name, code in codes.items():
            times = []
            for _ in range(n):
                started = time.perf_counter()
                await sandbox.execute(code)
                times.append(1000 * (time.perf_counter() - started))
            rows.append({"what": f"{name}, ms", **percentiles(times)})
    return rows


def _memory(pids: list[int], what: str) -> Row:
    full = [psutil.Process(pid).memory_full_info() for pid in pids]
    pss = percentiles([one.pss / 2**20 for one in full])
    return {"what": f"{what}, PSS MB (mean RSS {mean(one.rss for one in full) / 2**20:.0f})", **pss}


async def _memories(opener: Open) -> list[Row]:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(opener())
        rows = [_memory([first.pid], "one idle")]
        others = [await stack.enter_async_context(opener()) for _ in range(7)]
        rows.append(_memory([first.pid, *(one.pid for one in others)], "eight idle"))
        for one in others:
            await one.execute(_WORK)
        rows.append(_memory([one.pid for one in others], "seven with 100,000 dicts"))
    return rows


async def _measure() -> list[Row]:
    environment = read_environment()
    assets = await prepare_assets(environment.cache_dir, ready=environment.sandbox_assets)
    walls = await find_walls(assets)
    opener = _opener(assets, walls)
    plain = _opener(replace(assets, snapshot=None), walls)
    return [
        *await _starts({"with the snapshot": opener, "without it": plain}, 20),
        await _bare_pyodide(assets, 20),
        *await _from_the_pool(SandboxOpener(assets, walls=walls, progress=print), 20),
        *await _round_trips(opener, 200),
        *await _memories(opener),
    ]


def measure() -> None:
    """Measure, and report."""
    report("sandbox", anyio.run(_measure), compared=_COMPARED)


if __name__ == "__main__":
    measure()
