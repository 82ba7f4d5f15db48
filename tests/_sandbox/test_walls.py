"""Finding the walls of a system, whatever its tools do."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import anyio
import pytest

from rlm_runtime._sandbox import walls as walls_module
from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._sandbox.walls import Wall, find_walls

pytestmark = pytest.mark.anyio

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser has something to lose")
installed = pytest.mark.skipif(
    not (shutil.which("setpriv") and shutil.which("unshare")), reason="util-linux is not installed"
)


@pytest.fixture
def small(tmp_path: Path) -> Assets:
    """Make assets that are enough to look at."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "main.js").write_text("1")
    deno = tmp_path / "deno"
    shutil.copy("/bin/true", deno)
    return Assets(deno=deno, folder=tmp_path / "assets", snapshot=None)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder whose programs come before those of the system."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def put(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


# Takes its options and runs the rest, as one does that knows an option and cannot obey
OBEYS_NOTHING = 'while case "$1" in -*) true;; *) false;; esac; do shift; done\nexec "$@"'


async def missing(assets: Assets) -> dict[str, str]:
    found = (await find_walls(assets)).found
    assert len({wall.name for wall in found}) == len(found) == 5
    return {wall.name: wall.missing for wall in found if wall.missing is not None}


async def test_a_system_without_the_tools_has_no_walls(
    small: Assets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    walls = await find_walls(small)
    assert walls.prefix == ()
    told = {wall.name: wall.missing for wall in walls.found}
    assert told["no_new_privileges"] == "setpriv of util-linux is not installed"
    assert told["network"] == "unshare of util-linux is not installed"
    assert told["threads"] is not None


@installed
async def test_what_one_tool_cannot_do_leaves_the_others_standing(
    small: Assets, tools: Path
) -> None:
    put(tools, "unshare", "echo 'unshare: unshare failed: Operation not permitted' >&2; exit 1")
    walls = await find_walls(small)
    assert Wall(name="no_new_privileges") in walls.found
    assert Wall(name="dies_with_host") in walls.found
    told = {wall.name: wall.missing for wall in walls.found}
    assert told["network"] == "unshare: unshare failed: Operation not permitted"
    assert told["threads"] is not None and "superuser" in told["threads"] or os.geteuid() != 0
    assert not any("unshare" in word or "prlimit" in word for word in walls.prefix)


async def test_a_tool_that_does_nothing_builds_no_wall(small: Assets, tools: Path) -> None:
    for name in ("unshare", "prlimit", "setpriv"):
        put(tools, name, OBEYS_NOTHING)
    told = await missing(small)
    for name in ("no_new_privileges", "network"):
        assert told[name] == "it was built, and has no effect"
    assert os.geteuid() != 0 or told["capabilities"] == "it was built, and has no effect"
    assert "threads" in told


async def test_a_tool_that_hangs_is_given_up(
    small: Assets, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walls_module, "_PROBE_SECONDS", 0.1)
    for name in ("unshare", "prlimit", "setpriv"):
        put(tools, name, "exec sleep 600")
    with anyio.fail_after(20):
        walls = await find_walls(small)
    assert walls.prefix == ()
    assert all(wall.missing for wall in walls.found if wall.name != "capabilities")


async def test_a_tool_that_is_no_program_is_no_error(small: Assets, tools: Path) -> None:
    for name in ("unshare", "prlimit", "setpriv"):
        (tools / name).write_bytes(b"\x7fELF")
        (tools / name).chmod(0o755)
    told = await missing(small)
    assert told["network"].startswith("it cannot be tried: OSError")


@as_root
@installed
async def test_capabilities_stay_where_deno_needs_one_to_read_its_files(small: Assets) -> None:
    assert Wall(name="capabilities") in (await find_walls(small)).found
    small.folder.chmod(0o700)
    os.chown(small.folder, 65534, 65534)
    walls = await find_walls(small)
    told = {wall.name: wall.missing for wall in walls.found}
    reason = told.pop("capabilities")
    assert reason is not None and "Permission denied" in reason
    assert told["no_new_privileges"] is None
    assert not any(word.startswith("--bounding-set") for word in walls.prefix)
