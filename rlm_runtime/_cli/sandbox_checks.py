"""Whether a sandbox works on this machine: by starting one."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import anyio
from deno import find_deno_bin

from rlm_runtime._cli.checks import Check
from rlm_runtime._config import Environment
from rlm_runtime._errors import SandboxError, SandboxStartError
from rlm_runtime._sandbox.assets import Assets, find_assets, prepare_assets
from rlm_runtime._sandbox.base import SubCall, ToolCall
from rlm_runtime._sandbox.deno import open_deno_sandbox
from rlm_runtime._sandbox.walls import WallName, Walls, find_walls

_DENO_SECONDS = 20.0
_WALLS: dict[WallName, tuple[str, str]] = {
    "no_new_privileges": ("it can gain no privileges", "install util-linux"),
    "dies_with_host": ("the system ends it with its host", "install util-linux"),
    "capabilities": ("it has no capabilities", "run as a plain user, or install util-linux"),
    "network": (
        "its network is empty",
        "install util-linux, and let the system permit user namespaces",
    ),
    "threads": ("its threads are limited", "run as a plain user, with user namespaces permitted"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxReport:
    """What was found, in the order in which one is needed for the next."""

    checks: tuple[Check, ...]
    idle_mb: float | None = None
    """Memory of an idle sandbox, in MB; None if none could be started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """How the start of a sandbox went."""

    seconds: float = 0.0
    """From nothing to the result of the first code."""
    idle_mb: float | None = None
    problem: str | None = None
    """Why it failed; None if it did not."""
    without: str | None = None
    """What it starts without, if that is what is broken."""


class _NoCalls:
    """The code of a check asks the host for nothing."""

    async def llm_query(self, call: SubCall) -> object:
        raise SandboxError("it made a sub-call")

    async def tool(self, call: ToolCall) -> object:
        raise SandboxError("it called a tool")

    async def final(self, answer: object) -> None:
        raise SandboxError("it gave an answer")

    def limits(self) -> dict[str, int | float | None]:
        return {}


async def check_sandbox(
    environment: Environment, *, memory_mb: int, fix: bool, tell: Callable[[str], None]
) -> SandboxReport:
    """Look at all that a sandbox needs, then start one; `fix` makes what is missing or broken."""
    deno = await _check_deno()
    if deno.status == "fail":
        return SandboxReport(checks=(deno,))
    cache, ready = environment.cache_dir, environment.sandbox_assets
    try:
        find = partial(prepare_assets, progress=tell) if fix else find_assets
        assets = await find(cache, ready=ready)
        walls = await find_walls(assets)
        start = await _try_start(assets, walls, memory_mb)
        if fix and ready is None and (start.problem is not None or assets.snapshot is None):
            assets = await prepare_assets(cache, anew=True, progress=tell)
            start = await _try_start(assets, walls, memory_mb)
    except SandboxStartError as exc:
        return SandboxReport(checks=(deno, _missing_assets(environment, str(exc), fix=fix)))
    whole = Check(name="assets", status="ok", text=f"whole, in {str(assets.folder)!r}")
    checks = (deno, whole, *_check_start(assets, start), *_check_walls(walls))
    return SandboxReport(checks=checks, idle_mb=start.idle_mb)


async def _check_deno() -> Check:
    hint = "reinstall it: pip install --force-reinstall deno"
    try:
        deno = find_deno_bin()
        with anyio.fail_after(_DENO_SECONDS):
            done = await anyio.run_process(
                [deno, "--version"], check=False, stderr=subprocess.STDOUT, env={}
            )
        said = done.stdout.decode("utf-8", "replace").strip()
        status = done.returncode
        problem = f"it ended with status {status}: {said[:200]}" if status else None
    except FileNotFoundError as exc:
        problem = f"there is none: {exc}"
    except (OSError, TimeoutError) as exc:
        problem = f"it does not run: {exc!r}"
    if problem is not None:
        return Check(name="deno", status="fail", text=problem, hint=hint)
    version = said.split()[1] if said.startswith("deno ") else said[:40]
    return Check(name="deno", status="ok", text=f"{version}, in {deno!r}")


