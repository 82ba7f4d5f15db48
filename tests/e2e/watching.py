"""What the host pays while something hostile goes on beside it."""

from __future__ import annotations

import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import psutil


@dataclass
class Cost:
    """Grows while `watched` runs."""

    rss_mb: int = 0
    """The most that this process has grown by, in MB."""
    longest_turn: float = 0.0
    """The most CPU seconds that this thread spent before the event loop came round again."""
    longest_pause: float = 0.0
    """The same in wall time, which a busy machine stretches."""
    turns: int = 0


@asynccontextmanager
async def watched() -> AsyncIterator[Cost]:
    """Play another task of the event loop, and note how it fares."""
    cost = Cost()
    # What other tests have loaded is no work of the host's, nor is looking through it for garbage
    gc.collect()
    gc.freeze()
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_watch, cost)
            yield cost
            tasks.cancel_scope.cancel()
    finally:
        gc.unfreeze()


async def _watch(cost: Cost) -> None:
    process = psutil.Process()
    before = process.memory_info().rss
    while True:
        busy, started = time.thread_time(), time.monotonic()
        await anyio.sleep(0.01)
        cost.longest_turn = max(cost.longest_turn, time.thread_time() - busy)
        cost.longest_pause = max(cost.longest_pause, time.monotonic() - started - 0.01)
        cost.rss_mb = max(cost.rss_mb, (process.memory_info().rss - before) >> 20)
        cost.turns += 1
