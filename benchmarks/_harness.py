"""What all measurements share: running `rlm` as its user does, and the report."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import anyio
import anyio.abc
import psutil
from rich.console import Console
from rich.table import Table

from rlm_runtime._sandbox.base import SubCall, ToolCall

RESULTS = Path(__file__).parent / "results"
_SAMPLE_SECONDS = 0.02
_NOTE = "scripted model: measures the runtime and the scoring, not model quality"

Row = Mapping[str, str | int | float | bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run of a command."""

    started: float
    """On the clock of `time.monotonic`."""
    seconds: float
    peak_rss_mb: float
    """Sum over the process and all below it, shared pages counted once for each."""
    processes: Sequence[int]
    """How many were below it, sample after sample."""
    status: int
    stdout: bytes
    stderr: str


class NoCalls:
    """Code of a measurement that asks the host for nothing."""

    async def llm_query(self, call: SubCall) -> object:
        """Answer a sub-call."""
        raise AssertionError(call)

    async def tool(self, call: ToolCall) -> object:
        """Call a tool."""
        raise AssertionError(call)

    async def final(self, answer: object) -> None:
        """Take an answer."""
        raise AssertionError(answer)

    def limits(self) -> dict[str, int | float | None]:
        """Tell nothing."""
        return {}


async def run_rlm(*arguments: str, variables: Mapping[str, str] | None = None) -> Measured:
    """Run the `rlm` beside this Python, and watch the memory of all its processes."""
    command = [str(Path(sys.executable).parent / "rlm"), *arguments]
    peak = 0
    processes: list[int] = []
    output: dict[str, bytes] = {}

    async def collect(name: str, stream: anyio.abc.ByteReceiveStream) -> None:
        output[name] = b"".join([piece async for piece in stream])

    async def watch(process: psutil.Process) -> None:
        nonlocal peak
        while True:
            rss, below = sample_tree(process)
            peak = max(peak, rss)
            processes.append(below)
            await anyio.sleep(_SAMPLE_SECONDS)

    started = time.monotonic()
    environment = {**os.environ, **(variables or {})}
    async with (
        await anyio.open_process(command, env=environment, stdin=None) as process,
        anyio.create_task_group() as tasks,
    ):
        assert process.stdout is not None and process.stderr is not None
        tasks.start_soon(watch, psutil.Process(process.pid))
        async with anyio.create_task_group() as readers:
            readers.start_soon(collect, "stdout", process.stdout)
            readers.start_soon(collect, "stderr", process.stderr)
        status = await process.wait()
        seconds = time.monotonic() - started
        tasks.cancel_scope.cancel()
    return Measured(
        started=started,
        seconds=seconds,
        peak_rss_mb=peak / 2**20,
        processes=processes,
        status=status,
        stdout=output["stdout"],
        stderr=output["stderr"].decode("utf-8", "replace"),
    )


def sample_tree(process: psutil.Process) -> tuple[int, int]:
    """Sum the resident memory of a process and all below it, in bytes; count those below."""
    total = below = 0
    try:
        total += process.memory_info().rss
        for one in process.children(recursive=True):
            total += one.memory_info().rss
            below += 1
    except psutil.Error:
        # It ended while it was looked at
        return total, below
    return total, below


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Give n, minimum, median, 95th percentile and maximum."""
    ordered = sorted(values)
    return {
        "n": len(ordered),
        "min": ordered[0],
        "median": statistics.median(ordered),
        "p95": ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))],
        "max": ordered[-1],
    }


def report(name: str, rows: Sequence[Row], *, compared: str = "") -> None:
    """Print a table, and write it with the machine and the versions as JSON."""
    table = Table(title=f"{name} ({_NOTE})", title_justify="left")
    for column in rows[0]:
        table.add_column(column)
    for row in rows:
        table.add_row(*(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values()))
    console = Console(width=max(100, Console().width))
    console.print(table)
    if compared:
        console.print(f"compared: {compared}", highlight=False)
    RESULTS.mkdir(exist_ok=True)
    record = {
        "name": name,
        "note": _NOTE,
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {
            "system": platform.platform(),
            "cores": os.cpu_count(),
            "memory_mb": psutil.virtual_memory().total >> 20,
        },
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in ("rlm-pyodide", "deno", "anyio", "httpx")},
        },
        "compared": compared,
        "rows": [dict(row) for row in rows],
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
