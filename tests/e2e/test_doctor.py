"""`rlm doctor` on a machine that is in order, and on one that is broken in each way."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rlm_runtime._cli import cli
from rlm_runtime._paths import default_cache_dir
from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._sandbox.walls import Walls
from tests.e2e.test_lifetime import ROOT

pytestmark = pytest.mark.deno

WALLS = ["no_new_privileges", "dies_with_host", "capabilities", "network", "threads"]
Checks = dict[str, dict[str, Any]]


def doctor(tmp_path: Path, *args: str, **variables: str) -> Result:
    settings: dict[str, str | None] = {
        name: None for name in os.environ if name.startswith(("RLM_", "OPENAI_"))
    }
    settings |= {"RLM_TRACE_DIR": str(tmp_path / "traces"), "RLM_CACHE_DIR": str(tmp_path / "none")}
    return CliRunner().invoke(cli, ["doctor", *args], env=settings | variables)


def checks(tmp_path: Path, *args: str, **variables: str) -> tuple[int, Checks]:
    result = doctor(tmp_path, "--json", *args, **variables)
    told = json.loads(result.stdout)
    assert told["ok"] == (result.exit_code == 0)
    found = {check.pop("name"): check for check in told["checks"]}
    for check in found.values():
        assert check["status"] in ("ok", "warn", "fail")
        # What is not in order says what to do
        assert check["status"] == "ok" or check["hint"]
    return result.exit_code, found


@pytest.fixture
def ready(assets: Assets, tmp_path: Path) -> Path:
    """Copy a whole folder of assets, to be broken."""
    return shutil.copytree(assets.folder, tmp_path / "ready")


def replace_asset(folder: Path, name: str, content: bytes) -> None:
    """Put another file in place of one, and let the manifest say that it was always so."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"][name] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_machine_in_order_is_green(assets: Assets, walls: Walls, tmp_path: Path) -> None:
    status, found = checks(tmp_path, RLM_SANDBOX_ASSETS=str(assets.folder), OPENAI_API_KEY="a-key")
    assert status == 0
    walled = [f"wall {wall.name}" for wall in walls.found]
    assert list(found) == [
        *["deno", "assets", "snapshot", "sandbox", *walled],
        *["memory", "cache", "traces", "model"],
    ]
    assert sorted(walled) == sorted(f"wall {name}" for name in WALLS)
    assert all(found[name]["status"] == "ok" for name in ("deno", "assets", "snapshot", "sandbox"))
    assert 0 < found["sandbox"]["seconds"] < 60 and 20 < found["sandbox"]["idle_mb"] < 1000
    assert found["memory"]["idle_sandbox_mb"] == found["sandbox"]["idle_mb"]
    for wall in walls.found:
        check = found[f"wall {wall.name}"]
        assert check["status"] == ("ok" if wall.missing is None else "warn")
    assert found["model"]["status"] == "warn" and "a key is set" in found["model"]["text"]
    assert "a-key" not in json.dumps(found)


def test_each_line_has_its_word_and_what_to_do(assets: Assets, tmp_path: Path) -> None:
    (tmp_path / "traces").touch()
    result = doctor(tmp_path, RLM_SANDBOX_ASSETS=str(assets.folder), RLM_MODEL="scripted/none")
    assert result.exit_code == 11
    lines = result.stdout.splitlines()
    assert lines[0].split()[:2] == ["ok", "deno"]
    at = next(n for n, line in enumerate(lines) if line.split()[:2] == ["FAIL", "traces"])
    assert "cannot be written: not a directory" in lines[at]
    assert lines[at + 1].strip() == "-> let RLM_TRACE_DIR name a folder that can"
    assert [line.split()[1] for line in lines if line.startswith("FAIL")] == ["traces", "model"]
    assert "\x1b" not in result.stdout


def test_a_system_without_walls_works(assets: Assets, tmp_path: Path) -> None:
    status, found = checks(tmp_path, RLM_SANDBOX_ASSETS=str(assets.folder), PATH="")
    assert status == 0
    assert found["sandbox"]["status"] == "ok"
    assert found["wall network"]["status"] == "warn"
    assert found["wall network"]["text"] == "missing: unshare of util-linux is not installed"
    assert "util-linux" in found["wall network"]["hint"]


@pytest.mark.parametrize("change", ["changed", "gone"])
def test_a_corrupted_asset_is_red(ready: Path, tmp_path: Path, change: str) -> None:
    if change == "gone":
        (ready / "main.js").unlink()
    else:
        (ready / "main.js").write_text("// another")
    status, found = checks(tmp_path, "--fix", RLM_SANDBOX_ASSETS=str(ready))
    assert status == 21
    assert (
        found["assets"]["status"] == "fail" and "'main.js' has changed" in found["assets"]["text"]
    )
    assert found["assets"]["hint"].startswith("copy a ready folder of assets anew")
    assert "sandbox" not in found


