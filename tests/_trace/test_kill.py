"""What the writer says is written survives `kill -9`."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from rlm_runtime._events import SandboxLost
from rlm_runtime._trace.places import is_being_written, list_runs
from rlm_runtime._trace.reader import open_trace
from rlm_runtime._trace.writer import reopen_trace_writer
from tests._trace.events import lost

_PROGRAM = """
import os, sys
from pathlib import Path
import anyio
from rlm_runtime._trace.writer import open_trace_writer
from tests._trace.events import lost

async def main() -> None:
    async with open_trace_writer(Path(sys.argv[1]), "r") as writer:
        number = 0
        while True:
            for _ in range(20):
                writer.write(lost(number))
                number += 1
            ref = await writer.keep(f"{number} " * (10 if number % 3 else 300_000))
            await writer.wait_written()
            os.write(1, f"{number} {ref}\\n".encode())

anyio.run(main)
"""


def _write_until_killed(trace_dir: Path, lines: int, more: int) -> tuple[Path, list[str]]:
    """Run a writer, kill it at some moment after so many lines; give all lines that it said."""
    command = [sys.executable, "-c", _PROGRAM, str(trace_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(lines)]
        (path,) = list_runs(trace_dir)
        assert is_being_written(path)
        # Some work of no particular length, instead of a sleep
        sum(range(more))
        process.kill()
        told += process.stdout.read().splitlines(keepends=True)
    return path, [line.decode() for line in told if line.endswith(b"\n")]


async def _check(path: Path, told: list[str]) -> None:
    assert not is_being_written(path)
    number, ref = told[-1].split()
    with open_trace(path) as trace:
        events = list(trace.events())
        assert len(events) >= int(number)
        assert events == list(map(lost, range(len(events))))
        for line in told:
            count, ref = line.split()
            value = trace.value(ref)
            assert isinstance(value, str) and value.startswith(f"{count} ")
    async with reopen_trace_writer(path) as writer:
        writer.write(SandboxLost(node=7, reason="after"))
    with open_trace(path) as trace:
        assert list(trace.events()) == [*events, SandboxLost(node=7, reason="after")]


@pytest.mark.anyio
async def test_what_was_written_survives_kill_9(tmp_path: Path) -> None:
    for number, more in enumerate((0, 200_000, 1_000_000)):
        await _check(*_write_until_killed(tmp_path / str(number), 3 * number + 1, more))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.anyio
async def test_what_was_written_survives_fifty_kills(tmp_path: Path) -> None:
    chosen = random.Random(5)
    for number in range(50):
        lines, more = chosen.randrange(1, 12), chosen.randrange(2_000_000)
        await _check(*_write_until_killed(tmp_path / str(number), lines, more))
