"""What this process may use of the machine: cores, and memory that is free."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def usable_cores(cgroups: Path = _CGROUPS) -> int:
    """Count the cores that this process may keep busy, at least one."""
    cores = float(len(os.sched_getaffinity(0)))
    for folder in _own_cgroups(cgroups):
        match _read(folder / "cpu.max").split():
            case [quota, period] if quota != "max":
                cores = min(cores, int(quota) / int(period))
    return max(1, math.ceil(cores))


def available_memory_mb(cgroups: Path = _CGROUPS) -> int:
    """Estimate the memory that can still be taken without pushing anything out, in MiB."""
    fields = dict(line.split(":", 1) for line in _read(Path("/proc/meminfo")).splitlines())
    available = int(fields.get("MemAvailable", "0 kB").split()[0]) << 10
    for folder in _own_cgroups(cgroups):
        most = _read(folder / "memory.max").strip()
        if most.isdecimal():
            stat = dict(line.split() for line in _read(folder / "memory.stat").splitlines())
            # What is only cached can be dropped
            used = int(_read(folder / "memory.current") or 0) - int(stat.get("inactive_file", 0))
            available = min(available, int(most) - used)
    return max(0, available >> 20)


def _own_cgroups(root: Path) -> Iterator[Path]:
    """Name the folders of this process's cgroup (version 2) and all above it."""
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        if line.startswith("0::/"):
            own = root / line.removeprefix("0::/")
            yield own
            yield from (one for one in own.parents if one.is_relative_to(root))


def _read(path: Path) -> str:
    """Read a file of the system; it may not be there."""
    try:
        return path.read_text()
    except OSError:
        return ""
