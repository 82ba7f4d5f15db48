"""Runs a child from under a hard limit on data of its own, and passes on what the child tells."""

import resource
import sys
from pathlib import Path

import anyio

from rlm_runtime._process import open_process

CHILD = str(Path(__file__).parent / "tells_limits.py")


async def main() -> None:
    rlimits = {resource.RLIMIT_DATA: 8 << 30}
    async with open_process([sys.executable, "-I", CHILD], env={}, rlimits=rlimits) as child:
        await child.stdin.send(b"x")
        sys.stdout.write((await child.stdout.receive()).decode())


resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, 4 << 30))
anyio.run(main)
