from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from rlm_runtime import RunResult
from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._sandbox.deno import DenoSandbox, open_deno_sandbox
from rlm_runtime._sandbox.walls import Walls
from tests.calls import FakeCalls
from tests.e2e.gates import Gate, open_gate

OpenFake = Callable[[FakeCalls], AbstractAsyncContextManager[DenoSandbox]]


@pytest.fixture
def opened(assets: Assets, walls: Walls) -> OpenFake:
    """Open a sandbox with a context, for a test that takes at most so long."""

    @asynccontextmanager
    async def open_one(calls: FakeCalls) -> AsyncIterator[DenoSandbox]:
        with anyio.fail_after(50):
            async with open_deno_sandbox(assets, calls, memory_mb=512, walls=walls) as sandbox:
                await sandbox.assign("context", "the context")
                await sandbox.assign("query", "the query")
                yield sandbox

    return open_one


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Serve a model that replies when it is told to."""
    with open_gate() as one:
        yield one


@pytest.fixture
def first(recorded: RunResult, tmp_path: Path) -> RunResult:
    """Give a test a copy of the run that its module has recorded, in its own folder."""
    assert recorded.trace_path is not None
    folder = tmp_path / recorded.run_id
    shutil.copytree(recorded.trace_path.parent, folder)
    return replace(recorded, trace_path=folder / recorded.trace_path.name)
