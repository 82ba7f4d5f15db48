"""Many child nodes at once on few cores, with a model that takes no time."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence

import anyio

from benchmarks._harness import Measured, Row, report, run_rlm
from rlm_runtime.testing import Message, open_loopback_server

_REPETITIONS = {1: 5, 8: 5, 32: 20, 64: 3}
_PIECES = 10

_CHILD = "```repl\nFINAL(context * context)\n```"


def _root(children: int) -> str:
    calls = f'[llm_query(f"child {{i}}", i) for i in range({children})]'
    return f"```repl\nimport asyncio\nFINAL(await asyncio.gather(*{calls}))\n```"


async def _run(children: int) -> tuple[Measured, bool]:
    """Run once; tell also whether the answer was the right one."""

    def policy(messages: Sequence[Message]) -> str:
        return _CHILD if "child " in messages[1].content else _root(children)

    with tempfile.TemporaryDirectory() as folder:
        async with open_loopback_server(policy) as server:
            run = await run_rlm(
                "run", "-p", "Square them", "-m", "any", "--base-url", server.base_url,
                "--trace-dir", folder, "-q", "--max-sandboxes", "64", "--max-concurrency", "64",
            )  # fmt: skip
    expected = str([number * number for number in range(children)])
    return run, run.status == 0 and run.stdout.decode().strip() == expected


def _over_time(samples: Sequence[int]) -> str:
    """Give the most of each tenth of the time."""
    size = max(1, len(samples) // _PIECES)
    starts = range(0, len(samples), size)
    return " ".join(str(max(samples[start : start + size])) for start in starts)


async def _measure() -> list[Row]:
    rows: list[Row] = []
    for children, repetitions in _REPETITIONS.items():
        runs = [await _run(children) for _ in range(repetitions)]
        seconds = [run.seconds for run, _ in runs]
        rows.append(
            {
                "children": children,
                "runs": len(runs),
                "failed": sum(not right for _, right in runs),
                "wall s, median": statistics.median(seconds),
                "max": max(seconds),
                "peak RSS MB": max(run.peak_rss_mb for run, _ in runs),
                "live processes, in tenths of the time": _over_time(runs[-1][0].processes),
            }
        )
    return rows


def measure() -> None:
    """Measure, and report."""
    compared = "32 child RLMs elsewhere: 73 to 120 s, 1612 to 5959 MB"
    report("many_nodes", anyio.run(_measure), compared=compared)


if __name__ == "__main__":
    measure()
