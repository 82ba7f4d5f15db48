"""The page of a run: how large it is, how long it takes to write, and how much memory."""

from __future__ import annotations

import tempfile
from pathlib import Path

import anyio

from benchmarks._harness import Row, report, run_rlm
from benchmarks._synthetic_run import RUN, synthetic_events
from rlm_runtime._trace.writer import open_trace_writer

_NODES = (1, 200, 2_000)


async def _measure_one(folder: Path, nodes: int) -> Row:
    events = 0
    async with open_trace_writer(folder / str(nodes), RUN) as writer:
        for event in synthetic_events(nodes):
            writer.write(event)
            events += 1
        await writer.wait_written()
    page = folder / f"{nodes}.html"
    run = await run_rlm("export", str(writer.path), "--to", "html", "-o", str(page))
    if run.status != 0:
        raise RuntimeError(f"Cannot export the run: {run.stderr}")
    return {
        "nodes": nodes,
        "events": events,
        "trace KB": writer.path.stat().st_size / 1024,
        "page KB": page.stat().st_size / 1024,
        "bytes per event": page.stat().st_size / events,
        "s": run.seconds,
        "peak RSS MB": run.peak_rss_mb,
    }


async def _measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        return [await _measure_one(Path(folder), nodes) for nodes in _NODES]


def measure() -> None:
    """Print the table, and write it as JSON."""
    report("export_html", anyio.run(_measure))


if __name__ == "__main__":
    measure()
