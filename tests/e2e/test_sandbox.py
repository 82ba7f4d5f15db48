"""A real sandbox, asked by generated code for all that the REPL promises."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import psutil
import pytest

from rlm_runtime._errors import SandboxError
from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._sandbox.base import SubCall, SubCallError
from rlm_runtime._sandbox.deno import DenoSandbox, open_deno_sandbox
from tests.calls import REJECTED, FakeCalls, run
from tests.e2e.conftest import OpenFake

pytestmark = [pytest.mark.anyio, pytest.mark.deno]


@pytest.fixture(scope="module")
async def shared(assets: Assets) -> AsyncIterator[DenoSandbox]:
    """Serve the tests that leave a sandbox as good as they found it."""

    async def answer(call: SubCall) -> object:
        if call.prompt == "fail":
            raise SubCallError("it failed", stop_reason="max_calls", partial={"half": 1})
        return [call.prompt, call.context]

    async with open_deno_sandbox(assets, FakeCalls(answer), memory_mb=512) as sandbox:
        await sandbox.assign("context", "the context")
        await sandbox.assign("query", "the query")
        await sandbox.execute("import asyncio, js, re, sys, os")
        yield sandbox


FORMS: dict[str, str] = {
    "await": "r = await llm_query('a', 1)",
    "await later": "c = llm_query('a', 1)\nawait asyncio.sleep(0.05)\nr = await c",
    "await twice": "c = llm_query('a', 1)\nawait c\nr = await c",
    "gather": "r, _ = await asyncio.gather(llm_query('a', 1), llm_query('b'))",
    "create_task": "r = await asyncio.create_task(llm_query('a', 1))",
    "ensure_future": "r = await asyncio.ensure_future(llm_query('a', 1))",
    "shield": "r = await asyncio.shield(llm_query('a', 1))",
    "TaskGroup": "async with asyncio.TaskGroup() as group:\n"
    "    task = group.create_task(llm_query('a', 1))\nr = task.result()",
    "wait": "done, _ = await asyncio.wait([llm_query('a', 1)])\nr = done.pop().result()",
    "wait_for": "r = await asyncio.wait_for(llm_query('a', 1), 5)",
    "timeout": "async with asyncio.timeout(5):\n    r = await llm_query('a', 1)",
    "as_completed": "for c in asyncio.as_completed([llm_query('a', 1)]):\n    r = await c",
    "async for as_completed": "async for c in asyncio.as_completed([llm_query('a', 1)]):\n"
    "    r = await c",
    "in a coroutine": "async def f():\n    return await llm_query('a', 1)\nr = await f()",
    "in a comprehension": "r = [await c for c in [llm_query('a', 1)]][0]",
    "result in a lambda": "r = (lambda: llm_query('a', 1).result())()",
    "result in re.sub": "r = eval(re.sub('x', lambda _: str(llm_query('a', 1).result()), 'x'))",
    "result in sorted": "r = llm_query(*sorted([('b', 2), ('a', 1)],"
    " key=lambda pair: llm_query(*pair).result())[0]).result()",
    "result in __init__": "class Box:\n    def __init__(self):\n"
    "        self.r = llm_query('a', 1).result()\nr = Box().r",
    "result in a generator": "r = list(llm_query(p, 1).result() for p in 'a')[0]",
    "result after a task awaited": "c = llm_query('a', 1)\nawait asyncio.wait([c])\nr = c.result()",
    "batched": "r, other = await llm_query_batched(['a', 'b'], [1, 2])\nassert other == ['b', 2]",
    "batched without contexts": "r = await llm_query_batched(['a'])\nr = [r[0][0], 1]",
}


@pytest.mark.parametrize("code", FORMS.values(), ids=FORMS.keys())
async def test_a_sub_call_answers_in_every_form(shared: DenoSandbox, code: str) -> None:
    assert await run(shared, f"{code}\nprint(r)") == "['a', 1]\n"


FAILING: dict[str, str] = {
    "await": "await llm_query('fail')",
    "gather": "await asyncio.gather(llm_query('fail'), llm_query('b'))",
    "create_task": "await asyncio.create_task(llm_query('fail'))",
    "result": "(lambda: llm_query('fail').result())()",
    "wait_for": "await asyncio.wait_for(llm_query('fail'), 5)",
}


@pytest.mark.parametrize("code", FAILING.values(), ids=FAILING.keys())
async def test_a_failed_sub_call_raises_in_every_form(shared: DenoSandbox, code: str) -> None:
    told = f"try:\n    {code}\nexcept LLMQueryError as exc:\n    e = exc\n"
    told += "print(e, e.stop_reason, e.partial)\ndel e"
    assert await run(shared, told) == "it failed max_calls {'half': 1}\n"


async def test_calls_made_before_the_first_await_run_in_parallel(opened: OpenFake) -> None:
    all_open = anyio.Event()

    async def answer(call: SubCall) -> object:
        if len(calls.calls) == 8:
            all_open.set()
        await all_open.wait()
        return call.prompt

    calls = FakeCalls(answer)
    async with opened(calls) as sandbox:
        await sandbox.execute("started = [llm_query(str(n)) for n in range(8)]")
        printed = await run(sandbox, "print([await call for call in started])")
        assert printed == f"{[str(n) for n in range(8)]}\n"
    assert calls.most_open == 8


async def test_what_a_sub_call_asks_for_reaches_the_host(opened: OpenFake) -> None:
    calls = FakeCalls()
    async with opened(calls) as sandbox:
        await run(sandbox, "await llm_query('p', {'a': {1}}, model='fast', recursive=False)")
    asked = SubCall(prompt="p", context={"a": {1}}, model="fast", recursive=False)
    assert calls.calls == [asked]


async def test_a_call_that_timed_out_is_cancelled_on_the_host(opened: OpenFake) -> None:
    async def answer(call: SubCall) -> object:
        if call.prompt == "slow":
            await anyio.sleep_forever()
        return "quick answer"

    calls = FakeCalls(answer)
    async with opened(calls) as sandbox:
        code = "import asyncio\ntry:\n    await asyncio.wait_for(llm_query('slow'), 0.1)\n"
        result = await sandbox.execute(code + "except TimeoutError:\n    print('late')")
        assert (result.stdout, result.error, result.pending) == ("late\n", None, ())
        assert await run(sandbox, "await llm_query('quick')") == "'quick answer'\n"
        assert calls.cancelled == ["slow"]


async def test_a_call_that_nobody_awaited_is_named_and_lives_on(opened: OpenFake) -> None:
    go_on = anyio.Event()

    async def answer(call: SubCall) -> object:
        await go_on.wait()
        return call.prompt

    calls = FakeCalls(answer)
    async with opened(calls) as sandbox:
        result = await sandbox.execute(f"kept = llm_query('{'k' * 70}')\nlost = llm_query('lost')")
        assert result.pending == (f"llm_query('{'k' * 60}'…)", "llm_query('lost')")
        assert calls.cancelled == []
        go_on.set()
        result = await sandbox.execute("len(await kept)")
        assert (result.stdout, result.pending) == ("70\n", ())
        go_on = anyio.Event()
        await sandbox.execute("llm_query('open at the end')")
    assert calls.cancelled == ["open at the end"]


async def test_a_rejected_answer_raises_and_the_block_goes_on(opened: OpenFake) -> None:
    calls = FakeCalls()
    calls.rejection = "\U0001f600" * 100_000
    async with opened(calls) as sandbox:
        code = f"try:\n    FINAL({REJECTED!r})\nexcept ValueError as exc:\n    said = str(exc)"
        await run(sandbox, code)
        assert await run(sandbox, "print(said == '\U0001f600' * 5_000)") == "True\n"
        result = await sandbox.execute(f"reject = {REJECTED!r}\nFINAL_VAR('reject')\nprint('no')")
        assert result.stdout == ""
        assert result.error is not None and "AnswerRejectedError: \U0001f600" in result.error
    assert calls.answers == []


LATER = """
async def later():
    await asyncio.sleep(0)
    print('after')
    llm_query('after')
