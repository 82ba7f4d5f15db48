"""Code that is run again in another sandbox of the same seed prints the same."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest

from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._sandbox.deno import open_deno_sandbox
from tests.calls import FakeCalls, run

pytestmark = [pytest.mark.anyio, pytest.mark.deno]

CODE = """
import random
names = {"ada", "grace", "edsger", "barbara", "donald", "tony", ("a", "pair"), b"bytes", None}
print(list(names), [*frozenset("letters")], {*map(str, range(9))}, hash("x"))
random.shuffle(order := list(range(20)))
print(order, random.random(), random.gauss(0, 1), random.sample(range(10**9), 3))
answers = await llm_query_batched(["a", "b"])
print(answers, random.choices("xyz", k=10), sorted(globals()))
"""


async def _printed(assets: Assets, seed: int) -> str:
    async with open_deno_sandbox(assets, FakeCalls(), memory_mb=512) as sandbox:
        await sandbox.seed(seed)
        await sandbox.assign("context", "the context")
        return await run(sandbox, CODE)


async def test_the_same_seed_gives_the_same_with_and_without_a_snapshot(assets: Assets) -> None:
    assert assets.snapshot is not None
    printed: dict[str, str] = {}

    async def note(name: str, assets: Assets, seed: int) -> None:
        printed[name] = await _printed(assets, seed)

    with anyio.fail_after(50):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(note, "snapshot", assets, 2**64 - 1)
            tasks.start_soon(note, "plain", replace(assets, snapshot=None), 2**64 - 1)
            tasks.start_soon(note, "another seed", assets, 7)
    assert printed["snapshot"] == printed["plain"]
    sets, _, other = printed["snapshot"].partition("\n")
    assert printed["another seed"].startswith(sets)
    assert not printed["another seed"].endswith(other)


async def test_a_seed_of_the_code_s_own_goes_before(assets: Assets) -> None:
    async with open_deno_sandbox(assets, FakeCalls(), memory_mb=512) as sandbox:
        await sandbox.seed(7)
        first = await run(sandbox, "import random\nrandom.seed(7)\nrandom.random()")
        drawn = await run(sandbox, "random.seed()\nrandom.random()")
        assert (first, drawn != first) == ("0.32383276483316237\n", True)
