"""A snapshot that looks right and does not start."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from rlm_runtime._errors import SandboxStartError
from rlm_runtime._sandbox.assets import Assets, prepare_assets
from rlm_runtime._sandbox.opener import SandboxOpener
from tests.calls import FakeCalls

pytestmark = [pytest.mark.anyio, pytest.mark.deno]


def copied(assets: Assets, to: Path, snapshot: bytes, *, ours: bool) -> Assets:
    """Copy the assets, with another snapshot of which the manifest tells the right hash."""
    shutil.copytree(assets.folder, to)
    (to / "snapshot.bin").write_bytes(snapshot)
    manifest = json.loads((to / "manifest.json").read_text())
    manifest["sha256"]["snapshot.bin"] = hashlib.sha256(snapshot).hexdigest()
    (to / "manifest.json").write_text(json.dumps(manifest))
    return replace(assets, folder=to, ours=ours)


def truncated(good: bytes) -> bytes:
    return good[: len(good) // 2]


def of_another_build(good: bytes) -> bytes:
    head = good.index(b"hiwireKeys") - 50
    return good[:head] + bytes(40) + good[head + 40 :]


def of_zeros(good: bytes) -> bytes:
    return good[: len(good) - (16 << 20)] + bytes(16 << 20)


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("broken", "at_once"), [(truncated, 2), (of_another_build, 1), (of_zeros, 1)]
)
async def test_a_snapshot_that_does_not_start_costs_time_only(
    assets: Assets, tmp_path: Path, broken: Callable[[bytes], bytes], at_once: int
) -> None:
    assert assets.snapshot is not None
    good = (assets.folder / "snapshot.bin").read_bytes()
    ready = copied(assets, tmp_path / "ready", broken(good), ours=False)
    lines: list[str] = []
    opener = SandboxOpener(ready, progress=lines.append)
    with anyio.fail_after(150):
        async with anyio.create_task_group() as tasks:
            for _ in range(at_once):
                tasks.start_soon(run_once, opener)
    assert len(lines) == 1 and "starts 2 s slower" in lines[0] and "next run" not in lines[0]
    # A folder that the user gave is left as it is
    assert (ready.folder / "snapshot.bin").exists()


async def run_once(opener: SandboxOpener) -> None:
    async with opener(FakeCalls(), memory_mb=512) as sandbox:
        result = await sandbox.execute("import zoneinfo\nprint(6 * 7)")
    assert (result.stdout, result.error) == ("42\n", None)


@pytest.mark.timeout(180)
async def test_a_snapshot_of_our_own_is_taken_anew(assets: Assets, tmp_path: Path) -> None:
    good = (assets.folder / "snapshot.bin").read_bytes()
    cache = tmp_path / "cache"
    broken = copied(assets, cache / assets.folder.name, truncated(good), ours=True)
    assert await prepare_assets(cache) == broken
    lines: list[str] = []
    opener = SandboxOpener(broken, progress=lines.append)
    await run_once(opener)
    assert len(lines) == 1 and lines[0].endswith("; the next run takes a new one")
    # Neither npm nor the cache of Deno is there: only the snapshot is made
    repaired = await prepare_assets(cache, progress=lines.append)
    assert lines[1:] == ["Preparing the sandbox, once: taking a memory snapshot"]
    assert repaired == broken and set(os.listdir(cache)) >= {"assets.lock", broken.folder.name}
    opener = SandboxOpener(repaired, progress=lines.append)
    await run_once(opener)
    assert len(lines) == 2


async def test_a_process_that_cannot_start_says_nothing_about_the_snapshot(
    assets: Assets, tmp_path: Path
) -> None:
    lines: list[str] = []
    missing = replace(assets, deno=tmp_path / "none")
    with pytest.raises(SandboxStartError, match="No such file"):
        async with SandboxOpener(missing, progress=lines.append)(FakeCalls(), memory_mb=512):
            pass
    assert lines == []


async def test_a_sandbox_that_is_killed_once_costs_no_snapshot(
    assets: Assets, tmp_path: Path
) -> None:
    folder = tmp_path / assets.folder.name
    whole = copied(assets, folder, (assets.folder / "snapshot.bin").read_bytes(), ours=True)
    deno = tmp_path / "deno"
    words = f'#!/bin/sh\n/bin/mkdir {tmp_path}/begun 2>&- && kill -9 $$\nexec {assets.deno} "$@"\n'
    deno.write_text(words)
    deno.chmod(0o755)
    lines: list[str] = []
    await run_once(SandboxOpener(replace(whole, deno=deno), progress=lines.append))
    assert lines == [] and (tmp_path / "begun").exists()
    assert (folder / "snapshot.bin").exists()


async def test_an_error_in_the_block_is_no_start_that_failed(assets: Assets) -> None:
    lines: list[str] = []
    with pytest.raises(SandboxStartError, match="a child"):
        async with SandboxOpener(assets, progress=lines.append)(FakeCalls(), memory_mb=512):
            raise SandboxStartError("a child")
    assert lines == []


async def test_without_a_snapshot_that_can_be_taken_the_folder_says_why(
    assets: Assets, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    folder = cache / assets.folder.name
    shutil.copytree(assets.folder, folder)
    script = folder / "snapshot.js"
    script.write_text("throw new Error('no snapshot on this machine')")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"]["snapshot.js"] = hashlib.sha256(script.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "snapshot.bin").unlink()
    lines: list[str] = []
    made = await prepare_assets(cache, progress=lines.append)
    assert made.snapshot is None and "no snapshot on this machine" in str(made.problem)
    assert len(lines) == 2 and "no snapshot on this machine" in lines[1]
    await run_once(SandboxOpener(made, progress=lines.append))
    assert await prepare_assets(cache, progress=lines.append) == made and len(lines) == 3
    assert "tries again" in lines[2]
