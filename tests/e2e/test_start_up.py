"""What a sandbox starts with, and how little it takes."""

from __future__ import annotations

import re
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._sandbox.deno import open_deno_sandbox
from tests.calls import FakeCalls
from tests.e2e.conftest import OpenFake

pytestmark = [pytest.mark.anyio, pytest.mark.deno]

# 82 to 95 MB as it should be; 150 MB and more where buffers stay that the start has filled
MOST_PRIVATE_MB = 110


def private_mb(pid: int) -> float:
    """Tell what a process has in memory of its own, file pages left out."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss_Anon: +(\d+) kB", rollup, re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


async def test_an_idle_sandbox_is_small(opened: OpenFake) -> None:
    async with opened(FakeCalls()) as sandbox:
        await sandbox.execute("1 + 1")
        assert await anyio.to_thread.run_sync(private_mb, sandbox.pid) < MOST_PRIVATE_MB


async def test_what_code_uses_most_is_imported_already(opened: OpenFake) -> None:
    names = "asyncio collections csv decimal email.message json logging pickle re sqlite3 tomllib"
    async with opened(FakeCalls()) as sandbox:
        code = f"import sys\nprint(*(n for n in {names.split()} if n not in sys.modules))"
        assert (await sandbox.execute(code)).stdout == "\n"


async def test_the_smallest_sandbox_survives_a_full_memory(assets: Assets) -> None:
    code = """
held = []
for size in (1 << 20, 1 << 16):
    try:
        while True:
            held.append(bytearray(size))
    except MemoryError:
        full = sum(map(len, held)) >> 20
del held
print(full > 16)
"""
    with anyio.fail_after(50):
        async with open_deno_sandbox(assets, FakeCalls(), memory_mb=64) as sandbox:
            result = await sandbox.execute(code)
            assert (result.stdout, result.error) == ("True\n", None)
            assert (await sandbox.execute("len(str(10**4000)) + len([0] * 10**6)")).error is None


async def test_neither_python_nor_the_snapshot_tells_where_the_assets_lie(
    assets: Assets, opened: OpenFake
) -> None:
    place = str(assets.folder.parent)
    assert assets.snapshot is not None
    held = await anyio.Path(assets.folder / assets.snapshot).read_bytes()
    assert place.encode() not in held
    code = "import sys, sysconfig\nprint(sys.executable, sys.path, sys.argv, sys.prefix, vars(sys))"
    async with opened(FakeCalls()) as sandbox:
        printed = (await sandbox.execute(f"{code}\nprint(sysconfig.get_config_vars())")).stdout
    assert printed.startswith("/usr/bin/python3 ") and place not in printed
