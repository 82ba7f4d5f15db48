"""What pip is asked for, and what it is kept from doing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import sys
from pathlib import Path

import pytest

from rlm_runtime._errors import ConfigError, SandboxStartError
from rlm_runtime._sandbox.wheels import PLATFORM, Wheel, parse_requirements, unpack_wheels
from tests.wheels import make_sdist, make_wheel, use_index

pytestmark = pytest.mark.anyio


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "index"
    folder.mkdir()
    use_index(monkeypatch, folder)
    return folder


async def unpack(tmp_path: Path, *requirements: str) -> dict[str, str]:
    """Unpack into `target`; return names and versions."""
    (tmp_path / "work").mkdir()
    parsed = parse_requirements(requirements)
    wheels = await unpack_wheels(parsed, tmp_path / "target", tmp_path / "work")
    return {wheel.name: wheel.version for wheel in wheels}


def test_requirements_are_put_in_order_each_once() -> None:
    given = ["Zope.Interface", "attrs >= 25", "attrs>=25", "httpx[HTTP2,cli]==0.28.*", "a"]
    assert parse_requirements(given) == (
        "a",
        "attrs>=25",
        "httpx[HTTP2,cli]==0.28.*",
        "zope-interface",
    )
    assert parse_requirements([]) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "--index-url=https://evil.example",
        "-r requirements.txt",
        "-e .",
        "--",
        ".",
        "./folder",
        "/tmp/a-1.0-py3-none-any.whl",
        "https://evil.example/a-1.0-py3-none-any.whl",
        "git+https://evil.example/a.git",
        "a @ https://evil.example/a-1.0-py3-none-any.whl",
        "a @ file:///tmp/a-1.0-py3-none-any.whl",
        "a b",
        "a, b",
        "a --hash=sha256:00",
        "a\n--index-url=https://evil.example",
        "a>=",
        "a; python_version < '3'",
    ],
)
def test_what_is_no_requirement_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="^Cannot use package ") as caught:
        parse_requirements(["attrs", text])
    assert repr(text) in str(caught.value) and "\n" not in str(caught.value)


def test_one_text_is_not_a_list_of_letters() -> None:
    with pytest.raises(ConfigError, match="Cannot use packages='attrs': give a list"):
        parse_requirements("attrs")


async def test_a_name_is_never_that_of_a_file(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(tmp_path, "evil").rename(tmp_path / "evil.whl")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="satisfies the requirement evil-whl"):
        await unpack(tmp_path, "evil.whl")


async def test_wheels_are_chosen_for_the_python_of_the_sandbox(index: Path, tmp_path: Path) -> None:
    make_wheel(
        index,
        "top",
        requires=[
            "inside; sys_platform == 'emscripten' and platform_machine == 'wasm32'",
            "newer; python_version >= '3.14'",
            # There are no such packages
            f"outside; sys_platform == {sys.platform!r}",
            "older; python_version < '3.14'",
            "windows; os_name == 'nt'",
        ],
    )
    make_wheel(index, "inside", tag=f"cp314-cp314-{PLATFORM}", python=">=3.14")
    make_wheel(index, "newer", "1.0", tag=f"cp311-abi3-{PLATFORM}")
    make_wheel(index, "newer", "2.0", tag="cp314-cp314-manylinux_2_28_x86_64")
    make_wheel(index, "newer", "3.0", tag="cp313-cp313-pyodide_2025_0_wasm32")
    make_wheel(index, "newer", "4.0", python="<3.14")
    found = await unpack(tmp_path, "top")
    assert found == {"top": "1.0", "inside": "1.0", "newer": "1.0"}
    modules = {path.name for path in (tmp_path / "target").glob("*.py")}
    assert modules == {"top.py", "inside.py", "newer.py"}


async def test_each_wheel_is_told_with_its_hash(index: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256(make_wheel(index, "tiny").read_bytes()).hexdigest()
    (tmp_path / "work").mkdir()
    wheels = await unpack_wheels(["tiny"], tmp_path / "target", tmp_path / "work")
    assert wheels == [Wheel(name="tiny", version="1.0", sha256=digest)]


async def test_a_wheel_that_is_not_what_the_index_says_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = make_wheel(tmp_path, "tiny")
    page = tmp_path / "page.html"
    page.write_text(f"<a href='{wheel.name}#sha256={'0' * 64}'>{wheel.name}</a>")
    use_index(monkeypatch, page)
    with pytest.raises(ConfigError, match="(?i)hash"):
        await unpack(tmp_path, "tiny")
    assert not (tmp_path / "target").exists()


async def test_nothing_of_a_package_is_run(index: Path, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    touch = f"open({str(proof)!r}, 'w')\n"
    make_sdist(index, "source", touch)
    with pytest.raises(ConfigError, match="requirement source .*a sandbox takes wheels only"):
        await unpack(tmp_path, "source")
    files = {"loaded.pth": f"import sys; {touch}", "wheel/__init__.py": touch}
    make_wheel(index, "wheel", files=files)
    shutil.rmtree(tmp_path / "work")
    assert await unpack(tmp_path, "wheel") == {"wheel": "1.0"}
    assert (tmp_path / "target" / "loaded.pth").exists() and not proof.exists()


@pytest.mark.parametrize(
    ("requirements", "reason"),
    [
        (["nowhere"], r"satisfies the requirement nowhere \(from versions: none\)"),
        (["tiny>=2"], r"requirement tiny>=2 \(from versions: 1.0\)"),
        (["tiny<2", "tiny>2"], "Cannot install tiny<2 and tiny>2 because"),
        (["native"], r"requirement native \(from versions: none\)"),
        (["needy"], "requirement nowhere"),
        (["future"], "Package 'future' requires a different Python: 3.14.2 not in '>=3.15'"),
    ],
)
async def test_what_there_is_no_wheel_of_is_an_error_of_one_line(
    index: Path, tmp_path: Path, requirements: list[str], reason: str
) -> None:
    make_wheel(index, "tiny")
    make_wheel(index, "native", tag="cp314-cp314-manylinux_2_28_x86_64")
    make_wheel(index, "needy", requires=["nowhere"])
    make_wheel(index, "future", python=">=3.15")
    with pytest.raises(ConfigError, match=reason) as caught:
        await unpack(tmp_path, *requirements)
    assert "\n" not in str(caught.value)


async def test_an_index_that_is_not_reached_is_another_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in os.environ:
        if name.lower().endswith("_proxy") or name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/simple"
        monkeypatch.setenv("PIP_INDEX_URL", url)
        with pytest.raises(SandboxStartError, match="the package index cannot be reached: "):
            await unpack(tmp_path, "tiny")


async def test_the_users_settings_put_packages_nowhere_else(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(index, "tiny")
    for name in ("USER", "REQUIRE_VIRTUALENV", "DRY_RUN", "NO_BINARY", "QUIET"):
        monkeypatch.setenv(f"PIP_{name}", ":all:" if name == "NO_BINARY" else "1")
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "elsewhere"))
    assert await unpack(tmp_path, "tiny") == {"tiny": "1.0"}
    assert (tmp_path / "target" / "tiny.py").exists()
    assert not (tmp_path / "elsewhere").exists()


FAKE_PIP = """
import sys
if "--report" in sys.argv:
    with open(sys.argv[sys.argv.index("--report") + 1], "w") as file:
        file.write({report!r})
