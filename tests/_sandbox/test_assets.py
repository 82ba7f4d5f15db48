"""The folder that sandboxes start from, when it is whole and when it is not."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.abc
import pytest
from anyio.streams.text import TextReceiveStream

from rlm_runtime._errors import SandboxStartError
from rlm_runtime._paths import default_cache_dir
from rlm_runtime._sandbox import assets as assets_module
from rlm_runtime._sandbox.assets import Assets, prepare_assets

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent.parent
PREPARES = ROOT / "tests" / "children" / "prepares_assets.py"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a ready folder as small as can be."""
    ready = tmp_path / "ready"
    (ready / "pyodide").mkdir(parents=True)
    (ready / "main.js").write_text("12345")
    (ready / "pyodide" / "a.wasm").write_text("123")
    (ready / "snapshot.bin").write_text("1")
    names = ("main.js", "pyodide/a.wasm", "snapshot.bin")
    digests = {name: hashlib.sha256((ready / name).read_bytes()).hexdigest() for name in names}
    (ready / "manifest.json").write_text(json.dumps({"sha256": digests}))
    return ready


async def test_a_ready_folder_is_taken_as_it_is(folder: Path, tmp_path: Path) -> None:
    found = await prepare_assets(tmp_path / "cache", ready=folder)
    assert found == Assets(deno=found.deno, folder=folder, snapshot="snapshot.bin")
    assert found.deno.is_file()
    assert not (tmp_path / "cache").exists()


async def test_a_ready_folder_may_lack_a_snapshot(folder: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256((folder / "main.js").read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps({"sha256": {"main.js": digest}}))
    assert (await prepare_assets(tmp_path, ready=folder)).snapshot is None


async def test_a_snapshot_that_could_not_be_taken_is_told_each_time(
    folder: Path, tmp_path: Path
) -> None:
    digest = hashlib.sha256((folder / "main.js").read_bytes()).hexdigest()
    manifest = {"sha256": {"main.js": digest}, "problem": "the disk was full"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    os.rename(folder, assets_module._folder(tmp_path))
    lines: list[str] = []
    for told in (1, 2):
        assert (await prepare_assets(tmp_path, progress=lines.append)).snapshot is None
        assert len(lines) == told and "rlm doctor --fix tries again" in lines[-1]


async def test_a_ready_folder_is_named_in_full(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert (await prepare_assets(tmp_path, ready=Path("ready"))).folder == folder


@pytest.mark.parametrize(
    "manifest",
    [b"", b"{", b"[]", b"5", b"{}", b'{"sha256": 5}', b'{"sha256": ["main.js"]}', b"\xff"],
)
async def test_a_broken_manifest_is_an_error(folder: Path, manifest: bytes) -> None:
    (folder / "manifest.json").write_bytes(manifest)
    with pytest.raises(SandboxStartError, match=f"{str(folder)!r}: it has no readable manifest"):
        await prepare_assets(folder.parent, ready=folder)


async def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SandboxStartError, match="/none': it has no readable manifest"):
        await prepare_assets(tmp_path, ready=tmp_path / "none")


@pytest.mark.parametrize("name", ["main.js", "pyodide/a.wasm", "snapshot.bin"])
@pytest.mark.parametrize("change", ["grown", "emptied", "gone", "another"])
async def test_a_changed_file_is_an_error(folder: Path, name: str, change: str) -> None:
    path = folder / name
    if change == "gone":
        path.unlink()
    else:
        texts = {"grown": "12345x", "emptied": "", "another": "z" * path.stat().st_size}
        path.write_text(texts[change])
    with pytest.raises(SandboxStartError, match=f"{name!r} has changed; copy"):
        await prepare_assets(folder.parent, ready=folder)


async def test_a_cache_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SandboxStartError, match="Cannot prepare the sandbox in .*/file/cache"):
        await prepare_assets(tmp_path / "file" / "cache")


@pytest.fixture
def closed_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the npm registry be a port that nobody listens at."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://127.0.0.1:{bound.getsockname()[1]}/")
        for proxy in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(proxy, raising=False)
        yield


@pytest.mark.deno
@pytest.mark.usefixtures("closed_registry")
async def test_without_a_network_the_error_says_what_to_do(tmp_path: Path) -> None:
    lines: list[str] = []
    # The second try shows that the first has left nothing behind that stands in the way
    for _ in range(2):
        with pytest.raises(SandboxStartError, match="(?s)fetching .* failed.*RLM_SANDBOX_ASSETS"):
            await prepare_assets(tmp_path, progress=lines.append)
    assert [line for line in lines if "fetching Pyodide" in line] == lines and len(lines) == 2
    assert set(os.listdir(tmp_path)) == {"assets.lock", "deno"}


