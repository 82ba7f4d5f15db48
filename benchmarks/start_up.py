"""How long the user waits: for `rlm --help`, for the first model request, for a sandbox."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import anyio

from benchmarks._harness import NoCalls, Row, percentiles, report, run_rlm
from rlm_runtime._config import read_environment
from rlm_runtime._sandbox.assets import prepare_assets
from rlm_runtime._sandbox.deno import open_deno_sandbox
from rlm_runtime._sandbox.pool import open_pool
from rlm_runtime.testing import Message, open_loopback_server

_COMPARED = "on a quiet machine others take 1.15 to 4.5 s for one step, cold"


async def _sandboxes(n: int) -> list[Row]:
    environment = read_environment()
    assets = await prepare_assets(environment.cache_dir, ready=environment.sandbox_assets)
    times: dict[str, list[float]] = {"ready": [], "first cell": [], "next cell": [], "closed": []}
    for _ in range(n):
        marks = [time.perf_counter()]
        async with open_deno_sandbox(assets, NoCalls(), memory_mb=512) as sandbox:
            marks.append(time.perf_counter())
            for _ in range(2):
                await sandbox.execute("1 + 1")
                marks.append(time.perf_counter())
        marks.append(time.perf_counter())
        for name, begin, end in zip(times, marks, marks[1:], strict=False):
            times[name].append(end - begin)
    return [{"what": f"sandbox: {name}", **percentiles(each)} for name, each in times.items()]


async def _from_the_pool(n: int) -> list[Row]:
    environment = read_environment()
    assets = await prepare_assets(environment.cache_dir, ready=environment.sandbox_assets)
    times: dict[str, list[float]] = {"handed over": [], "with its variables": []}
    async with open_pool(partial(open_deno_sandbox, assets), spares=1) as pool:
        with pool.run(room=1, memory_mb=512) as open_sandbox:
            async with open_sandbox(_NoCalls(), memory_mb=512):
                for _ in range(n):
                    while not pool.spares:  # noqa: ASYNC110  # it starts beside
                        await anyio.sleep(0.01)
                    marks = [time.perf_counter()]
                    async with open_sandbox(_NoCalls(), memory_mb=512) as sandbox:
                        assert sandbox.pid
                        marks.append(time.perf_counter())
                        await sandbox.assign("context", "text")
                        await sandbox.assign("query", "text")
                        marks.append(time.perf_counter())
                    for name, end in zip(times, marks[1:], strict=True):
                        times[name].append(end - marks[0])
    return [{"what": f"from the pool: {name}", **percentiles(each)} for name, each in times.items()]


async def _first_request(variables: dict[str, str], n: int) -> list[float]:
    asked: list[float] = []

    def policy(messages: Sequence[Message]) -> str:
        asked.append(time.monotonic())
        return "```repl\nFINAL(1)\n```"

    times = []
    async with open_loopback_server(policy) as server:
        for _ in range(n):
            asked.clear()
            run = await run_rlm(
                "run", "-p", "What is one?", "-m", "any", "--base-url", server.base_url, "-q",
                variables=variables,
            )  # fmt: skip
            assert run.stdout == b"1\n", run.stderr
            times.append(asked[0] - run.started)
    return times


async def _help(n: int) -> list[float]:
    return [(await run_rlm("--help")).seconds for _ in range(n)]


def _imports_litellm() -> bool:
    code = "import sys, rlm_runtime._rlm, rlm_runtime._cli.run; print('litellm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return done.stdout.strip() == b"True"


async def _measure() -> list[Row]:
    rows: list[Row] = [{"what": "rlm --help", **percentiles(await _help(10))}]
    with tempfile.TemporaryDirectory() as folder:
        traces = {"RLM_TRACE_DIR": str(Path(folder) / "traces")}
        cold = {**traces, "RLM_CACHE_DIR": str(Path(folder) / "cache")}
        rows += [
            {
                "what": "rlm run to the first request, nothing prepared",
                **percentiles(await _first_request(cold, 1)),
            },
            {
                "what": "rlm run to the first request, prepared",
                **percentiles(await _first_request(cold, 10)),
            },
        ]
    return [*rows, *await _sandboxes(20), *await _from_the_pool(20)]


def measure() -> None:
    """Measure, and report."""
    rows = anyio.run(_measure)
    report("start_up", rows, compared=f"{_COMPARED}; litellm imported: {_imports_litellm()}")


if __name__ == "__main__":
    measure()
