"""How long the user waits: for `rlm --help`, and for the first model request."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import anyio

from benchmarks._harness import Row, percentiles, report, run_rlm
from rlm_runtime.testing import Message, open_loopback_server

_COMPARED = "on a quiet machine others take 1.15 to 4.5 s for one step, cold"


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
    return rows


def measure() -> None:
    """Measure, and report."""
    rows = anyio.run(_measure)
    report("start_up", rows, compared=f"{_COMPARED}; litellm imported: {_imports_litellm()}")


if __name__ == "__main__":
    measure()
