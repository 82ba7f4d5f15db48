"""A set of packages among the assets: made once, checked each time, repaired where it broke."""

from __future__ import annotations

import os
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import anyio
import pytest

from rlm_runtime._errors import ConfigError, SandboxStartError
from rlm_runtime._sandbox import packages as module
from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._sandbox.packages import Packages, prepare_packages
from tests.wheels import make_wheel, use_index

pytestmark = pytest.mark.anyio


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "index"
    folder.mkdir()
    make_wheel(folder, "tiny")
    use_index(monkeypatch, folder)
    return folder


@pytest.fixture
def assets(tmp_path: Path) -> Assets:
    folder = tmp_path / "assets"
    folder.mkdir()
    return Assets(deno=Path("deno"), folder=folder, snapshot=None)


def archive_of(packages: Packages) -> Path:
    assert packages.assets.packages is not None
    return packages.assets.folder / packages.assets.packages.name


def no_network(index: Path) -> None:
    """Take the index away."""
    for path in index.iterdir():
        path.unlink()


async def test_without_packages_nothing_is_done(assets: Assets) -> None:
    lines: list[str] = []
    packages = await prepare_packages(assets, (), progress=lines.append)
    assert packages == Packages(assets=assets, names=())
    assert lines == [] and os.listdir(assets.folder) == []


async def test_a_set_is_made_once_and_needs_no_network_then(index: Path, assets: Assets) -> None:
    lines: list[str] = []
    made = await prepare_packages(assets, ["tiny"], progress=lines.append)
    assert made.names == ("tiny 1.0",)
    assert lines == ["Preparing packages, once: tiny"]
    with tarfile.open(archive_of(made)) as archive:
        assert "tiny.py" in archive.getnames()
        assert {(one.mtime, one.uid, one.uname) for one in archive} == {(0, 0, "")}
    assert made.assets == replace(assets, packages=made.assets.packages)
    assert made.assets.packages and made.assets.packages.size == archive_of(made).stat().st_size
    no_network(index)
    lines.clear()
    assert await prepare_packages(assets, ["tiny"], progress=lines.append) == made
    assert lines == []


async def test_each_set_has_its_own_archive_and_names(index: Path, assets: Assets) -> None:
    files = {"bs4/__init__.py": "", "_bs4.py": "", "bs4_more.py": ""}
    make_wheel(index, "beautiful_soup", files=files)
    make_wheel(index, "Two_words", files={"two_words/__init__.py": "", "other.py": ""})
    one = await prepare_packages(assets, ["tiny"])
    two = await prepare_packages(assets, ["beautiful-soup", "two-words"])
    assert two.names == ("beautiful_soup 1.0 (import bs4, bs4_more)", "Two_words 1.0")
    assert archive_of(one) != archive_of(two)
    assert await prepare_packages(assets, ["tiny"]) == one


async def test_what_broke_is_noticed_and_made_anew(index: Path, assets: Assets) -> None:
    made = await prepare_packages(assets, ["tiny"])
    folder = archive_of(made).parent
    whole = {path: path.read_bytes() for path in folder.iterdir()}
    changes: list[Callable[[Path], object]] = [
        Path.unlink,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"z" * len(whole[path])),
    ]
    for path, change in product(whole, changes):
        change(path)
        with anyio.CancelScope() as scope:
            await prepare_packages(assets, ["tiny"], progress=lambda line: scope.cancel())
        assert scope.cancelled_caught, f"{path.name} is taken as it is"
        path.write_bytes(whole[path])
    archive_of(made).write_bytes(b"broken")
    assert await prepare_packages(assets, ["tiny"]) == made
    assert {path: path.read_bytes() for path in folder.iterdir()} == whole
    assert set(os.listdir(folder.parent)) == {"packages.lock", folder.name}
    archive_of(made).write_bytes(b"broken")
    no_network(index)
    with pytest.raises(ConfigError, match="requirement tiny"):
        await prepare_packages(assets, ["tiny"])


async def test_two_at_once_make_it_once(index: Path, assets: Assets) -> None:
    lines: list[str] = []
    made: list[Packages] = []

    async def prepare() -> None:
        made.append(await prepare_packages(assets, ["tiny"], progress=lines.append))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(prepare)
        tasks.start_soon(prepare)
    assert made[0] == made[1]
    assert sorted(lines) == [
        "Another process prepares the sandbox; waiting for it",
        "Preparing packages, once: tiny",
    ]


async def test_what_ends_early_leaves_nothing_behind(index: Path, assets: Assets) -> None:
    folder = assets.folder / "packages"
    (folder / "building-killed").mkdir(parents=True)
    with anyio.CancelScope() as scope:
        await prepare_packages(assets, ["tiny"], progress=lambda line: scope.cancel())
    assert scope.cancelled_caught
    with pytest.raises(ConfigError, match="requirement none"):
        await prepare_packages(assets, ["none"])
    assert os.listdir(folder) == ["packages.lock"]


async def test_a_folder_that_cannot_be_written_is_an_error_that_says_what_to_do(
    index: Path, assets: Assets
) -> None:
    (assets.folder / "packages").touch()
    with pytest.raises(SandboxStartError, match=f"{str(assets.folder)!r}: .*; run once with them"):
        await prepare_packages(assets, ["tiny"])


async def test_nothing_of_the_host_goes_into_the_archive(index: Path, assets: Assets) -> None:
    make_wheel(
        index,
        "tool",
        files={
            "tool/__init__.py": "",
            "tool/data.txt": "data",
            "tool-1.0.data/scripts/run-it": "#!python\n",
            "tool-1.0.dist-info/entry_points.txt": "[console_scripts]\ntool = tool:main\n",
        },
    )
    made = await prepare_packages(assets, ["tool"])
    with tarfile.open(archive_of(made)) as archive:
        names = set(archive.getnames())
    assert {"tool/__init__.py", "tool/data.txt", "tool-1.0.dist-info/METADATA"} <= names
    assert not [name for name in names if name.startswith("bin")]
    data = archive_of(made).read_bytes()
    for place in (sys.executable, str(index), str(assets.folder)):
        assert place.encode() not in data


async def test_a_package_may_be_called_as_the_folder_of_commands(
    index: Path, assets: Assets
) -> None:
    make_wheel(index, "bin", files={"bin/__init__.py": ""})
    with tarfile.open(archive_of(await prepare_packages(assets, ["bin"]))) as archive:
        assert "bin/__init__.py" in archive.getnames()


async def test_what_is_too_large_is_refused(
    index: Path, assets: Assets, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(index, "large", files={"large.py": "#" * 2_000_000})
    monkeypatch.setattr(module, "_MOST_BYTES", 1 << 20)
    with pytest.raises(ConfigError, match="unpacked they have more than 1 MiB"):
        await prepare_packages(assets, ["large"])


async def test_what_no_archive_can_hold_is_refused(index: Path, assets: Assets) -> None:
    make_wheel(index, "deep", files={"/".join(["deep" * 20] * 6) + ".py": ""})
    with pytest.raises(ConfigError, match="Cannot prepare the packages: name is too long"):
        await prepare_packages(assets, ["deep"])
