"""Where traces lie: one folder for each run, and in it the trace file."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from pathlib import Path

TRACE_FILE = "trace.msgpack"


def new_run_id() -> str:
    """Make an id that is unique and sorts by time: UTC date, time, its fraction, a random part."""
    now = time.time()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    return f"{stamp}-{int(now % 1 * 0x10000):04x}{secrets.token_hex(2)}"


def list_runs(trace_dir: Path) -> list[Path]:
    """Find the trace files in a folder, the newest run first."""
    return sorted(trace_dir.glob(f"*/{TRACE_FILE}"), reverse=True)


def find_run(trace_dir: Path, run: str) -> Path:
    """Name the trace file of a run."""
    return trace_dir / run / TRACE_FILE


def is_being_written(path: Path) -> bool:
    """Tell whether the writer of a trace still lives."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False
