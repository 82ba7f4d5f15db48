"""Runs that recall what others have on record, in fake sandboxes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rlm_runtime._engine.recall import Recall
from rlm_runtime._engine.recorded import open_recorded
from tests._engine.fakes import Played
from tests.traces import write_trace


@asynccontextmanager
async def recalling(*paths: Path, only: bool = False) -> AsyncIterator[Recall]:
    async with open_recorded(paths) as recorded:
        yield Recall(recorded, only=only)


def keep(tmp_path: Path, played: Played, run: str = "first") -> Path:
    return write_trace(tmp_path, run, *played.events)
