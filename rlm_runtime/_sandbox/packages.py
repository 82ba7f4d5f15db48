"""Packages for generated code: each set of them is one archive in the folder of assets.

A set is resolved once, when it is first asked for, and stays as it is; like all assets it is
checked by hash each time, and made anew where it broke.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import Distribution, distributions
from pathlib import Path

import anyio
import anyio.to_thread
from packaging.utils import canonicalize_name
from pydantic import BaseModel, ValidationError

from rlm_runtime._errors import ConfigError, SandboxStartError
from rlm_runtime._sandbox.assets import (
    PACKAGES,
    Archive,
    Assets,
    Progress,
    begin_build,
    hash_file,
    locked,
)
from rlm_runtime._sandbox.wheels import Wheel, unpack_wheels

_ARCHIVE = "packages.tar"
_MANIFEST = "manifest.json"
_MOST_BYTES = 100 << 20
_NAMES_SHOWN = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """A set of packages that is ready."""

    assets: Assets
    """The assets, with the archive of the set."""
    names: tuple[str, ...]
    """What there is, for people and models: name, version, what to import."""


class _Manifest(BaseModel):
    requirements: tuple[str, ...]
    names: tuple[str, ...]
    wheels: tuple[Wheel, ...]
    sha256: str
    """The hash of the archive."""


async def prepare_packages(
    assets: Assets, requirements: Sequence[str], *, progress: Progress = lambda line: None
) -> Packages:
    """Find the archive of a set of packages among the assets, or make it.

    Raises:
        ConfigError: There are no such packages, or none that a sandbox can import.
        SandboxStartError: The archive cannot be made.
    """
    if not requirements:
        return Packages(assets=assets, names=())
    folder = assets.folder / PACKAGES / _key(requirements)
    found = await anyio.to_thread.run_sync(_find, assets, folder)
    if found is None:
        try:
            await _make(assets, requirements, folder, progress)
        except OSError as exc:
            raise SandboxStartError(
                f"Cannot add packages to the sandbox assets in {str(assets.folder)!r}:"
                f" {exc.strerror or exc}; run once with them where that folder can be written and"
                " the package index be reached, then copy it from there"
            ) from exc
        found = await anyio.to_thread.run_sync(_find, assets, folder)
    if found is None:
        raise SandboxStartError(f"Cannot read the packages in {str(folder)!r}, just made")
    return found


def _key(requirements: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(sorted(requirements)).encode()).hexdigest()[:16]


def _find(assets: Assets, folder: Path) -> Packages | None:
    """Load a set if it is there and whole."""
    archive = folder / _ARCHIVE
    try:
        manifest = _Manifest.model_validate_json((folder / _MANIFEST).read_bytes())
        if hash_file(archive) != manifest.sha256:
            return None
        size = archive.stat().st_size
    except (OSError, ValidationError):
        return None
    taken = Archive(name=f"{PACKAGES}/{folder.name}/{_ARCHIVE}", size=size)
    return Packages(assets=replace(assets, packages=taken), names=manifest.names)


async def _make(
    assets: Assets, requirements: Sequence[str], folder: Path, progress: Progress
) -> None:
    await anyio.Path(folder.parent).mkdir(exist_ok=True)
    async with locked(folder.parent / "packages.lock", progress):
        if await anyio.to_thread.run_sync(_find, assets, folder) is None:
            progress(f"Preparing packages, once: {', '.join(requirements)}")
            await _build(requirements, folder)


async def _build(requirements: Sequence[str], folder: Path) -> None:
    """Make the archive under a temporary name, so that it is either whole or not there."""
    temporary = begin_build(folder.parent)
    try:
        work, target = temporary / "work", temporary / "target"
        await anyio.Path(work).mkdir()
        wheels = await unpack_wheels(requirements, target, work)
        await anyio.to_thread.run_sync(_install, target, folder, requirements, wheels)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _install(
    target: Path, folder: Path, requirements: Sequence[str], wheels: Sequence[Wheel]
) -> None:
    """Write the archive and what it is made of, and put both into their place."""
    made = target.with_name("made")
    made.mkdir()
    names = _fill(target, made / _ARCHIVE)
    manifest = _Manifest(
        requirements=tuple(requirements),
        names=names,
        wheels=tuple(wheels),
        sha256=hash_file(made / _ARCHIVE),
    )
    (made / _MANIFEST).write_text(manifest.model_dump_json(indent=1))
    if folder.exists():
        # What is there is broken, and goes with the rest of the temporary folder
        folder.rename(target.with_name("broken"))
    made.rename(folder)


def _fill(target: Path, archive: Path) -> tuple[str, ...]:
    """Write the archive; return what to call its packages."""
    size = 0
    try:
        with tarfile.open(archive, "w", format=tarfile.USTAR_FORMAT) as tar:
            for path in _files(target):
                data = path.read_bytes()
                # Nothing of this machine goes in: no owner, no time
                entry = tarfile.TarInfo(path.relative_to(target).as_posix())
                entry.size = len(data)
                size += len(data)
                if size > _MOST_BYTES:
                    raise ConfigError(
                        "Cannot prepare the packages: unpacked they have more than"
                        f" {_MOST_BYTES >> 20} MiB, and every sandbox holds them in memory"
                    )
                tar.addfile(entry, io.BytesIO(data))
    except ValueError as exc:
        raise ConfigError(f"Cannot prepare the packages: {exc}") from exc
    found = sorted(distributions(path=[str(target)]), key=lambda one: one.name.lower())
    names = [_describe(one) for one in found]
    more = [f"{len(names) - _NAMES_SHOWN} more"] if len(names) > _NAMES_SHOWN else []
    return tuple(names[:_NAMES_SHOWN] + more)


def _files(target: Path) -> Iterator[Path]:
    for path in sorted(target.rglob("*")):
        if path.is_symlink() or not path.is_file() or "__pycache__" in path.parts:
            continue
        # A command names the host's Python in its first line, and cannot be run inside
        if path.parent != target / "bin" or path.read_bytes()[:2] != b"#!":
            yield path


def _describe(distribution: Distribution) -> str:
    """Name a package, its version, and what to import where that is another name."""
    name = distribution.name
    tops = {path.parts[0].partition(".")[0] for path in distribution.files or ()}
    modules = sorted(top for top in tops if top.isidentifier() and not top.startswith("_"))
    expected = canonicalize_name(name).replace("-", "_")
    text = f"{name} {distribution.version}"
    if not modules or expected in [module.lower() for module in modules]:
        return text
    return f"{text} (import {', '.join(modules[:3])})"
