"""Child processes whose life is a block: nothing outlives it, and nothing is left undrained."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.abc

from rlm_runtime._groups import unwrapped

_STDERR_BYTES = 16_384
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildProcess:
    """A running child, with pipes to its stdin and from its stdout."""

    pid: int
    stdin: anyio.abc.ByteSendStream
    stdout: anyio.abc.ByteReceiveStream
    _process: anyio.abc.Process
    _stderr: bytearray

    def stderr_tail(self) -> str:
        """Return the last that the child wrote to stderr, as text for people."""
        return self._stderr.decode("utf-8", "replace").strip()

    def cpu_seconds(self) -> float:
        """Tell how long the child has used a processor, all its threads together."""
        try:
            # The name, in parentheses, may hold spaces
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / _TICKS

    async def wait(self) -> int:
        """Wait until the child has ended; return its exit status, negative for a signal."""
        return await self._process.wait()

    @property
    def has_ended(self) -> bool:
        """Tell whether the child has ended, also where the event loop does not know it yet."""
        if self._process.returncode is not None:
            return True
        try:
            seen = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            # Waited for this very moment
            return True
        return seen is not None

    def limit(self, rlimits: Mapping[int, int]) -> None:
        """Bound what the child may use from now on, by `resource.RLIMIT_*`."""
        _set_limits(self.pid, rlimits)

    def kill(self) -> None:
        """End the child at once."""
        _kill(self._process)


@asynccontextmanager
async def open_process(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str = "/",
    rlimits: Mapping[int, int] | None = None,
    grace: float = 1.0,
) -> AsyncIterator[ChildProcess]:
    """Run a child for the length of the block.

    `rlimits` maps `resource.RLIMIT_*` to a bound. At the end of the block the child's stdin is
    closed, which asks it to exit; after `grace` seconds it is killed.

    Raises:
        OSError: The child cannot be started.
    """
    # It takes a moment; one that is cancelled half-way leaves a child that nobody owns
    with anyio.CancelScope(shield=True):
        process = await anyio.open_process(
            command, env=env, cwd=cwd, stderr=subprocess.PIPE, start_new_session=True
        )
    assert process.stdin is not None and process.stdout is not None
    stderr = bytearray()
    child = ChildProcess(
        pid=process.pid,
        stdin=process.stdin,
        stdout=process.stdout,
        _process=process,
        _stderr=stderr,
    )
    try:
        _set_limits(process.pid, rlimits or {})
        with unwrapped():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_drain, process, stderr)
                yield child
                tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await _end(process, grace)


def _set_limits(pid: int, rlimits: Mapping[int, int]) -> None:
    try:
        for limit, bound in rlimits.items():
            _, hard = resource.prlimit(pid, limit)
            bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
            resource.prlimit(pid, limit, (bound, bound))
    except ProcessLookupError:
        # Gone already; those who read from it will see
        pass


async def _drain(process: anyio.abc.Process, into: bytearray) -> None:
    assert process.stderr is not None
    try:
        async for piece in process.stderr:
            into += piece
            del into[:-_STDERR_BYTES]
    except (anyio.ClosedResourceError, anyio.BrokenResourceError):
        return


async def _end(process: anyio.abc.Process, grace: float) -> None:
    """Ask, wait, kill."""
    assert process.stdin is not None
    try:
        with anyio.move_on_after(grace):
            await process.stdin.aclose()
            await process.wait()
    except OSError:
        # The pipe broke: the child is gone already, or as good as gone
        pass
    _kill(process)
    with anyio.move_on_after(grace):
        await process.aclose()


def _kill(process: anyio.abc.Process) -> None:
    """Kill a child and its group, in a way that leaves its status to whoever waits for it."""
    if process.returncode is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
