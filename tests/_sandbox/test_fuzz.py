"""The host's end against a process that sends forged frames, of a seed that a failure names."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from rlm_runtime._errors import SandboxError
from tests._sandbox.test_deno import DONE, READY, assert_none_left, pretending, result
from tests.forgery import Forger

pytestmark = pytest.mark.anyio

MOST_GROWTH_MB = 300


async def play(folder: Path, seed: int, honest: int, tampered: int) -> bool:
    """Play a session of so many frames; tell whether the sandbox was lost."""
    forger = Forger(seed)
    said = b"".join(forger.honest() for _ in range(honest))
    said += b"".join(forger.tampered() for _ in range(tampered))
    try:
        async with pretending(folder, "says_and_exits", READY, said, result(0, DONE)) as sandbox:
            await sandbox.execute("code")
    except SandboxError as exc:
        assert str(exc).startswith("The sandbox is lost: ") and len(str(exc)) < 12_000
        return True
    return False


async def fuzz(folder: Path, seeds: range, honest: int) -> None:
    process = psutil.Process()
    before = process.memory_info().rss
    lost = 0
    assert not await play(folder, seeds[0], honest, 0)
    for seed in seeds:
        try:
            lost += await play(folder, seed, honest, 1)
        except BaseException as exc:
            exc.add_note(f"the seed was {seed}, with {honest} honest frames")
            raise
        grown = (process.memory_info().rss - before) >> 20
        assert grown < MOST_GROWTH_MB, f"the host has grown by {grown} MB at seed {seed}"
    assert_none_left(folder)
    # Both ends are reached: what was tampered with may still be harmless
    assert len(seeds) / 3 < lost < len(seeds)


async def test_forged_frames_cost_the_sandbox_at_most(tmp_path: Path) -> None:
    await fuzz(tmp_path, range(40), 5)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_100_000_frames_cost_the_sandbox_at_most(tmp_path: Path) -> None:
    await fuzz(tmp_path, range(1000, 1400), 250)