"""


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (None, "pip cannot be run: ModuleNotFoundError: No module named 'pip._vendor'"),
        ("raise SystemExit(9)", "pip cannot be run: it said nothing"),
        ("pass", "the report of pip cannot be read: FileNotFoundError"),
        (FAKE_PIP.format(report="{"), "the report of pip cannot be read: JSONDecodeError"),
        (FAKE_PIP.format(report="[]"), "the report of pip cannot be read: TypeError"),
        (
            FAKE_PIP.format(report=json.dumps({"environment": {"os_name": "nt"}, "install": []})),
            "this pip resolves for another Python",
        ),
    ],
)
async def test_a_pip_that_does_not_do_its_work_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str | None, message: str
) -> None:
    fake = tmp_path / "lib" / "pip"
    packaging = fake / "_vendor" / "packaging"
    if program is None:
        fake.mkdir(parents=True)
    else:
        packaging.mkdir(parents=True)
        (fake / "__main__.py").write_text(program)
        (fake / "_vendor" / "__init__.py").touch()
        (packaging / "__init__.py").touch()
        (packaging / "markers.py").write_text("def default_environment(): return {}")
    (fake / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(fake.parent))
    with pytest.raises(SandboxStartError, match=f"Cannot prepare the packages: {message}"):
        await unpack(tmp_path, "tiny")
