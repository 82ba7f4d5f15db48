"""Wheels that a sandbox can import: chosen and unpacked by pip, on the host, executing none.

pip takes its index, proxies and certificates from its own variables and files.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import anyio
import anyio.to_thread
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename
from pydantic import BaseModel, Field, ValidationError

from rlm_runtime._errors import ConfigError, SandboxStartError
from rlm_runtime._paths import package_file

PLATFORM = "pyemscripten_2026_0_wasm32"
PYTHON = "3.14.2"
MARKERS: Mapping[str, str] = {
    "implementation_name": "cpython",
    "implementation_version": PYTHON,
    "os_name": "posix",
    "platform_machine": "wasm32",
    "platform_python_implementation": "CPython",
    "platform_system": "Emscripten",
    "python_full_version": PYTHON,
    "python_version": "3.14",
    "sys_platform": "emscripten",
}
"""What the markers of dependencies are compared with: the Python of Pyodide."""

_OPTIONS = (
    *("--quiet", "--no-input", "--disable-pip-version-check"),
    # No building: that would run code of the package
    *("--only-binary", ":all:", "--platform", PLATFORM, "--platform", "any"),
    *("--python-version", PYTHON, "--implementation", "cp"),
    *("--abi", "cp314", "--abi", "abi3", "--abi", "none"),
)
# Settings of the user's that would put the packages elsewhere, or refuse to put them anywhere
_VARIABLES = {"PIP_USER": "0", "PIP_DRY_RUN": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
_RETRIES = "2"
_MOST_CHARS = 600


class Wheel(BaseModel):
    """A wheel that was unpacked."""

    name: str
    version: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


def parse_requirements(texts: Iterable[str]) -> tuple[str, ...]:
    """Check requirements, such as `attrs>=25` or `httpx[http2]`; return each once, in order.

    Raises:
        ConfigError: One is not a name with, at most, extras and versions.
    """
    if isinstance(texts, str):
        raise ConfigError(f"Cannot use packages={texts!r}: give a list of requirements")
    return tuple(sorted({_parse(text) for text in texts}))


def _parse(text: str) -> str:
    try:
        requirement = Requirement(text)
    except InvalidRequirement as exc:
        reason = str(exc).partition("\n")[0]
        raise ConfigError(f"Cannot use package {text!r}: it is no requirement: {reason}") from exc
    if requirement.url is not None:
        raise ConfigError(f"Cannot use package {text!r}: packages come from an index, by name")
    if requirement.marker is not None:
        raise ConfigError(f"Cannot use package {text!r}: markers make no sense here")
    # So that pip can take no name for that of a file, such as a.whl
    requirement.name = canonicalize_name(requirement.name)
    return str(requirement)


async def unpack_wheels(requirements: Iterable[str], into: Path, work: Path) -> list[Wheel]:
    """Let pip choose wheels, check their hashes and unpack them; `work` is an empty folder.

    Raises:
        ConfigError: There are no such wheels.
        SandboxStartError: pip cannot be run, or does not reach the index.
    """
    wheels, report = work / "wheels", work / "report.json"
    await anyio.Path(wheels).mkdir()
    # `pip install` would hold the Python that a package requires against that of the host
    await _pip(work, "download", "--dest", str(wheels), "--", *requirements)
    names = await anyio.to_thread.run_sync(_names, wheels)
    local = ("--no-index", "--find-links", str(wheels), "--no-deps", "--ignore-requires-python")
    place = ("--no-compile", "--target", str(into), "--report", str(report))
    await _pip(work, "install", *local, *place, "--", *names)
    return _read(report)


def _names(wheels: Path) -> list[str]:
    """Name each wheel by its version, as from an index: by its path, pip would note that."""
    parsed = [parse_wheel_filename(path.name) for path in sorted(wheels.iterdir())]
    return [f"{name}=={version}" for name, version, *_ in parsed]


async def _pip(work: Path, command: str, *arguments: str) -> None:
    program = (sys.executable, "-P", str(package_file("_sandbox/pyodide_pip.py")))
    done = await anyio.run_process(
        [*program, json.dumps(MARKERS), command, *_OPTIONS, *arguments],
        cwd=work,
        env={"PIP_RETRIES": _RETRIES, **os.environ, **_VARIABLES, "TMPDIR": str(work)},
        check=False,
        stderr=subprocess.STDOUT,
    )
    if done.returncode != 0:
        raise _explain(done.stdout.decode("utf-8", "replace"))


def _explain(output: str) -> ConfigError | SandboxStartError:
    """Make an error of what pip said."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    telling = [line for line in errors if not line.startswith("Ignored the following")]
    reason = (telling or errors or lines[-1:] or ["it said nothing"])[0][:_MOST_CHARS]
    if any("Retrying (" in line for line in lines):
        return SandboxStartError(
            f"Cannot prepare the packages: the package index cannot be reached: {reason}; once"
            " prepared, packages need no network"
        )
    if not errors:
        return SandboxStartError(f"Cannot prepare the packages: pip cannot be run: {reason}")
    return ConfigError(
        f"Cannot prepare the packages: {reason}; a sandbox takes wheels only, in pure Python or for"
        f" {PLATFORM}, that work with Python 3.14"
    )


def _read(report: Path) -> list[Wheel]:
    """Read pip's report: what was taken, for which Python."""
    try:
        told = json.loads(report.read_bytes())
        foreign = {name: told["environment"].get(name) for name in MARKERS} != MARKERS
        wheels = [
            Wheel(
                name=one["metadata"]["name"],
                version=one["metadata"]["version"],
                sha256=one["download_info"]["archive_info"]["hashes"]["sha256"],
            )
            for one in told["install"]
        ]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ValidationError) as exc:
        raise SandboxStartError(
            f"Cannot prepare the packages: the report of pip cannot be read: {exc!r}"
        ) from exc
    if foreign:
        raise SandboxStartError(
            "Cannot prepare the packages: this pip resolves for another Python; install pip 26"
        )
    return wheels
