"""A host: finds the walls of its system, opens a sandbox within them, and tells of both as JSON.

Argument: the folder of assets. The sandbox stays until somebody kills us or closes our stdin.
"""

import json
import os
import sys
from pathlib import Path

import anyio
import anyio.to_thread

from rlm_runtime._sandbox.assets import prepare_assets
from rlm_runtime._sandbox.deno import open_deno_sandbox
from rlm_runtime._sandbox.walls import find_walls
from tests.calls import FakeCalls


async def host() -> None:
    assets = await prepare_assets(Path("/nowhere"), ready=Path(sys.argv[1]))
    walls = await find_walls(assets)
    async with open_deno_sandbox(assets, FakeCalls(), memory_mb=512, walls=walls) as sandbox:
        await sandbox.assign("context", "")
        done = await sandbox.execute("1 + 1")
        proc = Path(f"/proc/{sandbox.pid}")
        told = {
            "walls": {wall.name: wall.missing for wall in walls.found},
            "pid": sandbox.pid,
            "printed": done.stdout,
            "error": done.error,
            "status": (proc / "status").read_text(),
            "limits": (proc / "limits").read_text(),
            "network": os.readlink(proc / "ns" / "net"),
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        await anyio.to_thread.run_sync(sys.stdin.read, abandon_on_cancel=True)


anyio.run(host)
