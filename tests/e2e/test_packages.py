"""Packages, seen from inside of real sandboxes."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from rlm_runtime import RLM, ConfigError, Message, SandboxStartError
from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._sandbox.deno import open_deno_sandbox
from rlm_runtime._sandbox.packages import Packages, prepare_packages
from rlm_runtime._sandbox.wheels import MARKERS
from rlm_runtime.testing import ScriptedLLM
from tests._engine.fakes import repl
from tests.calls import FakeCalls
from tests.wheels import make_wheel, use_index

pytestmark = [pytest.mark.anyio, pytest.mark.deno]

FILES = {
    "tiny/__init__.py": "from tiny.deep.end import value\n",
    "tiny/deep/__init__.py": "",
    "tiny/deep/end.py": "value = 'from a package'\n",
    "tiny/data.txt": "ünïcode",
    "json.py": "raise ImportError('shadows the standard library')\n",
    "bootstrap/__init__.py": "raise ImportError('shadows our side')\n",
    **{f"tiny/{'n' * 90}/{n}.txt": "x" * n for n in (0, 1, 511, 512, 513)},
}


@pytest.fixture
def place(assets: Assets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Assets:
    """Copy the assets, so that the user's own are left alone, and give pip a package."""
    folder = tmp_path / "assets"
    ignored = shutil.ignore_patterns("packages")
    shutil.copytree(assets.folder, folder, ignore=ignored)
    index = tmp_path / "index"
    index.mkdir()
    make_wheel(index, "tiny", "1.5", files=FILES)
    use_index(monkeypatch, index)
    monkeypatch.setenv("RLM_SANDBOX_ASSETS", str(folder))
    return replace(assets, folder=folder)


async def run(packages: Packages, *cells: str) -> str:
    """Run cells in a fresh sandbox; give their output, and the last one's error."""
    printed = ""
    with anyio.fail_after(30):
        async with open_deno_sandbox(packages.assets, FakeCalls(), memory_mb=512) as sandbox:
            for cell in cells:
                result = await sandbox.execute(cell)
                printed += result.stdout + result.stderr + (result.error or "")
    return printed


LOOK = """
import importlib.metadata, json, os, bootstrap.repl
from pathlib import Path
import tiny
folder = Path(tiny.__file__).parent
print(tiny.value, (folder / "data.txt").read_text(), importlib.metadata.version("tiny"))
print(sorted((int(one.stem), one.stat().st_size) for one in (folder / ("n" * 90)).iterdir()))
print(json.dumps({name: len(list(importlib.metadata.files("tiny") or ())) > 5 for name in "a"}))
"""
SEEN = """from a package ünïcode 1.5
[(0, 0), (1, 1), (511, 511), (512, 512), (513, 513)]
{"a": true}
"""
READ_ON = """
import js
for name in ["packages.lock", "none"]:
    try:
        js.Deno.readTextFileSync(f"FOLDER/packages/{name}")
    except Exception as exc:
        print(type(exc).__name__, "NotCapable" in str(exc))
"""


@pytest.mark.parametrize("snapshot", [True, pytest.param(False, marks=pytest.mark.slow)])
async def test_a_package_is_there_from_the_start(place: Assets, snapshot: bool) -> None:
    start = place if snapshot else replace(place, snapshot=None)
    packages = await prepare_packages(start, ["tiny"])
    read_on = READ_ON.replace("FOLDER", str(place.folder))
    printed = await run(packages, LOOK, read_on, "import no_such")
    assert printed.startswith(SEEN + "JsException True\n" * 2)
    assert printed.endswith("library with tiny 1.5 is here, and nothing can be installed")


async def test_markers_are_those_of_the_python_inside(place: Assets) -> None:
    code = """
import os, platform, sys
print({
    "implementation_name": sys.implementation.name,
    "implementation_version": platform.python_version(),
    "os_name": os.name,
    "platform_machine": platform.machine(),
    "platform_python_implementation": platform.python_implementation(),
    "platform_system": platform.system(),
    "python_full_version": platform.python_version(),
    "python_version": ".".join(platform.python_version_tuple()[:2]),
    "sys_platform": sys.platform,
})
"""
    assert await run(Packages(assets=place, names=()), code) == f"{MARKERS}\n"


async def test_a_run_has_the_packages_and_its_model_is_told(place: Assets) -> None:
    heard: list[str] = []

    def policy(messages: object) -> str:
        assert isinstance(messages, tuple)
        first = messages[0]
        assert isinstance(first, Message)
        heard.append(first.content)
        return repl("import tiny\nFINAL(tiny.value)")

    lines: list[str] = []
    for _ in range(2):
        async with RLM(
            ScriptedLLM(policy), packages=["tiny"], trace_dir=None, on_setup=lines.append
        ) as rlm:
            assert (await rlm.run("q")).answer == "from a package"
    assert lines == ["Preparing packages, once: tiny"]
    assert "with the standard library and tiny 1.5. No network" in heard[0]
    assert (place.folder / "packages").is_dir()


@pytest.mark.parametrize(
    ("packages", "error", "message"),
    [
        ("tiny", ConfigError, "Cannot use packages='tiny': give a list"),
        (["tiny", "-r x"], ConfigError, "Cannot use package '-r x'"),
        (["tiny>9"], ConfigError, r"requirement tiny>9 \(from versions: 1.5\)"),
        (["tiny"], SandboxStartError, "run once with them where that folder can be written"),
    ],
)
async def test_packages_that_cannot_be_had_are_refused_when_it_opens(
    place: Assets, packages: list[str], error: type[Exception], message: str
) -> None:
    if error is SandboxStartError:
        (place.folder / "packages").touch()
    with pytest.raises(error, match=message):
        async with RLM(ScriptedLLM(["x"]), packages=packages, trace_dir=None):
            pytest.fail("It opened")


FROM_THE_INDEX = """
import importlib.metadata, msgpack, msgspec
from msgpack import _cmsgpack
from msgspec import _core
rows = [{"n": n, "text": "é" * (n % 7), "x": n / 3} for n in range(20_000)]
assert msgpack.unpackb(msgpack.packb(rows)) == rows
class Row(msgspec.Struct):
    n: int
    text: str
    x: float
assert msgspec.json.decode(msgspec.json.encode(rows), type=list[Row])[9].n == 9
try:
    msgspec.json.decode(b'[{"n": "no"}]', type=list[Row])
except msgspec.ValidationError as exc:
    print(exc)
print(_cmsgpack.__file__.endswith(".so"), _core.__file__.endswith(".so"))
print(importlib.metadata.version("msgpack") >= "1", importlib.metadata.version("msgspec"))
"""


@pytest.mark.slow
@pytest.mark.parametrize("snapshot", [True, False])
async def test_binary_packages_of_the_index_work(
    place: Assets, monkeypatch: pytest.MonkeyPatch, snapshot: bool
) -> None:
    for name in ("CONFIG_FILE", "NO_INDEX", "FIND_LINKS"):
        monkeypatch.delenv(f"PIP_{name}")
    start = place if snapshot else replace(place, snapshot=None)
    packages = await prepare_packages(start, ["msgpack>=1", "msgspec"])
    lines = (await run(packages, FROM_THE_INDEX)).splitlines()
    assert lines[:2] == ["Expected `int`, got `str` - at `$[0].n`", "True True"]
    assert lines[2].startswith("True ")
