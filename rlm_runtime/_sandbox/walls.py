"""The second wall: what the system itself can take away from a sandbox before Deno begins.

Each wall is some words in front of Deno's command: a tool of util-linux that replaces itself by the
next program, so the process id stays. A wall is used only if it was seen to work on this system;
Deno's own permissions hold without any of them.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import anyio

from rlm_runtime._sandbox.assets import Assets

WallName = Literal["no_new_privileges", "dies_with_host", "capabilities", "network", "threads"]

_MOST_THREADS = 128
# A shell and one command: two, where only the sandbox's own are counted
_PROBE_THREADS = 2
_PROBE_SECONDS = 5.0
# Reading tells more than `test -r`, which some systems answer from the user's name alone
_PROBE = (
    'test -x "$1" && head -c 1 "$1" "$2" >/dev/null && readlink /proc/self/ns/net'
    " && cat /proc/self/status && sed -n 's/^Max processes/&:/p' /proc/self/limits"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """One wall, and whether it stands on this system."""

    name: WallName
    missing: str | None = None
    """Why it does not stand; None if it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walls:
    """What stands around every sandbox of this system; without arguments, nothing."""

    prefix: tuple[str, ...] = ()
    """Comes before the command of a sandbox."""
    found: tuple[Wall, ...] = ()


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a probe behind some walls saw of itself."""

    network: str
    fields: Mapping[str, str]

    def has_no_capabilities(self) -> bool:
        names = ("CapInh", "CapPrm", "CapEff", "CapAmb")
        return all(int(self.fields.get(name, "1"), 16) == 0 for name in names)


@dataclass(frozen=True, slots=True)
class _Stone:
    """One way to build a wall."""

    name: WallName
    tool: Literal["unshare", "prlimit", "setpriv"]
    options: tuple[str, ...]
    stands: Callable[[_Seen], bool]


def _is_elsewhere(seen: _Seen) -> bool:
    return seen.network != os.readlink("/proc/self/ns/net")


_NO_NEW_PRIVILEGES = _Stone(
    "no_new_privileges",
    "setpriv",
    ("--no-new-privs",),
    lambda seen: seen.fields.get("NoNewPrivs") == "1",
)
# The kernel shows it nowhere; the tool fails if it cannot set it
_DIES_WITH_HOST = _Stone("dies_with_host", "setpriv", ("--pdeathsig=KILL",), lambda seen: True)
_DROPPED = _Stone(
    "capabilities", "setpriv", ("--inh-caps=-all", "--bounding-set=-all"), _Seen.has_no_capabilities
)
_NEVER_HAD = _Stone("capabilities", "setpriv", (), _Seen.has_no_capabilities)
_NETWORK = _Stone("network", "unshare", ("--net",), _is_elsewhere)
_USER_AND_NETWORK = _Stone(
    "network", "unshare", ("--user", "--map-current-user", "--net"), _is_elsewhere
)
_THREADS = _Stone(
    "threads",
    "prlimit",
    ("--nproc={threads}",),
    lambda seen: seen.fields.get("Max processes", "").split()[:1] == [str(_PROBE_THREADS)],
)


async def find_walls(assets: Assets) -> Walls:
    """Find the walls that stand on this system; one that cannot be built is left out."""
    is_root = os.geteuid() == 0
    capabilities = _DROPPED if is_root else _NEVER_HAD
    usual = [_NO_NEW_PRIVILEGES, _DIES_WITH_HOST, capabilities]
    wanted = [*usual, _NETWORK] if is_root else [*usual, _USER_AND_NETWORK, _THREADS]
    missing: dict[WallName, str] = {}
    if await _why_not(assets, wanted) is None:
        standing = wanted
    else:
        ways = [*usual, _NETWORK, _USER_AND_NETWORK, *([] if is_root else [_THREADS])]
        standing, missing = await _build(assets, ways)
    if is_root:
        missing["threads"] = "the system does not count the threads of the superuser"
    walls = [Wall(name=stone.name) for stone in standing]
    walls += [Wall(name=name, missing=reason) for name, reason in missing.items()]
    return Walls(prefix=_prefix(standing, _most_threads()), found=tuple(walls))


def _most_threads() -> int:
    """Give the bound on threads: no more than this process may have, which could not be set."""
    _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    return _MOST_THREADS if hard == resource.RLIM_INFINITY else min(_MOST_THREADS, hard)


async def _build(
    assets: Assets, ways: Sequence[_Stone]
) -> tuple[list[_Stone], dict[WallName, str]]:
    """Add one stone after the other, each only if all stand with it."""
    standing: list[_Stone] = []
    missing: dict[WallName, str] = {}
    for stone in ways:
        if any(other.name == stone.name for other in standing):
            continue
        if stone is _THREADS and _USER_AND_NETWORK not in standing:
            missing[stone.name] = "without a user namespace it counts the user's other processes"
            continue
        reason = await _why_not(assets, [*standing, stone])
        if reason is None:
            standing.append(stone)
            missing.pop(stone.name, None)
        else:
            missing[stone.name] = reason
    return standing, missing


def _prefix(stones: Sequence[_Stone], most_threads: int) -> tuple[str, ...]:
    """Give the words that build some walls; the namespaces come first, as the rest counts in them.

    Raises:
        FileNotFoundError: A tool is not installed.
    """
    words: list[str] = []
    for tool in ("unshare", "prlimit", "setpriv"):
        options = [word for stone in stones if stone.tool == tool for word in stone.options]
        if options:
            path = shutil.which(tool)
            if path is None:
                raise FileNotFoundError(f"{tool} of util-linux is not installed")
            words += [path, *(word.format(threads=most_threads) for word in options)]
    return tuple(words)


async def _why_not(assets: Assets, stones: Sequence[_Stone]) -> str | None:
    """Build some walls around a probe; None if they stand and what a sandbox needs is in reach."""
    try:
        prefix = _prefix(stones, _PROBE_THREADS)
        command = [*prefix, "/bin/sh", "-c", _PROBE, "sh"]
        command += [str(assets.deno), str(assets.folder / "main.js")]
        with anyio.fail_after(_PROBE_SECONDS):
            done = await anyio.run_process(command, check=False, stdin=subprocess.DEVNULL, cwd="/")
        if done.returncode != 0:
            words = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
            return words[-200:] or "behind it, Deno and its files are out of reach"
        seen = _read(done.stdout.decode("utf-8", "replace"))
        built = all(stone.stands(seen) for stone in stones)
    except FileNotFoundError as exc:
        return str(exc)
    except (OSError, ValueError, TimeoutError) as exc:
        return f"it cannot be tried: {exc!r}"
    return None if built else "it was built, and has no effect"


def _read(told: str) -> _Seen:
    network, *lines = told.splitlines()
    parts = (line.partition(":") for line in lines)
    return _Seen(network, {name: value.strip() for name, _, value in parts})
