from __future__ import annotations

from collections import Counter

import anyio
import pytest

from tests._engine.fakes import make_run, repl

pytestmark = pytest.mark.anyio

REPLIES = {
    "root": [
        repl("twins = [await llm_query('child'), await llm_query('child')]\nlose('It broke')"),
        repl("await FINAL(await llm_query('other'))"),
    ],
    "child": [repl("await FINAL(1)")],
    "other": [repl("await FINAL(2)")],
}


async def seeds(seed: int) -> list[list[int]]:
    """Give the seeds of all sandboxes of a run, each in the order of its openings."""
    played = make_run(REPLIES)
    with anyio.fail_after(10):
        await played.run.answer("root", "the context", run="run", version="1", seed=seed)
    return [sandbox.seeds for sandbox in played.sandboxes.opened]


async def test_each_sandbox_has_a_seed_of_its_own_that_follows_from_that_of_the_run() -> None:
    first = await seeds(7)
    # Of the root, of two children alike, of the root again, and of the third child
    assert len(first) == 5
    assert Counter(len(each) for each in first) == {1: 5}
    assert len({each[0] for each in first}) == 5
    assert await seeds(7) == first
    assert not {each[0] for each in await seeds(8)} & {each[0] for each in first}
    assert all(0 <= each[0] < 2**63 for each in first)
