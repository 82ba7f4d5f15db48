"""The pool with real processes: spares are real, fresh, and gone in the end."""

from __future__ import annotations

from functools import partial

import anyio
import psutil
import pytest

from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._sandbox.base import OpenSandbox
from rlm_runtime._sandbox.deno import open_deno_sandbox
from rlm_runtime._sandbox.pool import Pool, open_pool
from tests.calls import FakeCalls, answer_of

pytestmark = [pytest.mark.anyio, pytest.mark.deno]

LEAVE_TRACES = """
import builtins, js
found = [hasattr(builtins, "left"), "left" in globals(), hasattr(js.globalThis, "left")]
builtins.left = left = js.globalThis.left = 1
FINAL(found)
"""


def sandboxes() -> list[psutil.Process]:
    """Find the sandboxes of this process, those that nobody has waited for included."""
    return [child for child in psutil.Process().children() if child.name() == "deno"]


async def wait_spares(pool: Pool, n: int) -> None:
    while pool.spares < n:  # noqa: ASYNC110 - nothing tells of it
        await anyio.sleep(0.01)


async def use(open_sandbox: OpenSandbox) -> tuple[int, object]:
    """Be a node that leaves traces in its sandbox; give its process and what it found."""
    calls = FakeCalls()
    async with open_sandbox(calls, memory_mb=512) as sandbox:
        await sandbox.assign("context", "")
        return sandbox.pid, await answer_of(sandbox, calls, LEAVE_TRACES)


async def test_no_sandbox_is_used_twice_and_none_is_left(assets: Assets) -> None:
    with anyio.fail_after(40):
        async with open_pool(partial(open_deno_sandbox, assets), spares=1) as pool:
            with pool.run(room=1, memory_mb=512) as open_sandbox:
                used = [await use(open_sandbox)]
                for _ in range(3):
                    await wait_spares(pool, 1)
                    (spare,) = sandboxes()
                    used.append(await use(open_sandbox))
                    assert used[-1][0] == spare.pid
                    assert not spare.is_running()
                assert [found for _, found in used] == [[False] * 3] * 4
                assert len({pid for pid, _ in used}) == 4
                assert len(sandboxes()) == 1
    assert sandboxes() == []


async def test_a_spare_that_was_killed_is_replaced(assets: Assets) -> None:
    with anyio.fail_after(40):
        async with open_pool(partial(open_deno_sandbox, assets), spares=1) as pool:
            with pool.run(room=1, memory_mb=512) as open_sandbox:
                async with open_sandbox(FakeCalls(), memory_mb=512) as root:
                    await wait_spares(pool, 1)
                    (spare,) = [one for one in sandboxes() if one.pid != root.pid]
                    spare.kill()
                    while psutil.pid_exists(spare.pid):  # noqa: ASYNC110 - nothing tells of it
                        await anyio.sleep(0.01)
                    await wait_spares(pool, 1)
                    pid, found = await use(open_sandbox)
                    assert pid not in (root.pid, spare.pid) and found == [False] * 3
    assert sandboxes() == []


@pytest.mark.parametrize("starting", [True, False])
async def test_a_pool_that_is_left_by_force_leaves_no_process(
    assets: Assets, starting: bool
) -> None:
    began = 0.0
    with anyio.move_on_after(30) as scope:
        async with open_pool(partial(open_deno_sandbox, assets), spares=2) as pool:
            with pool.run(room=2, memory_mb=512) as open_sandbox:
                async with open_sandbox(FakeCalls(), memory_mb=512):
                    if not starting:
                        await wait_spares(pool, 2)
                    while len(sandboxes()) < 2:  # noqa: ASYNC110 - nothing tells of it
                        await anyio.sleep(0.01)
                    began = anyio.current_time()
                    scope.cancel()
                    await anyio.sleep_forever()
    assert sandboxes() == []
    assert anyio.current_time() - began < 10
