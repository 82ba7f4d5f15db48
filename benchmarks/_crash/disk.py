"""A small disk that is full for a while."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

_SIZE_MB = 16
_BLOCK = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Full:
    """When a disk gets full, after the start of a run, and for how long."""

    after: float
    seconds: float


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """Let a folder be a small disk of its own for the length of the block.

    Raises:
        OSError: This needs rights that the user does not have.
    """
    options = f"size={_SIZE_MB}m,mode=0700"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise PermissionError(done.stderr.strip())
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def fill_for_a_while(folder: Path, full: Full) -> None:
    """Fill the disk of a folder when it is time, and free it again, also when cancelled."""
    await anyio.sleep(full.after)
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(_BLOCK)) == _BLOCK:
                    pass
            except OSError:
                # It is full
                pass
        await anyio.sleep(full.seconds)
    finally:
        filler.unlink(missing_ok=True)
