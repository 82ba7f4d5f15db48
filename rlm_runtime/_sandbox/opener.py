"""Opens sandboxes in the fastest way that works on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial

from rlm_runtime._errors import SandboxStartError
from rlm_runtime._sandbox.assets import Assets, Progress, drop_snapshot
from rlm_runtime._sandbox.base import HostCalls
from rlm_runtime._sandbox.deno import DenoSandbox, open_deno_sandbox
from rlm_runtime._sandbox.walls import Walls

_SNAPSHOT_TRIES = 2


class SandboxOpener:
    """Opens sandboxes from the snapshot, and without it once it has turned out to be broken."""

    def __init__(self, assets: Assets, *, walls: Walls | None = None, progress: Progress) -> None:
        self._assets = assets
        self._walls = walls
        self._progress = progress

    @asynccontextmanager
    async def __call__(self, calls: HostCalls, *, memory_mb: int) -> AsyncIterator[DenoSandbox]:
        """Open a sandbox for the length of the block.

        Raises:
            SandboxStartError: It cannot be started in either way.
        """
        async with AsyncExitStack() as stack:
            yield await self._open(stack, calls, memory_mb)

    async def _open(self, stack: AsyncExitStack, calls: HostCalls, memory_mb: int) -> DenoSandbox:
        start = partial(open_deno_sandbox, calls=calls, memory_mb=memory_mb, walls=self._walls)
        tried = self._assets
        problem: SandboxStartError | None = None
        # Twice, since one may be killed from outside, such as where memory runs out
        for _ in range(_SNAPSHOT_TRIES if tried.snapshot else 0):
            try:
                return await stack.enter_async_context(start(tried))
            except SandboxStartError as exc:
                # The system refused a process: that says nothing about the snapshot
                if isinstance(exc.__cause__, OSError):
                    raise
                problem = exc
        sandbox = await stack.enter_async_context(start(replace(tried, snapshot=None)))
        if problem is not None:
            self._give_up_snapshot(problem)
        return sandbox

    def _give_up_snapshot(self, problem: SandboxStartError) -> None:
        """Tell it once, though several sandboxes may find it at the same time."""
        if self._assets.snapshot is None:
            return
        self._assets = drop_snapshot(self._assets)
        again = "; the next run takes a new one" if self._assets.ours else ""
        self._progress(
            "Each sandbox starts 2 s slower, since the memory snapshot does not start here"
            f" ({problem}){again}"
        )
