"""One block of code in a sandbox: watched, and stopped where it takes too long."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import anyio

from rlm_runtime._errors import SandboxError
from rlm_runtime._sandbox.base import ExecutionResult, Sandbox

_WATCH_SECONDS = 0.1
_GRACE_SECONDS = 2.0
_KEPT = "Your variables are kept; its tasks and open sub-calls were cancelled."


async def run_cell(
    sandbox: Sandbox, code: str, *, max_seconds: float, is_waiting: Callable[[], bool]
) -> ExecutionResult:
    """Run a block; the time in which it waits for sub-calls is free.

    Raises:
        SandboxError: The sandbox is lost, or the code did not stop when it was told to.
    """
    result: ExecutionResult | None = None
    lost: SandboxError | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_watch, sandbox, max_seconds, is_waiting, tasks.cancel_scope)
        try:
            result = await sandbox.execute(code)
        except SandboxError as exc:
            lost = exc
        tasks.cancel_scope.cancel()
    too_long = f"The code ran for more than {max_seconds:g} seconds"
    if result is None:
        raise lost or SandboxError(f"{too_long} and did not stop when told to")
    if not result.interrupted:
        return result
    said = f"{result.error}\n" if result.error else ""
    return replace(result, error=f"{said}{too_long} and was stopped. {_KEPT}")


async def _watch(
    sandbox: Sandbox, max_seconds: float, is_waiting: Callable[[], bool], scope: anyio.CancelScope
) -> None:
    """Stop an execution that takes too long, first softly."""
    busy = 0.0
    while busy < max_seconds:
        started, used = time.monotonic(), sandbox.cpu_seconds()
        await anyio.sleep(_WATCH_SECONDS)
        passed = time.monotonic() - started
        # Code that spins beside an open sub-call does not wait for it
        spun = min(passed, sandbox.cpu_seconds() - used)
        busy += spun if is_waiting() else passed
    # A sandbox that does not read from its host holds the message up, too
    with anyio.move_on_after(_GRACE_SECONDS):
        try:
            await sandbox.interrupt()
        except SandboxError:
            # The execution fails with the same
            return
        await anyio.sleep_forever()
    scope.cancel()