def test_a_snapshot_that_does_not_restore_is_red(ready: Path, tmp_path: Path) -> None:
    replace_asset(ready, "snapshot.bin", b"not a snapshot")
    status, found = checks(tmp_path, RLM_SANDBOX_ASSETS=str(ready))
    assert (status, found["assets"]["status"]) == (21, "ok")
    assert found["snapshot"]["status"] == "fail"
    assert found["snapshot"]["text"].startswith("does not restore: Cannot start a sandbox: ")
    assert "--fix" in found["snapshot"]["hint"]


def test_a_sandbox_that_does_not_start_is_red(ready: Path, tmp_path: Path) -> None:
    replace_asset(ready, "main.js", b"throw new Error('broken on purpose')")
    status, found = checks(tmp_path, RLM_SANDBOX_ASSETS=str(ready))
    assert (status, found["assets"]["status"]) == (21, "ok")
    assert found["sandbox"]["status"] == "fail"
    assert "broken on purpose" in found["sandbox"]["text"]


def test_assets_that_cannot_be_made_are_red(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = str(tmp_path / "file" / "cache")
    status, found = checks(tmp_path, "--fix", RLM_CACHE_DIR=cache)
    assert status == 21
    assert found["assets"]["status"] == "fail"
    assert found["assets"]["text"].startswith(f"Cannot prepare the sandbox in {cache!r}: ")
    assert "RLM_CACHE_DIR" in found["assets"]["hint"]
    assert found["cache"]["status"] == "warn"


def test_assets_that_are_not_made_yet_are_red_and_stay_so(tmp_path: Path) -> None:
    status, found = checks(tmp_path)
    assert (status, found["assets"]["status"]) == (21, "fail")
    assert found["assets"]["text"].startswith("Cannot find the sandbox assets: none in ")
    assert "rlm doctor --fix" in found["assets"]["hint"]
    assert not (tmp_path / "none").exists()


DENOS = {
    "none": ("raise FileNotFoundError('/bin/deno')", "there is none: /bin/deno"),
    "one that is none": ("return '/bin/false'", "it ended with status 1"),
    "one that cannot run": ("return '/etc/passwd'", "it does not run: PermissionError"),
}


@pytest.mark.parametrize(("find", "text"), DENOS.values(), ids=DENOS.keys())
def test_without_deno_it_is_red(tmp_path: Path, find: str, text: str) -> None:
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "deno.py").write_text(f"def find_deno_bin():\n    {find}\n")
    done = subprocess.run(
        [sys.executable, "-m", "rlm_runtime", "doctor", "--json"],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(tmp_path / "fake"), str(ROOT)]),
            "RLM_TRACE_DIR": str(tmp_path / "traces"),
        },
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 21, done.stderr
    first = json.loads(done.stdout)["checks"][0]
    assert (first["name"], first["status"]) == ("deno", "fail")
    assert text in first["text"] and "pip install" in first["hint"]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_fix_makes_what_is_not_there_and_what_is_broken_anew(
    assets: Assets, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    if (default_cache_dir() / "deno").is_dir():
        (cache / "deno").symlink_to(default_cache_dir() / "deno")
    made = doctor(tmp_path, "--fix", RLM_CACHE_DIR=str(cache))
    assert made.exit_code == 0, made.stdout
    assert "rlm: Preparing the sandbox, once" in made.stderr
    (folder,) = cache.glob("assets-*")
    # Its files are those that the manifest names, so only a start shows what is wrong
    replace_asset(folder, "snapshot.bin", b"not a snapshot")
    assert checks(tmp_path, RLM_CACHE_DIR=str(cache))[0] == 21
    status, found = checks(tmp_path, "--fix", RLM_CACHE_DIR=str(cache))
    assert status == 0 and found["snapshot"]["status"] == "ok"
    # Taking it failed when the folder was made, and what was there then is enough
    forget_snapshot(folder, problem="the disk was full")
    fixed = doctor(tmp_path, "--fix", "--json", RLM_CACHE_DIR=str(cache))
    assert "taking a memory snapshot" in fixed.stderr and "fetching" not in fixed.stderr
    told = {check["name"]: check["status"] for check in json.loads(fixed.stdout)["checks"]}
    assert told["snapshot"] == "ok"


def forget_snapshot(folder: Path, *, problem: str | None = None) -> None:
    """Let the manifest know of no snapshot."""
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["sha256"]["snapshot.bin"]
    manifest["problem"] = problem
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.slow
def test_without_a_snapshot_it_works_and_says_so(ready: Path, tmp_path: Path) -> None:
    forget_snapshot(ready, problem="no space left")
    status, found = checks(tmp_path, RLM_SANDBOX_ASSETS=str(ready))
    assert (status, found["sandbox"]["status"]) == (0, "ok")
    assert found["snapshot"]["status"] == "warn"
    assert "there is none (no space left)" in found["snapshot"]["text"]
