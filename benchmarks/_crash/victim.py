"""One process of a run, and how it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import anyio
import anyio.abc
import psutil

_GONE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """A moment in the life of a process, and what is killed then."""

    seconds: float = 0.0
    """After its start, or after the last of these."""
    answers: int = 0
    """So many requests were answered."""
    requests: int = 0
    """So many were made: what led to the last of them must be on record."""
    host_only: bool = False
    """Whether its sandboxes must find out by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What became of one process."""

    started: float
    """On the clock of `time.monotonic`, as is `ended`."""
    ended: float
    killed: bool
    host_only: bool
    status: int
    stdout: str
    stderr: str
    survivors: int
    """Processes below it that lived on."""


class WaitMoment(Protocol):
    """Waits until a process has made so many requests, and so many were answered."""

    async def __call__(self, *, answers: int, requests: int) -> None:
        """Wait."""
        ...


class _Victim:
    def __init__(self, process: anyio.abc.Process) -> None:
        self.process = process
        self.killed = False
        self.below: list[psutil.Process] = []

    def strike(self, *, host_only: bool) -> None:
        """Kill it, and all below it; nothing new begins between the two."""
        try:
            os.kill(self.process.pid, signal.SIGSTOP)
            self.below = psutil.Process(self.process.pid).children(recursive=True)
        except (ProcessLookupError, psutil.NoSuchProcess):
            return
        if self.process.returncode is None:
            self.process.kill()
            self.killed = True
        for one in [] if host_only else self.below:
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue


async def run_session(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    kill: Kill | None,
    wait_moment: WaitMoment,
) -> Session:
    """Run a process to its end, or until it is killed."""
    output: dict[str, bytes] = {}

    async def collect(name: str, stream: anyio.abc.ByteReceiveStream) -> None:
        output[name] = b"".join([piece async for piece in stream])

    async def lurk(victim: _Victim, kill: Kill) -> None:
        await wait_moment(answers=kill.answers, requests=kill.requests)
        await anyio.sleep(kill.seconds)
        victim.strike(host_only=kill.host_only)

    started = time.monotonic()
    async with await anyio.open_process(
        command, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, start_new_session=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        victim = _Victim(process)
        async with anyio.create_task_group() as tasks:
            if kill is not None:
                tasks.start_soon(lurk, victim, kill)
            async with anyio.create_task_group() as readers:
                readers.start_soon(collect, "stdout", process.stdout)
                readers.start_soon(collect, "stderr", process.stderr)
            status = await process.wait()
            ended = time.monotonic()
            tasks.cancel_scope.cancel()
    return Session(
        started=started,
        ended=ended,
        killed=victim.killed,
        host_only=kill is not None and kill.host_only,
        status=status,
        stdout=output["stdout"].decode("utf-8", "replace"),
        stderr=output["stderr"].decode("utf-8", "replace"),
        survivors=await _count_survivors(victim.below),
    )


async def _count_survivors(processes: Sequence[psutil.Process]) -> int:
    """Give them a while to go; end those that do not."""
    with anyio.move_on_after(_GONE_SECONDS):
        while any(map(_lives, processes)):  # noqa: ASYNC110  # they are nobody's children
            await anyio.sleep(0.02)
    left = [one for one in processes if _lives(one)]
    for one in left:
        one.kill()
    return len(left)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