"""
AFTER: dict[str, str] = {
    "the next line": "FINAL(1)\nprint('after')\nllm_query('after')",
    "except": "try:\n    FINAL(1)\nexcept BaseException:\n    print('after')",
    "finally": "try:\n    FINAL(1)\nfinally:\n    print('after')\n    FINAL(2)",
    "a destructor": "class D:\n    def __del__(self): print('after')\n"
    "def f():\n    d = D()\n    FINAL(1)\nf()",
    "a background task": f"{LATER}task = asyncio.create_task(later())\nFINAL(1)",
    "the task it is called in": f"async def f(): FINAL(1)\n{LATER}"
    "await asyncio.gather(f(), later(), return_exceptions=True)",
    "a call under way": "c = llm_query('before')\nc.add_done_callback(lambda _: print('after'))\n"
    "FINAL(1)",
    "a JavaScript callback": "js.Array.of(1, 2).map(lambda n, *_: FINAL(n))\nprint('after')",
    "a JavaScript timer": "from pyodide.ffi import create_once_callable\n"
    "js.setTimeout(create_once_callable(lambda: print('after')), 0)\nFINAL(1)",
}


@pytest.mark.parametrize("code", AFTER.values(), ids=AFTER.keys())
async def test_nothing_has_any_effect_after_an_accepted_answer(opened: OpenFake, code: str) -> None:
    calls = FakeCalls()
    async with opened(calls) as sandbox, anyio.create_task_group() as tasks:
        tasks.start_soon(sandbox.execute, f"import asyncio, js\nprint('before')\n{code}")
        await calls.answered.wait()
        await anyio.sleep(0.2)
        assert sandbox.output_so_far().stdout == "before\n"
        assert sandbox.output_so_far().stderr == ""
        assert calls.answers == [1]
        assert [call.prompt for call in calls.calls if call.prompt != "before"] == []
        tasks.cancel_scope.cancel()


FATAL: dict[str, tuple[str, str]] = {
    "what is written to stdout": (
        "js.Deno.stdout.writeSync(js.TextEncoder.new().encode('hi\\n'))\nawait asyncio.sleep(60)",
        "Cannot read a frame: bad header b'hi",
    ),
    "Deno.exit": ("js.Deno.exit(7)", "its code has ended the worker"),
    "close": ("js.self.close()\nawait asyncio.sleep(60)", "its code has ended the worker"),
    "os._exit": ("import os\nos._exit(3)", r"exit\(3\)"),
    "an overflow of the C stack": (
        "a = []\nb = []\nfor _ in range(1_000_000):\n    a = [a]\n    b = [b]\na == b",
        "Maximum call stack size exceeded",
    ),
    "an error in a JavaScript timer": (
        "js.eval(\"setTimeout(() => { throw new Error('boom') })\")\nawait asyncio.sleep(60)",
        "boom",
    ),
}


@pytest.mark.parametrize(("code", "message"), FATAL.values(), ids=FATAL.keys())
async def test_what_ends_a_sandbox_is_a_clear_error(
    opened: OpenFake, code: str, message: str
) -> None:
    async with opened(FakeCalls()) as sandbox:
        for again in (f"import js, asyncio\n{code}", "1"):
            with pytest.raises(SandboxError, match=f"The sandbox is lost: .*{message}"):
                await sandbox.execute(again)
    assert not psutil.pid_exists(sandbox.pid)


HARMLESS: dict[str, tuple[str, str]] = {
    "lone surrogates in the output": ("print('\\ud800' * 100_000)", "\\ud800" * 100_000),
    "a flood": ("for n in range(100_000):\n    print('x' * 30)", "characters left out"),
    "a long line": ("print('x' * 10_000_000)", "9800001 characters left out"),
    "a name that is no text": ("globals()[5] = 1\nprint('ok')\ndel globals()[5]", "ok"),
    "a dead proxy": (
        "import weakref\nclass A: pass\nproxy = weakref.proxy(A())\nprint('ok')",
        "ok",
    ),
    "a closed stdout": ("sys.stdout.close()\nprint('ok')", "ok"),
    "an exit in a task": (
        "async def f(): sys.exit(3)\nt = asyncio.create_task(f())\n"
        "await asyncio.sleep(0.05)\nprint('ok')",
        "ok",
    ),
    "an interrupt in a task": (
        "async def f(): raise KeyboardInterrupt\nt = asyncio.create_task(f())\n"
        "await asyncio.sleep(0.05)\nprint('ok')",
        "ok",
    ),
    "a cancelled cell": (
        "asyncio.current_task().cancel()\ntry:\n    await asyncio.sleep(1)\n"
        "except asyncio.CancelledError:\n    print('ok')",
        "ok",
    ),
    "memory": ("try:\n    bytearray(2_000_000_000)\nexcept MemoryError:\n    print('ok')", "ok"),
    "time.sleep": ("import time\ntime.sleep(0.01)\nprint('ok')", "ok"),
    "stdin": ("print([*sys.stdin], repr(open('/dev/stdin').read(5)))", "[] ''"),
    "the user": ("print(os.getuid())", "0"),
    "a zone": ("import zoneinfo\nprint(zoneinfo.ZoneInfo('Asia/Tokyo'))", "Asia/Tokyo"),
    "the limits": ("print(limits())", "{'calls': 7, 'cost': None, 'seconds': 1.5}"),
    "the context": ("print(context, query)\ncontext = limits = 5", "the context the query"),
    "the context again": ("print(context, limits)\ndel limits", "the context 5"),
    "a deleted name again": ("print(limits()['calls'])", "7"),
}


@pytest.mark.parametrize(("code", "printed"), HARMLESS.values(), ids=HARMLESS.keys())
async def test_what_looks_dangerous_leaves_the_sandbox_alive(
    shared: DenoSandbox, code: str, printed: str
) -> None:
    output = await run(shared, code)
    assert printed in output and len(output) < 1_000_000
    assert await run(shared, "6 * 7") == "42\n"


async def test_what_javascript_prints_is_stderr(shared: DenoSandbox) -> None:
    result = await shared.execute("js.console.log('Content-Length: 5', 1)\njs.console.error('x')")
    assert (result.stdout, result.stderr) == ("", "Content-Length: 5 1\nx\n")
    result = await shared.execute("js.console.log(js.String.fromCharCode(0xd800))")
    assert result.stderr == "\ufffd\n"


EXPLAINED: dict[str, tuple[str, str, str]] = {
    "input": ("input('name? ')", "EOFError: input('name? ')", "is in `query` and `context`"),
    "open": ("open('/etc/passwd')", "FileNotFoundError", "the input is in `context`"),
    "the host's files": ("open('/proc/self/environ')", "FileNotFoundError", "no files of the"),
    "urllib": (
        "import urllib.request\nurllib.request.urlopen('http://127.0.0.1')",
        "URLError",
        "no network",
    ),
    "socket": (
        "import socket\nsocket.create_connection(('127.0.0.1', 9))",
        "OSError",
        "no network",
    ),
    "a server": (
        "import socket\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen(5)",
        "OSError: listen(5)",
        "no network",
    ),
    "subprocess": ("import subprocess\nsubprocess.run(['ls'])", "OSError", "no processes"),
    "os.system": ("os.system('ls')", "OSError: os.system('ls')", "no processes"),
    "sys.exit": ("sys.exit(3)", "SystemExit: 3", "call FINAL(value)"),
    "numpy": ("import numpy", "ModuleNotFoundError", "only Python's standard library"),
    "Deno.env": ("js.Deno.env.toObject()", "NotCapable", "env access"),
    "Deno.readTextFile": ("js.Deno.readTextFileSync('/etc/passwd')", "NotCapable", "read access"),
    "a thread": (
        "import threading\nthreading.Thread(target=print).start()",
        "RuntimeError",
        "thread",
    ),
}


@pytest.mark.parametrize(("code", "kind", "hint"), EXPLAINED.values(), ids=EXPLAINED.keys())
async def test_what_is_not_there_gives_an_ordinary_explained_error(
    shared: DenoSandbox, code: str, kind: str, hint: str
) -> None:
    result = await shared.execute(code)
    assert result.error is not None and '  File "<cell ' in result.error
    assert kind in result.error and hint in result.error
    assert await run(shared, "6 * 7") == "42\n"


async def test_two_sandboxes_share_neither_chance_nor_the_host(
    opened: OpenFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLM_TEST_CANARY", "seen")
    code = "import os, random, secrets, uuid\n"
    code += "print(random.random(), secrets.token_hex(), uuid.uuid4(), os.urandom(8))"
    drawn: list[str] = []
    for _ in range(2):
        async with opened(FakeCalls()) as sandbox:
            drawn += (await run(sandbox, code)).split(maxsplit=3)
            # Neither of this host nor of the one that took the snapshot
            assert await run(sandbox, "print(*sorted(os.environ))") == "HOME LANG TZ\n"
            outside = psutil.Process(sandbox.pid).environ()
            assert not {"RLM_TEST_CANARY", "HOME", "PATH"} & set(outside)
    assert len(set(drawn)) == len(drawn) == 8
