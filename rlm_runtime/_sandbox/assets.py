"""What a sandbox starts from: Deno, Pyodide, our own scripts and the snapshot, in one folder.

The folder is made once for each version of its parts, in the user's cache; this is the only step
that needs a network. Sandboxes read it and nothing else.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import importlib.resources
import json
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from deno import find_deno_bin

from rlm_runtime._errors import SandboxStartError
from rlm_runtime._paths import data_dir, package_file

Progress = Callable[[str], None]
"""Takes a line that tells what is going on."""

_PYODIDE_FILES = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
_SHARED = ("_excerpt", "_value_bases", "_values")
_BOOTSTRAP = (
    "errors",
    "stopping",
    "output",
    "repl",
    "schemas",
    "tools",
    "host",
    "habits",
    "names",
    "arrival",
    "start",
)
_MANIFEST = "manifest.json"
_BUILDING = "building-"
_SNAPSHOT = "snapshot.bin"
_NO_SNAPSHOT = (
    "Each sandbox starts 2 s slower, since no memory snapshot could be taken here;"
    " rlm doctor --fix tries again"
)
PACKAGES = "packages"
"""The folder in it for what users add, which has manifests of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A file among the assets that sandboxes unpack, in its size in bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    """A ready folder, and the Deno that runs from it."""

    deno: Path
    folder: Path
    snapshot: str | None
    """Name of the snapshot in the folder; None starts Pyodide from its parts."""
    problem: str | None = None
    """Why there is no snapshot, if taking one has failed."""
    ours: bool = False
    """Whether the folder was made here, so that it may be repaired."""
    packages: Archive | None = None
    """The packages that generated code may import."""


async def find_assets(cache: Path, *, ready: Path | None = None) -> Assets:
    """Find the folder of assets as it is; nothing is made.

    Raises:
        SandboxStartError: There is none, or what is there is not one.
    """
    await _check_place(ready or cache)
    folder = ready or _folder(cache)
    if ready is None and not await anyio.Path(folder).exists():
        raise SandboxStartError(f"Cannot find the sandbox assets: none in {str(folder)!r} yet")
    return await anyio.to_thread.run_sync(_load, folder)


async def prepare_assets(
    cache: Path,
    *,
    ready: Path | None = None,
    anew: bool = False,
    progress: Progress = lambda line: None,
) -> Assets:
    """Find the folder of assets below `cache`, or make it; `ready` names one to take as it is.

    With `anew`, the one below `cache` is made even if its files are those that were made before.

    Raises:
        SandboxStartError: It cannot be made, or what is there is not one.
    """
    await _check_place(ready or cache)
    if ready is not None:
        return await anyio.to_thread.run_sync(_load, ready)
    folder = _folder(cache)
    try:
        if not anew and (found := await anyio.to_thread.run_sync(_find, folder)):
            if found.problem:
                progress(_NO_SNAPSHOT)
            return found
        await anyio.Path(cache).mkdir(parents=True, exist_ok=True)
        async with locked(cache / "assets.lock", progress):
            if not anew and (found := await anyio.to_thread.run_sync(_find, folder)):
                return found
            await _build(cache, folder, progress)
    except OSError as exc:
        raise SandboxStartError(
            f"Cannot prepare the sandbox in {str(cache)!r}: {exc.strerror}; let RLM_CACHE_DIR name"
            " a folder that can be written, on a disk with room"
        ) from exc
    return await anyio.to_thread.run_sync(partial(_load, folder, ours=True))


def drop_snapshot(assets: Assets) -> Assets:
    """Give up a snapshot that does not start; one of a folder made here is taken anew next time."""
    if assets.ours and assets.snapshot:
        try:
            (assets.folder / assets.snapshot).unlink(missing_ok=True)
        except OSError:
            # It cannot be repaired, so the next run finds the same
            pass
    return replace(assets, snapshot=None)


async def _check_place(folder: Path) -> None:
    place = await anyio.Path(folder).resolve()
    if "," in str(place):
        # Deno would take it for two folders, and allow reading another one
        raise SandboxStartError(
            f"Cannot use the sandbox assets in {str(place)!r}: Deno names no folder with a comma in"
            " its path; let RLM_CACHE_DIR or RLM_SANDBOX_ASSETS name another"
        )