def _missing_assets(environment: Environment, problem: str, *, fix: bool) -> Check:
    if environment.sandbox_assets is not None:
        hint = "copy a ready folder of assets anew, or let RLM_SANDBOX_ASSETS name none"
    elif fix:
        hint = (
            "let RLM_CACHE_DIR name a folder that can be written, and the npm registry be in reach"
        )
    else:
        hint = "rlm doctor --fix makes it, and so does the first run; both need the npm registry"
    return Check(name="assets", status="fail", text=problem.partition("; ")[0], hint=hint)


async def _try_start(assets: Assets, walls: Walls, memory_mb: int) -> _Start:
    """Start a sandbox; if it fails, find out what it starts without."""
    try:
        return await _start(assets, walls, memory_mb)
    except SandboxError as exc:
        problem = str(exc)
    less: dict[str, tuple[Assets, Walls]] = {"the walls": (assets, Walls())}
    if assets.snapshot is not None:
        less = {"the snapshot": (replace(assets, snapshot=None), walls), **less}
    for without, (other_assets, other_walls) in less.items():
        try:
            await _start(other_assets, other_walls, memory_mb)
        except SandboxError:
            continue
        return _Start(problem=problem, without=without)
    return _Start(problem=problem)


async def _start(assets: Assets, walls: Walls, memory_mb: int) -> _Start:
    began = time.monotonic()
    async with open_deno_sandbox(assets, _NoCalls(), memory_mb=memory_mb, walls=walls) as sandbox:
        done = await sandbox.execute("1 + 1")
        seconds = time.monotonic() - began
        if done.stdout != "2\n":
            raise SandboxError(f"In the sandbox, 1 + 1 gave {done.stdout[:80]!r}, {done.error!r}")
        return _Start(seconds=seconds, idle_mb=_memory_mb(sandbox.pid))


def _memory_mb(pid: int) -> float | None:
    """Read what a process takes for itself, with its share of what it has in common."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        (line,) = (line for line in text.splitlines() if line.startswith("Pss:"))
        return int(line.split()[1]) / 1024
    except (OSError, ValueError):
        return None


def _check_start(assets: Assets, start: _Start) -> Iterator[Check]:
    anew = "rlm doctor --fix makes it anew, unless RLM_SANDBOX_ASSETS names it"
    if start.without == "the snapshot":
        text = f"does not restore: {start.problem}"
        yield Check(name="snapshot", status="fail", text=text, hint=anew)
    elif assets.snapshot is None:
        why = f" ({assets.problem})" if assets.problem else ""
        text = f"there is none{why}, so each sandbox takes some seconds to start"
        yield Check(name="snapshot", status="warn", text=text, hint=anew)
    elif start.problem is None:
        yield Check(name="snapshot", status="ok", text="there, and restores")
    if start.problem is None:
        idle = "" if start.idle_mb is None else f", {start.idle_mb:.0f} MB when idle"
        figures = {"seconds": round(start.seconds, 3), "idle_mb": start.idle_mb}
        text = f"starts and runs code in {start.seconds:.2f} s{idle}"
        yield Check(name="sandbox", status="ok", text=text, figures=figures)
    elif start.without != "the snapshot":
        only = f"starts only without {start.without}: " if start.without else ""
        yield Check(name="sandbox", status="fail", text=f"{only}{start.problem}", hint=anew)


def _check_walls(walls: Walls) -> Iterator[Check]:
    for wall in walls.found:
        text, hint = _WALLS[wall.name]
        name = f"wall {wall.name}"
        if wall.missing is None:
            yield Check(name=name, status="ok", text=text)
        else:
            yield Check(name=name, status="warn", text=f"missing: {wall.missing}", hint=hint)