@pytest.mark.deno
@pytest.mark.usefixtures("assets")
async def test_two_at_once_make_the_folder_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLM_TEST_CANARY", "seen-by-the-build")
    fetched = default_cache_dir() / "deno"
    if fetched.is_dir():
        (tmp_path / "deno").symlink_to(fetched)
    lines: list[str] = []
    made: list[Assets] = []

    async def prepare() -> None:
        made.append(await prepare_assets(tmp_path, progress=lines.append))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(prepare)
        tasks.start_soon(prepare)
    assert made[0] == made[1] and made[0].snapshot is not None
    assert sorted(line.split(":")[0] for line in lines) == [
        "Another process prepares the sandbox; waiting for it",
        "Preparing the sandbox, once",
        "Preparing the sandbox, once",
    ]
    assert set(os.listdir(tmp_path)) == {"assets.lock", "deno", made[0].folder.name}
    assert b"seen-by-the-build" not in (made[0].folder / made[0].snapshot).read_bytes()
    # One that broke is made anew, and what a killed build left behind goes
    (made[0].folder / "main.js").write_text("")
    (made[0].folder / "packages" / "a set").mkdir(parents=True)
    (tmp_path / "building-xyz" / "assets").mkdir(parents=True)
    assert await prepare_assets(tmp_path) == made[0]
    assert (made[0].folder / "main.js").stat().st_size > 0
    assert (made[0].folder / "packages" / "a set").is_dir()
    assert set(os.listdir(tmp_path)) == {"assets.lock", "deno", made[0].folder.name}


async def lines_of(process: anyio.abc.Process, until: str = "") -> list[str]:
    """Read what a child says, to its end or to a line with this text."""
    assert process.stdout is not None
    lines: list[str] = []
    rest = ""
    async for piece in TextReceiveStream(process.stdout):
        *whole, rest = (rest + piece).split("\n")
        lines += whole
        if until and any(until in line for line in lines):
            break
    return lines


@pytest.mark.deno
@pytest.mark.usefixtures("assets")
async def test_a_build_that_is_killed_is_taken_over_by_the_process_that_waits(
    tmp_path: Path,
) -> None:
    fetched = default_cache_dir() / "deno"
    if fetched.is_dir():
        (tmp_path / "deno").symlink_to(fetched)
    command = [sys.executable, str(PREPARES), str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    async with (
        await anyio.open_process(command, env=env) as first,
        await anyio.open_process(command, env=env) as second,
    ):
        # Only one of the two can have begun
        builder, waiter = first, second
        if "Another" in (await lines_of(first, until=" "))[0]:
            builder, waiter = second, first
        else:
            await lines_of(second, until="Another process")
        await lines_of(builder, until="taking a memory snapshot")
        builder.send_signal(signal.SIGKILL)
        assert await builder.wait() == -9
        assert (await lines_of(waiter))[-1] == "snapshot.bin"
        assert await waiter.wait() == 0
    made = await prepare_assets(tmp_path, progress=pytest.fail)
    assert set(os.listdir(tmp_path)) == {"assets.lock", "deno", made.folder.name}


@pytest.mark.deno
@pytest.mark.usefixtures("assets")
async def test_a_build_that_is_cancelled_leaves_nothing_behind(tmp_path: Path) -> None:
    fetched = default_cache_dir() / "deno"
    if fetched.is_dir():
        (tmp_path / "deno").symlink_to(fetched)
    with anyio.CancelScope() as scope:

        def cancel(line: str) -> None:
            if "snapshot" in line:
                scope.cancel()

        await prepare_assets(tmp_path, progress=cancel)
    assert scope.cancelled_caught
    assert set(os.listdir(tmp_path)) == {"assets.lock", "deno"}


@pytest.mark.parametrize("named", ["ready", "cache"])
async def test_a_comma_in_the_path_is_an_error(tmp_path: Path, named: str) -> None:
    place = tmp_path / "a,b"
    ready = place if named == "ready" else None
    with pytest.raises(SandboxStartError, match="a comma in its path; let RLM_CACHE_DIR"):
        await prepare_assets(place, ready=ready)
