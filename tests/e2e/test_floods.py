"""A gigabyte of output from each place that output can come from, through one real sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import pytest

from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._sandbox.deno import DenoSandbox, open_deno_sandbox
from tests.calls import FakeCalls
from tests.e2e.watching import watched

pytestmark = [pytest.mark.anyio, pytest.mark.deno, pytest.mark.timeout(180)]

SETUP = """
import js, os, sys
piece = "x" * 99_999
js.eval("globalThis.piece = 'x'.repeat(99_999)")
"""
STDOUT = {
    "print": "for _ in range(2_000): print(piece)",
    "one print": "print(piece * 2_000)",
}
STDERR = {
    "stderr": "for _ in range(2_000): print(piece, file=sys.stderr)",
    "console.log of Python": "for _ in range(2_000): js.console.log(piece)",
    "console.log of JavaScript": "js.eval('for (let n = 0; n < 2_000; n++) console.log(piece)')",
    "console.error of JavaScript": "js.eval('for (let n = 0; n < 999; n++) console.error(piece)')",
    "one console.log": "js.eval('console.log(piece.repeat(500))')",
}
NOWHERE = {
    "a file descriptor": "for _ in range(2_000): os.write(2, b'x' * 99_999 + b'\\n')",
    "the process's own stderr": "js.eval('const data = new TextEncoder().encode(piece);"
    " for (let n = 0; n < 2_000; n++) Deno.stderr.writeSync(data)')",
}


@pytest.fixture(scope="module")
async def shared(assets: Assets) -> AsyncIterator[DenoSandbox]:
    async with open_deno_sandbox(assets, FakeCalls(), memory_mb=512) as sandbox:
        assert (await sandbox.execute(SETUP)).error is None
        yield sandbox


@pytest.mark.parametrize("name", [*STDOUT, *STDERR, *NOWHERE])
async def test_a_flood_is_cut_and_the_code_goes_on(shared: DenoSandbox, name: str) -> None:
    code = (STDOUT | STDERR | NOWHERE)[name]
    with anyio.fail_after(150):
        async with watched() as cost:
            done = await shared.execute(f"{code}\nprint('the end')")
        after = await shared.execute("6 * 7")
    assert done.error is None and done.stdout.endswith("the end\n")
    flooded, other = (done.stdout, done.stderr) if name in STDOUT else (done.stderr, done.stdout)
    # What the sandbox keeps of a stream is 200,000 characters; more would be cut here only
    assert (100_000 < len(flooded) < 210_000) == (name not in NOWHERE)
    assert ("characters left out" in flooded) == (name not in NOWHERE)
    assert name in STDOUT or other == "the end\n"
    assert (after.stdout, after.stderr, after.error) == ("42\n", "", None)
    assert cost.rss_mb < 100
    assert cost.longest_turn < 0.5
