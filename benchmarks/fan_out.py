"""Eight children at once, each a process of its own, with a model that takes a second a call."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import anyio

from benchmarks._harness import Row, report, run_rlm
from rlm_runtime._events import NodeEnded, NodeStarted, SandboxStarted
from rlm_runtime._trace.places import list_runs
from rlm_runtime._trace.reader import read_trace
from rlm_runtime.testing import Message, open_loopback_server

_CHILDREN = 8
_LATENCY = 1.0
# The root's call, the children's call; the root ends in the block that waits for them
_CALLS_IN_A_ROW = 2

_ROOT = f"""```repl
import asyncio
FINAL(await asyncio.gather(*[llm_query(f"child {{i}}", i) for i in range({_CHILDREN})]))
```"""
_CHILD = "```repl\nFINAL(context * context)\n```"


def _policy(messages: Sequence[Message]) -> str:
    return _CHILD if "child " in messages[1].content else _ROOT


async def _measure() -> list[Row]:
    rows: list[Row] = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            async with open_loopback_server(_policy, latency=_LATENCY) as server:
                run = await run_rlm(
                    "run", "-p", "Square them", "-m", "any", "--base-url", server.base_url,
                    "--trace-dir", folder, "-q",
                )  # fmt: skip
                assert run.stdout == b"[0, 1, 4, 9, 16, 25, 36, 49]\n", run.stderr
                events = list(read_trace(list_runs(Path(folder))[0]))
                rows.append(
                    {
                        "children": sum(isinstance(one, NodeStarted) for one in events) - 1,
                        "answered": sum(isinstance(one, NodeEnded) for one in events) - 1,
                        "processes": len(
                            {one.pid for one in events if isinstance(one, SandboxStarted)}
                        ),
                        "in flight at the peak": server.stats.peak_in_flight,
                        "wall s": run.seconds,
                        "ideal s (latency alone)": _LATENCY * _CALLS_IN_A_ROW,
                        "peak RSS MB of the tree": run.peak_rss_mb,
                    }
                )
    return rows


def measure() -> None:
    """Measure, and report."""
    compared = "8 child RLMs elsewhere, at zero latency: 16 to 27 s and 600 MB; 21.6 s and 1786 MB"
    report("fan_out", anyio.run(_measure), compared=compared)


if __name__ == "__main__":
    measure()
