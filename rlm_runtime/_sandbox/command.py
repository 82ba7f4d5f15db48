"""How a sandbox's process is started: its command line, its environment, its limits."""

from __future__ import annotations

import resource

from rlm_runtime._sandbox.assets import Assets

_PAGES_PER_MB = 16
# V8 reserves 510 MB for the code of each of the two threads, which counts as data; no flag of it
# lowers that. A context passes through JavaScript's memory too
_RLIMIT_DATA_EXTRA_MB = 1216
_RLIMIT_DATA_SHARE = 4 / 3
# A sandbox has 20 open; a thread of its own making takes 7 more
_RLIMIT_NOFILE = 64

# The process has nothing of the host's in its environment, and nothing that persists
ENVIRONMENT = {
    "DENO_DIR": "/dev/null",
    "DENO_NO_UPDATE_CHECK": "1",
    "DENO_WEBGPU_BACKEND": "noop",
    # What is freed goes back to the system, where glibc would keep it for each thread
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "131072",
    "NO_COLOR": "1",
    # Else local time in it tells where the host is
    "TZ": "UTC",
}


def command(assets: Assets, memory_mb: int) -> list[str]:
    """Give the command line of a sandbox: everything is denied but reading the assets."""
    return [
        str(assets.deno),
        "run",
        "--quiet",
        "--no-prompt",
        "--no-config",
        "--no-lock",
        "--no-remote",
        "--no-npm",
        "--cached-only",
        "--deny-net",
        "--deny-env",
        "--deny-run",
        "--deny-ffi",
        "--deny-sys",
        "--deny-write",
        "--deny-import",
        f"--allow-read={assets.folder}",
        f"--v8-flags=--wasm-max-mem-pages={memory_mb * _PAGES_PER_MB}",
        str(assets.folder / "main.js"),
        str(assets.folder),
        *_archives(assets),
    ]


def _archives(assets: Assets) -> list[str]:
    """Name what the sandbox starts from: a snapshot and packages, in this order."""
    packages = [assets.packages.name] if assets.packages else []
    return [assets.snapshot or "", *packages] if assets.snapshot or packages else []


def rlimits(assets: Assets, memory_mb: int) -> dict[int, int]:
    """Give what the process may use, by `resource.RLIMIT_*`; `memory_mb` is for its Python."""
    data_bytes = int(memory_mb * _RLIMIT_DATA_SHARE + _RLIMIT_DATA_EXTRA_MB) << 20
    data_bytes += assets.packages.size if assets.packages else 0
    return {
        resource.RLIMIT_DATA: data_bytes,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: _RLIMIT_NOFILE,
    }
