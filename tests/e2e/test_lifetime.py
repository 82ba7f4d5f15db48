"""No process outlives its block, nor its host."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import anyio.to_thread
import psutil
import pytest

from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._sandbox.deno import open_deno_sandbox
from tests.calls import FakeCalls, answer_of
from tests.e2e.conftest import OpenFake

pytestmark = [pytest.mark.anyio, pytest.mark.deno]

ROOT = Path(__file__).parent.parent.parent
SPIN = "print('spinning')\nwhile True: pass"
FREEZE = """
print('frozen')
import js
js.Atomics.wait(js.Int32Array.new(js.SharedArrayBuffer.new(4)), 0, 0)
"""
WAIT = "print('waiting')\nimport asyncio\nawait asyncio.sleep(60)"


def is_gone(pid: int, seconds: float) -> bool:
    """Wait for a process of anybody to end; a zombie is only a name."""
    try:
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            process.wait(seconds)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return True
    except psutil.TimeoutExpired:
        return process.status() == psutil.STATUS_ZOMBIE
    return True


async def test_a_sandbox_is_one_process_that_ends_with_its_block(opened: OpenFake) -> None:
    async with opened(FakeCalls()) as sandbox:
        await sandbox.execute("import os")
        process = psutil.Process(sandbox.pid)
        assert process.children(recursive=True) == []
        assert process.cwd() == "/" and "deno" in process.name()
    assert not psutil.pid_exists(sandbox.pid)


@pytest.mark.parametrize("code", [SPIN, FREEZE, WAIT, "FINAL(1)"])
async def test_a_block_that_is_left_by_force_leaves_no_process(assets: Assets, code: str) -> None:
    calls = FakeCalls()
    pid = 0
    with anyio.move_on_after(50) as scope:
        async with open_deno_sandbox(assets, calls, memory_mb=512) as sandbox:
            pid = sandbox.pid
            await sandbox.assign("context", "")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(sandbox.execute, code)
                while not (sandbox.output_so_far().stdout or calls.answers):  # noqa: ASYNC110
                    await anyio.sleep(0.01)
                began = anyio.current_time()
                scope.cancel()
    assert anyio.current_time() - began < 2
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize("code", [SPIN, WAIT, "FINAL(1)"])
async def test_kill_9_of_the_host_leaves_no_process(assets: Assets, code: str) -> None:
    script = str(ROOT / "tests" / "children" / "hosts_sandbox.py")
    given = [str(assets.deno), str(assets.folder), assets.snapshot or "", code]
    host = await anyio.open_process(
        [sys.executable, script, *given],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.STDOUT,
    )
    assert host.stdout is not None
    with anyio.fail_after(50):
        async with host:
            pid = int(await host.stdout.receive())
            assert psutil.Process(pid).ppid() == host.pid
            host.send_signal(signal.SIGKILL)
            assert await host.wait() == -9
            assert await anyio.to_thread.run_sync(is_gone, pid, 20)


async def test_answers_end_nothing_by_themselves(opened: OpenFake) -> None:
    calls = FakeCalls()
    async with opened(calls) as sandbox:
        assert await answer_of(sandbox, calls, "FINAL([1])") == [1]
        assert psutil.pid_exists(sandbox.pid)
    assert not psutil.pid_exists(sandbox.pid)
