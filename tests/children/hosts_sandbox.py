"""A host: opens a sandbox, tells its process id, and runs code in it until somebody kills us.

Arguments: Deno, the folder of assets, the name of the snapshot, the code.
"""

import sys
from pathlib import Path

import anyio

from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._sandbox.deno import open_deno_sandbox
from tests.calls import FakeCalls


async def host(*given: str) -> None:
    deno, folder, snapshot, code = given
    assets = Assets(deno=Path(deno), folder=Path(folder), snapshot=snapshot or None)
    async with open_deno_sandbox(assets, FakeCalls(), memory_mb=512) as sandbox:
        await sandbox.assign("context", "")
        await sandbox.execute("print('ready')")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sandbox.execute, code)
            await anyio.sleep(0.2)
            sys.stdout.write(f"{sandbox.pid}\n")
            sys.stdout.flush()
            await anyio.sleep(60)


anyio.run(host, *sys.argv[1:])
