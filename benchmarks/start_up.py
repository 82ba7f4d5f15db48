"""How long the user waits: for `rlm --help`, and for the first model request."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import anyio
import anyio.to_thread

from benchmarks._harness import Row, percentiles, report, run_rlm
from rlm_runtime.testing import Message, open_loopback_server

_COMPARED = "on a quiet machine others take 1.15 to 4.5 s for one step, cold"


async def _first_request(client: str, variables: dict[str, str], n: int) -> list[float]:
    asked: list[float] = []

    def policy(messages: Sequence[Message]) -> str:
        asked.append(time.monotonic())
        return "```repl\nFINAL(1)\n```"

    times = []
    async with open_loopback_server(policy) as server:
        httpx = ["-m", "any", "--base-url", server.base_url]
        model = httpx if client == "httpx" else ["-m", "hosted_vllm/any"]
        variables = {**variables, "HOSTED_VLLM_API_BASE": server.base_url}
        for _ in range(n):
            asked.clear()
            run = await run_rlm("run", "-p", "What is one?", *model, "-q", variables=variables)
            assert run.stdout == b"1\n", run.stderr
            times.append(asked[0] - run.started)
    return times


async def _help(n: int) -> list[float]:
    return [(await run_rlm("--help")).seconds for _ in range(n)]


_IMPORT = """
import resource, sys, time
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
import httpx, pydantic
from rlm_runtime._llm import litellm_load
before, started = peak(), time.perf_counter()
assert "litellm" not in sys.modules
litellm_load.load_litellm()
print(time.perf_counter() - started, peak() - before)
"""


def _import_litellm(n: int) -> tuple[list[float], float]:
    """Import it in processes of their own; give the seconds of each, and the MB of one."""
    command = [sys.executable, "-c", _IMPORT]
    done = [subprocess.run(command, capture_output=True, check=True).stdout for _ in range(n)]
    told = [[float(figure) for figure in one.split()] for one in done]
    return [seconds for seconds, _ in told], told[-1][1]


def _imports_litellm() -> bool:
    code = "import sys, rlm_runtime._rlm, rlm_runtime._cli.run; print('litellm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return done.stdout.strip() == b"True"


async def _measure_client(client: str, n: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        variables = {
            "RLM_TRACE_DIR": str(Path(folder) / "traces"),
            "RLM_CACHE_DIR": str(Path(folder) / "cache"),
        }
        return [
            {
                "what": f"rlm run to the first request, {client}, {state}",
                **percentiles(await _first_request(client, variables, times)),
            }
            for state, times in (("nothing prepared", 1), ("prepared", n))
        ]


async def _measure() -> tuple[list[Row], float]:
    seconds, mb = await anyio.to_thread.run_sync(_import_litellm, 5)
    rows: list[Row] = [
        {"what": "rlm --help", **percentiles(await _help(10))},
        *await _measure_client("httpx", 10),
        *await _measure_client("litellm", 5),
        {"what": "importing litellm alone", **percentiles(seconds)},
    ]
    return rows, mb


def measure() -> None:
    """Measure, and report."""
    rows, mb = anyio.run(_measure)
    imports = f"imported without need: {_imports_litellm()}; it takes {mb:.0f} MB"
    report("start_up", rows, compared=f"{_COMPARED}; litellm is {imports}")


if __name__ == "__main__":
    measure()