def _folder(cache: Path) -> Path:
    return cache / f"assets-{_version()}"


def hash_file(path: Path) -> str:
    """Give the SHA-256 of what a file holds."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _find(folder: Path) -> Assets | None:
    """Load a folder if it is there and whole."""
    try:
        return _load(folder, ours=True)
    except SandboxStartError:
        return None


def _load(folder: Path, *, ours: bool = False) -> Assets:
    manifest: dict[str, Any] = {}
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())
        broken = [f"{name!r} has changed" for name in _changed(folder, manifest)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        broken = ["it has no readable manifest"]
    if broken:
        raise SandboxStartError(
            f"Cannot use the sandbox assets in {str(folder)!r}: {broken[0]}; copy a ready folder"
            " of assets anew, or let RLM_SANDBOX_ASSETS name none, and it is made"
        )
    return Assets(
        deno=Path(find_deno_bin()),
        folder=folder.resolve(),
        snapshot=_SNAPSHOT if _SNAPSHOT in manifest["sha256"] else None,
        problem=manifest.get("problem"),
        ours=ours,
    )


def _changed(folder: Path, manifest: dict[str, Any]) -> list[str]:
    return [
        name
        for name, digest in manifest["sha256"].items()
        if not (folder / name).is_file() or hash_file(folder / name) != digest
    ]


def _lacks_snapshot_only(folder: Path) -> bool:
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())
        changed = _changed(folder, manifest)
        # It has never had one where taking it had failed
        return changed == ([_SNAPSHOT] if _SNAPSHOT in manifest["sha256"] else [])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _version() -> str:
    """Hash all that the folder is made of."""
    digest = hashlib.sha256(" ".join(_BOOTSTRAP).encode())
    for path in sorted(_sources()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    for package in ("deno", "tzdata"):
        digest.update(importlib.metadata.version(package).encode() + b"\0")
    return digest.hexdigest()[:16]


def _sources() -> Iterator[Path]:
    folder = data_dir("deno_sandbox")
    yield from (package_file(f"{name}.py") for name in _SHARED)
    for pattern in ("*.ts", "deno.json", "deno.lock", "bootstrap/*.py"):
        yield from (path for path in folder.glob(pattern) if not path.name.endswith("_test.ts"))


@asynccontextmanager
async def locked(path: Path, progress: Progress) -> AsyncIterator[None]:
    """Hold a lock between processes; the system gives it back if this one dies."""
    waiting = False
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waiting:
                    progress("Another process prepares the sandbox; waiting for it")
                waiting = True
                await anyio.sleep(0.1)
        yield


async def _build(cache: Path, folder: Path, progress: Progress) -> None:
    """Make the folder under a temporary name, so that it is either whole or not there."""
    temporary = begin_build(cache)
    try:
        made = temporary / "assets"
        if await anyio.to_thread.run_sync(_lacks_snapshot_only, folder):
            # What is there needs no network
            copy = partial(shutil.copytree, ignore=shutil.ignore_patterns(PACKAGES))
            await anyio.to_thread.run_sync(copy, folder, made)
        else:
            progress("Preparing the sandbox, once: fetching Pyodide from npm (14 MB)")
            await _make_parts(cache, temporary / "work", made)
        progress("Preparing the sandbox, once: taking a memory snapshot")
        problem = await _take_snapshot(cache, made)
        if problem:
            progress(f"Each sandbox will start 2 s slower, without a memory snapshot: {problem}")
        await anyio.to_thread.run_sync(_install, made, folder, problem)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


async def _make_parts(cache: Path, work: Path, made: Path) -> None:
    await anyio.to_thread.run_sync(shutil.copytree, data_dir("deno_sandbox"), work)
    await anyio.Path(made).mkdir()
    await _fetch_pyodide(cache, work)
    await _transpile(cache, work, made)
    await anyio.to_thread.run_sync(_fill, work, made)


def begin_build(cache: Path) -> Path:
    """Make a temporary folder, and take away those of builds that were killed."""
    for left_behind in cache.glob(f"{_BUILDING}*"):
        # The lock is ours, so nobody works in it
        shutil.rmtree(left_behind, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=_BUILDING, dir=cache))


def _install(made: Path, folder: Path, problem: str | None) -> None:
    """Write down what was made, and put it into its place."""
    digests = {
        str(path.relative_to(made)): hash_file(path)
        for path in sorted(made.rglob("*"))
        if path.is_file() and path.name != _MANIFEST
    }
    manifest = {"sha256": digests, "problem": problem}
    (made / _MANIFEST).write_text(json.dumps(manifest, indent=1))
    if folder.exists():
        if (folder / PACKAGES).exists():
            # They are checked by themselves, and may be out of reach by now
            (folder / PACKAGES).rename(made / PACKAGES)
        # What is there is broken, and goes with the rest of the temporary folder
        folder.rename(made.parent / "broken")
    made.rename(folder)


async def _deno(cache: Path, what: str, *arguments: str, cwd: Path) -> None:
    # Set-up runs our own code only, so it may see the host's proxies and certificates
    environment = {**os.environ, "DENO_DIR": str(cache / "deno"), "NO_COLOR": "1"}
    done = await anyio.run_process(
        [find_deno_bin(), *arguments],
        cwd=cwd,
        env=environment,
        check=False,
        stderr=subprocess.STDOUT,
    )
    if done.returncode != 0:
        words = done.stdout.decode("utf-8", "replace").partition("Stack backtrace")[0].strip()
        raise SandboxStartError(f"Cannot prepare the sandbox: {what} failed: {words[-800:]}")


async def _fetch_pyodide(cache: Path, work: Path) -> None:
    """Let Deno fetch Pyodide; it checks the hash in deno.lock."""
    try:
        await _deno(cache, "fetching Pyodide", "install", "--node-modules-dir=auto", cwd=work)
    except SandboxStartError as exc:
        raise SandboxStartError(
            f"{exc}. The first run needs the npm registry; on a machine without a network, copy a"
            " ready folder of assets from another one and let RLM_SANDBOX_ASSETS name it"
        ) from exc


async def _transpile(cache: Path, work: Path, made: Path) -> None:
    """Turn our TypeScript into JavaScript: a sandbox has no cache for it, which costs 0.15 s."""
    scripts = [path.name for path in _sources() if path.suffix == ".ts"]
    flags = ("--quiet", "--source-map=none", f"--outdir={made}")
    await _deno(cache, "transpiling the sandbox", "transpile", *flags, *scripts, cwd=work)


def _fill(work: Path, made: Path) -> None:
    """Put the files into place, each importing the other where it lies here."""
    (made / "pyodide").mkdir()
    for name in _PYODIDE_FILES:
        shutil.copyfile(work / "node_modules" / "pyodide" / name, made / "pyodide" / name)
    for path in made.glob("*.js"):
        text = re.sub(r'"\./(\w+)\.ts"', r'"./\1.js"', path.read_text())
        path.write_text(text.replace('from "pyodide"', 'from "./pyodide/pyodide.mjs"'))
    _write_python_side(work, made)


def _write_python_side(work: Path, made: Path) -> None:
    bootstrap = work / "bootstrap"
    modules = {
        "rlm_runtime": "",
        **{f"rlm_runtime.{name}": package_file(f"{name}.py").read_text() for name in _SHARED},
        "bootstrap": "",
        **{f"bootstrap.{name}": (bootstrap / f"{name}.py").read_text() for name in _BOOTSTRAP},
    }
    install = (bootstrap / "install.py").read_text()
    (made / "bootstrap.json").write_text(json.dumps({"install": install, "modules": modules}))
    with zipfile.ZipFile(made / "tzdata.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        root = Path(str(importlib.resources.files("tzdata")))
        for path in sorted(root.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path, Path("tzdata") / path.relative_to(root))


async def _take_snapshot(cache: Path, made: Path) -> str | None:
    """Take a snapshot and start from it once; return why that cannot be done, if it cannot."""
    target = made / _SNAPSHOT
    flags = ("--quiet", "--no-prompt", "--no-config", "--no-lock", "--no-remote", "--no-npm")
    rights = (f"--allow-read={made}", f"--allow-write={target}")
    script = (str(made / "snapshot.js"), str(made), str(target))
    try:
        await _deno(cache, "taking a memory snapshot", "run", *flags, *rights, *script, cwd=made)
    except SandboxStartError as exc:
        target.unlink(missing_ok=True)
        return str(exc)
    return None
