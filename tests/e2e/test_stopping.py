"""Stopping code in real sandboxes: softly while that works, and for good where it does not."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import anyio
import psutil
import pytest

from rlm_runtime import RLM, Event, Limits
from rlm_runtime._errors import SandboxError
from rlm_runtime._events import SandboxLost, SandboxStarted
from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._sandbox.base import ExecutionResult, SubCall
from rlm_runtime._sandbox.deno import DenoSandbox, open_deno_sandbox
from rlm_runtime.testing import ScriptedLLM
from tests._engine.fakes import repl, script
from tests.calls import FakeCalls

pytestmark = [pytest.mark.anyio, pytest.mark.deno]

SPIN = "while True: pass"
STOPPABLE: dict[str, str] = {
    "a loop": SPIN,
    "a loop in a function": "def f():\n    try:\n        while True: pass\n    finally: pass\nf()",
    "a generator": "sum(n for n in iter(int, 1))",
    "a regex": "import re\nre.match(r'(a+)+$', 'a' * 40 + 'b')",
    "a power": "10**10**7",
    "time.sleep": "import time\ntime.sleep(60)",
    "asyncio.sleep": "await asyncio.sleep(60)",
    "run_sync": "from pyodide.ffi import run_sync\nrun_sync(asyncio.sleep(60))",
    "many short waits": "while True: await asyncio.sleep(0)",
    "tasks that spin": "async def f():\n    while True: pass\nawait asyncio.gather(f(), f())",
    "tasks that wait": "async def f():\n    while True: await asyncio.sleep(0.001)\n"
    "await asyncio.gather(*[f() for _ in range(5)])",
    "a task beside the code": "async def f():\n    while True: pass\n"
    "t = asyncio.create_task(f())\nawait asyncio.sleep(60)",
    "output without end": "while True: print('x')",
    "recursion without end": "def f(): f()\nwhile True:\n    try: f()\n"
    "    except RecursionError: pass",
    "a sub-call": "await llm_query('slow')",
    "a sub-call in a lambda": "(lambda: llm_query('slow').result())()",
    "a loop beside a sub-call": "call = llm_query('slow')\nwhile True: pass",
    "what shows a value": "class C:\n    def __repr__(self):\n        while True: pass\nC()",
}
STUBBORN: dict[str, str] = {
    "a long call into C": "max(range(10**10))",
    "code that catches it": "while True:\n    try:\n        while True: pass\n"
    "    except BaseException: pass",
    "a handler of its own": "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    "while True: pass",
    "JavaScript": "import js\njs.eval('for (;;);')",
}


async def never(_call: SubCall) -> object:
    await anyio.sleep_forever()
    raise AssertionError


@pytest.fixture(scope="module")
async def shared(assets: Assets) -> AsyncIterator[DenoSandbox]:
    async with open_deno_sandbox(assets, FakeCalls(never), memory_mb=512) as sandbox:
        await sandbox.assign("context", "the context")
        await sandbox.execute("import asyncio\nkept = [1]")
        yield sandbox


async def wait_said(sandbox: DenoSandbox) -> None:
    """Wait until code has printed something."""
    while not sandbox.output_so_far().stdout:  # noqa: ASYNC110 - nothing tells of output
        await anyio.sleep(0.01)


async def interrupted(
    sandbox: DenoSandbox, code: str, *, after: float | Callable[[], Awaitable[None]]
) -> ExecutionResult:
    """Run code, and interrupt it after some seconds, or when something has happened."""
    results: list[ExecutionResult] = []

    async def execute() -> None:
        results.append(await sandbox.execute(code))

    with anyio.fail_after(50):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(execute)
            await (after() if callable(after) else anyio.sleep(after))
            await sandbox.interrupt()
    return results[0]


@pytest.mark.parametrize("code", STOPPABLE.values(), ids=STOPPABLE.keys())
async def test_code_is_interrupted_and_the_namespace_stays(shared: DenoSandbox, code: str) -> None:
    result = await interrupted(shared, code, after=0.1)
    assert result.interrupted and result.error is not None
    assert result.pending == ()
    with anyio.fail_after(50):
        again = await shared.execute("kept.append(1)\nprint(len(kept) > 1, context)")
    assert (again.stdout, again.error, again.interrupted) == ("True the context\n", None, False)


async def test_a_large_answer_on_its_way_to_synchronous_code_is_stopped(assets: Assets) -> None:
    async def large(_call: SubCall) -> object:
        return text

    text = "x" * 150_000_000
    async with open_deno_sandbox(assets, FakeCalls(large), memory_mb=1024) as sandbox:
        for _ in range(3):
            result = await interrupted(
                sandbox, "llm_query('p').result()\nwhile True: pass", after=0.1
            )
            assert result.interrupted and result.error is not None
            assert "KeyboardInterrupt" in result.error
        taken = await sandbox.execute("print(sum(len(llm_query('p').result()) for _ in range(3)))")
    assert (taken.stdout, taken.error) == ("450000000\n", None)


async def test_the_traceback_says_where_it_was_interrupted(shared: DenoSandbox) -> None:
    code = "x = 1\nprint(x)\nwhile x:\n    x += 1"
    result = await interrupted(shared, code, after=partial(wait_said, shared))
    assert result.error is not None
    assert "line 4" in result.error or "line 3" in result.error
    assert result.error.endswith("KeyboardInterrupt")


async def test_open_sub_calls_are_cancelled_on_the_host(assets: Assets) -> None:
    async def all_asked() -> None:
        while len(calls.calls) < 3:  # noqa: ASYNC110 - nothing tells of it
            await anyio.sleep(0.01)

    calls = FakeCalls(never)
    async with open_deno_sandbox(assets, calls, memory_mb=512) as sandbox:
        await sandbox.execute("earlier = llm_query('earlier')")
        await interrupted(sandbox, "await llm_query_batched(['a', 'b'])", after=all_asked)
        await sandbox.execute("1")
        assert sorted(calls.cancelled) == ["a", "b", "earlier"]


async def test_an_interrupt_that_comes_too_late_strikes_nothing(shared: DenoSandbox) -> None:
    for _ in range(20):
        await shared.execute("1")
        await shared.interrupt()
        result = await shared.execute("print(sum(range(100_000)))")
        assert (result.stdout, result.error) == ("4999950000\n", None)


async def test_code_that_catches_the_interrupt_ends_as_it_likes(shared: DenoSandbox) -> None:
    code = "try:\n    print('a')\n    while True: pass\nexcept KeyboardInterrupt:\n    print('b')"
    result = await interrupted(shared, code, after=partial(wait_said, shared))
    assert (result.stdout, result.error, result.interrupted) == ("a\nb\n", None, True)


async def run(replies: list[str], limits: Limits) -> tuple[object, list[Event]]:
    events: list[Event] = []
    model = ScriptedLLM(script({"root": replies}))
    with anyio.fail_after(30):
        async with RLM(model, limits=limits, trace_dir=None, on_event=events.append) as rlm:
            return (await rlm.run("root", context=[1])).answer, events


@pytest.mark.parametrize("code", STUBBORN.values(), ids=STUBBORN.keys())
async def test_code_that_does_not_listen_is_ended_with_its_sandbox(
    assets: Assets, code: str
) -> None:
    replies = [
        repl(f"kept = 1\nprint('begun')\n{code}"),
        repl("FINAL([context, 'kept' in globals()])"),
    ]
    answer, events = await run(replies, Limits(max_cell_seconds=0.6))
    assert answer == [[1], False]
    assert len({event.pid for event in events if isinstance(event, SandboxStarted)}) == 2
    (lost,) = [event for event in events if isinstance(event, SandboxLost)]
    assert lost.reason == "The code ran for more than 0.6 seconds and did not stop when told to"


async def test_a_run_goes_on_in_the_same_sandbox_after_an_interrupt(assets: Assets) -> None:
    replies = [repl(f"kept = 1\n{SPIN}"), repl("FINAL([context, kept])")]
    answer, events = await run(replies, Limits(max_cell_seconds=0.6))
    assert answer == [[1], 1]
    assert not [event for event in events if isinstance(event, SandboxLost)]


ABUSE: dict[str, str] = {
    "the recursion limit": "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
    "the recursion limit of a repr": "import sys\nsys.setrecursionlimit(10**9)\n"
    "a = []\nfor _ in range(10**6): a = [a]\nrepr(a)",
    "abort": "import os\nos.abort()",
    "its memory": "import ctypes\nctypes.memset(1, 1, 2**31 - 1)",
}


@pytest.mark.parametrize("code", ABUSE.values(), ids=ABUSE.keys())
async def test_what_breaks_python_itself_costs_that_sandbox_at_most(
    assets: Assets, code: str
) -> None:
    async with (
        open_deno_sandbox(assets, FakeCalls(), memory_mb=512) as other,
        open_deno_sandbox(assets, FakeCalls(), memory_mb=512) as sandbox,
    ):
        with anyio.fail_after(50):
            try:
                result = await sandbox.execute(code)
                assert result.error is not None
            except SandboxError as error:
                assert str(error).startswith("The sandbox is lost: ")
        assert (await other.execute("6 * 7")).stdout == "42\n"


async def test_cancelling_a_run_takes_its_whole_tree_down(assets: Assets) -> None:
    branch = "await llm_query_batched([context + 'a', context + 'b'])"
    all_spin = anyio.Event()
    pids: list[int] = []

    def note(event: Event) -> None:
        if isinstance(event, SandboxStarted):
            pids.append(event.pid)
            if len(pids) == 7:
                all_spin.set()

    def policy(messages: object) -> str:
        return repl(f"{branch} if len(context) < 4 else None\n{SPIN}")

    limits = Limits(max_depth=3, max_sandboxes=8)
    with anyio.fail_after(40):
        async with RLM(ScriptedLLM(policy), limits=limits, trace_dir=None, on_event=note) as rlm:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: rlm.run("root", context="ro"))
                await all_spin.wait()
                tasks.cancel_scope.cancel()
                began = anyio.current_time()
            assert anyio.current_time() - began < 10
            assert not any(psutil.pid_exists(pid) for pid in pids)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_thousands_of_interrupts_leave_the_sandbox_alive(assets: Assets) -> None:
    cells = 5000
    codes = [*STOPPABLE.values(), "x = 1", "sum(range(1000))"]
    chance = random.Random(5)
    lost = Counter[str]()
    done = 0
    while done < cells:
        async with open_deno_sandbox(assets, FakeCalls(never), memory_mb=512) as sandbox:
            await sandbox.execute("import asyncio\nkept = 1")
            code = ""
            try:
                while done < cells:
                    done += 1
                    code = chance.choice(codes)
                    await interrupted(sandbox, code, after=chance.random() * 0.008)
                    with anyio.fail_after(50):
                        assert (await sandbox.execute("kept")).stdout == "1\n"
            except (SandboxError, TimeoutError, ExceptionGroup) as error:
                lost[f"{code[:40]!r}: {error!r}"] += 1
    # A sandbox that is lost is replaced, so one in a thousand would do no harm
    assert lost.total() <= cells // 1000, lost
