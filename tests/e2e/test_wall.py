"""The attacks, each for real: what stops it, and that it has touched none of the canaries."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import anyio
import psutil
import pytest

from rlm_runtime._errors import SandboxError
from rlm_runtime._jsonrpc import open_peer
from rlm_runtime._process import open_process
from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._sandbox.command import ENVIRONMENT, command
from rlm_runtime._sandbox.deno import DenoSandbox, open_deno_sandbox
from tests.calls import FakeCalls, run
from tests.e2e.attacks import JAVASCRIPT, Attack
from tests.e2e.canaries import VARIABLE, Canaries, open_canaries
from tests.e2e.conftest import OpenFake
from tests.e2e.python_attacks import PYTHON

pytestmark = [pytest.mark.anyio, pytest.mark.deno]

# Every way to run JavaScript evaluates this text: it gives the class and message of the error
OUTCOME = """(async () => {
  const late = new Promise((resolve) => setTimeout(() => resolve("nothing in 3 s"), 3000));
  try {
    return JSON.stringify(["returns", String(await Promise.race([(async () => %s)(), late]))]);
  } catch (error) {
    return JSON.stringify([error.name, error.message]);
  }
})()"""

# As an attacker reaches JavaScript: each takes the text of an expression and gives its promise
ROUTES = """
import ctypes, json, js, pyodide_js
from pyodide.code import run_js

def by_ctypes(code):
    ctypes.CDLL(None).emscripten_run_script(b'globalThis.outcome = ' + code.encode())
    return js.outcome

routes = {
    'js.eval': js.eval,
    'constructor.constructor': lambda code:
        js.Array.of().constructor.constructor('return ' + code)(),
    'pyodide_js': lambda code: pyodide_js._module.constructor.constructor('return ' + code)(),
    'pyodide.code.run_js': run_js,
    'ctypes': by_ctypes,
    'a data module': (await js.eval(
        "import('data:text/javascript,export const run = (code) => (0, eval)(code)')")).run,
    'a blob module': (await js.eval(
        "import(URL.createObjectURL(new Blob(['export const run = (code) => (0, eval)(code)'],"
        " { type: 'text/javascript' })))")).run,
}

async def attack(code):
    print(json.dumps({route: json.loads(await run(code)) for route, run in routes.items()}))
"""

# Workers within the worker: each takes the text of an expression and answers by message
SERVE = "onmessage = async ({ data }) => postMessage(await (0, eval)(data));"
NODE_SERVE = (
    "const { parentPort } = require('node:worker_threads');"
    "parentPort.on('message', async (code) => parentPort.postMessage(await (0, eval)(code)));"
)
WORKERS: dict[str, str] = {
    "data": f"new Worker('data:text/javascript,{quote(SERVE)}', {{ type: 'module' }})",
    "blob": f"new Worker(URL.createObjectURL(new Blob([{json.dumps(SERVE)}],"
    " { type: 'text/javascript' })), { type: 'module' })",
    "node": f"new (await import('node:worker_threads')).Worker({json.dumps(NODE_SERVE)},"
    " { eval: true })",
}
RUN_IN_WORKER = """(async () => {
  const worker = WORKER;
  let settle;
  const take = (event) => settle(event.data ?? event);
  if (worker.on) worker.on("message", take); else worker.onmessage = take;
  globalThis.runInWorker = (code) =>
    new Promise((resolve) => { settle = resolve; worker.postMessage(code); });
})()"""


@pytest.fixture(scope="module")
def canaries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canaries]:
    folder = tmp_path_factory.mktemp("canaries")
    with open_canaries(folder) as canaries, pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, canaries.secret)
        yield canaries


@pytest.fixture(scope="module")
async def shared(assets: Assets, canaries: Canaries) -> AsyncIterator[DenoSandbox]:
    """Serve the attacks that cost nothing; the canary variable is set before it starts."""
    async with open_deno_sandbox(assets, FakeCalls(), memory_mb=512) as sandbox:
        await run(sandbox, ROUTES)
        yield sandbox


@pytest.mark.parametrize("attack", JAVASCRIPT, ids=lambda attack: attack[0])
async def test_javascript_is_stopped_however_python_reaches_it(
    shared: DenoSandbox, canaries: Canaries, assets: Assets, attack: Attack
) -> None:
    code, error, message = (canaries.aim(text, assets=assets.folder) for text in attack)
    printed = await run(shared, f"await attack({OUTCOME % code!r})")
    outcomes = json.loads(printed)
    assert len(outcomes) == 7
    for route, (met, said) in outcomes.items():
        assert met == error and message in said, f"from {route}: {met}: {said}"
    canaries.assert_untouched(printed)


@pytest.mark.parametrize("attack", PYTHON, ids=lambda attack: attack[0])
async def test_python_is_stopped(shared: DenoSandbox, canaries: Canaries, attack: Attack) -> None:
    code, error, message = (canaries.aim(text) for text in attack)
    with anyio.fail_after(50):
        result = await shared.execute(code)
    assert result.error is not None, "nothing stopped it"
    assert f"{error}: " in result.error and message in result.error
    canaries.assert_untouched(result.stdout, result.stderr, result.error)


# Deno opens a source map without a look at its permissions, and the rest tells of no error
MAPPED = """await js.eval('''
  import("data:text/javascript,export const f = () => { throw new Error(1); }%0A" +
    "//%23 sourceMappingURL={url}").then((module) => module.f()).catch((error) => error.stack)
''')"""
SILENT: dict[str, str] = {
    "a source map of the host": MAPPED.replace("{url}", "file://$folder/secret.json"),
    "a source map of the network": MAPPED.replace("{url}", "http://127.0.0.1:$tcp/x.map"),
    "a wheel of the network": "await pyodide_js.loadPackage("
    "'http://127.0.0.1:$tcp/a-1-py3-none-any.whl')",
    "a wheel of the host": "await pyodide_js.loadPackage('file://$folder/a-1-py3-none-any.whl')",
    "emscripten_async_wget": "ctypes.CDLL(None).emscripten_async_wget("
    "b'http://127.0.0.1:$tcp/x', b'/tmp/x', None, None)",
    "a watcher": "await js.eval(\"import('node:fs').then((fs) => new Promise((resolve) => {"
    " fs.watchFile('$folder/secret.txt', { interval: 20 }, resolve); }))\")",
    "a log of V8": "await js.eval(\"import('node:v8').then((v8) => {"
    " v8.setFlagsFromString('--logfile=$folder/new --log'); })\")",
}


@pytest.mark.parametrize("code", SILENT.values(), ids=SILENT.keys())
async def test_what_fails_in_silence_touches_nothing(
    shared: DenoSandbox, canaries: Canaries, code: str
) -> None:
    printed = await run(shared, f"import asyncio\n{canaries.aim(code)}\nawait asyncio.sleep(0.05)")
    assert await run(shared, "print(dict(pyodide_js.loadedPackages.to_py()))") == "{}\n"
    canaries.assert_untouched(printed)


NO_FILES = "Too many open files"


@asynccontextmanager
async def open_unbounded(assets: Assets) -> AsyncIterator[DenoSandbox]:
    """Open a sandbox behind Deno's walls alone; a nested worker needs to open files."""
    sandbox = DenoSandbox(FakeCalls(), memory_mb=512)
    async with (
        open_process(command(assets, 512), env=ENVIRONMENT) as process,
        open_peer(
            process.stdout,
            process.stdin,
            on_request=sandbox.on_request,
            on_notification=sandbox.on_notification,
        ) as peer,
    ):
        await sandbox.start(process, peer)
        yield sandbox


@pytest.mark.parametrize("worker", WORKERS.values(), ids=WORKERS.keys())
async def test_nested_workers_can_do_no_more(
    canaries: Canaries, assets: Assets, worker: str
) -> None:
    attacks = [
        tuple(canaries.aim(text, assets=assets.folder) for text in attack)
        for attack in JAVASCRIPT
        if attack[2] != NO_FILES
    ]
    codes = [OUTCOME % code for code, _, _ in attacks]
    async with open_unbounded(assets) as sandbox:
        await run(sandbox, f"import js\nawait js.eval({RUN_IN_WORKER.replace('WORKER', worker)!r})")
        printed = await run(sandbox, f"for c in {codes!r}: print(await js.runInWorker(c))")
    for (code, error, message), line in zip(attacks, printed.splitlines(), strict=True):
        met, said = json.loads(line)
        assert met == error and message in said, f"{code}: {met}: {said}"
    canaries.assert_untouched(printed)


# What an attack costs that ends its own sandbox
FATAL: dict[str, tuple[str, str]] = {
    "node:dgram": (
        "import('node:dgram').then((dgram) =>"
        " dgram.createSocket('udp4').send('x', $udp, '127.0.0.1'))",
        'Requires net access to "0.0.0.0:0"',
    ),
    "node:repl": ("import('node:repl').then((repl) => repl.start())", "bad header b'> '"),
    "a worker with rights of its own": (
        "new Worker('data:text/javascript,1',"
        " { type: 'module', deno: { permissions: 'inherit' } })",
        "`--unstable-worker-options` flag must be provided",
    ),
    "an address family of virtual machines": (
        "Deno.connect({ transport: 'vsock', cid: 2, port: $tcp })",
        "`--unstable-vsock` flag must be provided",
    ),
    "a lazy file": (
        "pyodide.FS.createPreloadedFile('/', 'new', 'http://127.0.0.1:$tcp/x', true, true)",
        'Requires read access to "http://127.0.0.1:$tcp/x"',
    ),
    **{
        f"a nested worker, {kind}": (f"(async () => {worker})()", NO_FILES)
        for kind, worker in WORKERS.items()
    },
    "process.abort": (
        "import('node:process').then((process) => process.abort())",
        "ended with status -6",
    ),
    "a memory of Python without sense": (
        "pyodide._module.HEAPU32.fill(0xffffffff)",
        "memory access out of bounds",
    ),
}


@pytest.mark.parametrize(("code", "message"), FATAL.values(), ids=FATAL.keys())
async def test_an_attack_that_ends_its_sandbox_says_why(
    opened: OpenFake, canaries: Canaries, code: str, message: str
) -> None:
    code, message = canaries.aim(code), canaries.aim(message)
    begin = "import asyncio, js, pyodide_js\njs.pyodide = pyodide_js\n"
    async with opened(FakeCalls()) as sandbox:
        with pytest.raises(SandboxError, match=f"(?s)The sandbox is lost: .*{message}") as caught:
            await sandbox.execute(f"{begin}js.eval({code!r})\nawait asyncio.sleep(5)")
    assert not psutil.pid_exists(sandbox.pid)
    canaries.assert_untouched(str(caught.value))


async def test_an_inspector_that_a_signal_calls_for_cannot_listen(shared: DenoSandbox) -> None:
    # Deno lets a process send signals to itself, and this one makes it listen for a debugger
    await run(
        shared, "import asyncio\njs.Deno.kill(js.Deno.pid, 'SIGUSR1')\nawait asyncio.sleep(0.2)"
    )
    assert psutil.Process(shared.pid).net_connections() == []
    assert await run(shared, "6 * 7") == "42\n"


async def test_a_stopped_sandbox_ends_with_its_block(opened: OpenFake) -> None:
    async with opened(FakeCalls()) as sandbox, anyio.create_task_group() as tasks:
        code = "import js\njs.Deno.kill(js.Deno.pid, 'SIGSTOP')"
        tasks.start_soon(sandbox.execute, code)
        while psutil.Process(sandbox.pid).status() != psutil.STATUS_STOPPED:  # noqa: ASYNC110
            await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()
    assert not psutil.pid_exists(sandbox.pid)


LEAVE = """
import js, os, builtins, random
open('/tmp/left', 'w').write('left')
os.environ['LEFT'] = builtins.left = js.globalThis.left = 'left'
js.process.title = 'left'
random.seed(1)
await js.eval("caches.open('left').then((cache) => cache.put('http://x/', new Response('left')))"
    ".catch(() => 0)")
js.eval("globalThis.channel = new BroadcastChannel('left');"
    "navigator.locks.request('left', () => new Promise(() => 0)); channel.postMessage('left')")
"""
FIND = """
import js, os, builtins
print(os.path.exists('/tmp/left'), 'LEFT' in os.environ, hasattr(builtins, 'left'),
    hasattr(js, 'left'), js.process.title, 'left' in globals())
print(await js.eval("caches.keys().then((keys) => keys.length).catch((error) => error.message)"))
print(await js.eval('''new Promise((resolve) => {
    const channel = new BroadcastChannel('left');
    channel.onmessage = ({ data }) => resolve(data);
    channel.postMessage('ask');
    setTimeout(() => resolve('silence'), 200);
})'''))
print(await js.eval("navigator.locks.request('left', { ifAvailable: true }, (lock) => lock?.name)"))
"""


async def test_nothing_of_one_sandbox_is_seen_by_another(opened: OpenFake, assets: Assets) -> None:
    before = {path: path.stat().st_mtime_ns for path in assets.folder.rglob("*")}
    async with opened(FakeCalls()) as first:
        await run(first, f"left = 'left'\n{LEAVE}")
        async with opened(FakeCalls()) as beside:
            found = [await run(beside, FIND)]
    async with opened(FakeCalls()) as after:
        found.append(await run(after, FIND))
    for state, cached, heard, lock in (printed.splitlines() for printed in found):
        assert state.startswith("False False False False ") and state.endswith(" False")
        assert "left" not in state
        assert cached.startswith("Failed to create cache storage directory /dev/null/")
        assert (heard, lock) == ("silence", "left")
    assert before == {path: path.stat().st_mtime_ns for path in assets.folder.rglob("*")}


async def test_a_sandbox_has_nothing_of_the_host_and_can_open_nothing(
    shared: DenoSandbox, canaries: Canaries
) -> None:
    process = psutil.Process(shared.pid)
    for limit in (psutil.RLIMIT_NOFILE, psutil.RLIMIT_FSIZE, psutil.RLIMIT_CORE):
        assert process.rlimit(limit) == (0, 0)
    expected = {"DENO_DIR", "DENO_NO_UPDATE_CHECK", "DENO_WEBGPU_BACKEND", "NO_COLOR", "TZ"}
    malloc = {"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"}
    assert set(process.environ()) == expected | malloc
    assert process.cwd() == "/"
    assert canaries.secret not in str(process.cmdline())
    assert not process.net_connections()


@pytest.mark.parametrize(
    "touch", ["read", "write", "append", "make", "remove", "tcp", "udp", "unix"]
)
def test_the_canaries_tell_of_each_touch(tmp_path: Path, touch: str) -> None:
    with open_canaries(tmp_path) as canaries, socket.socket(socket.AF_UNIX) as unix:
        canaries.assert_untouched("harmless", None)
        secret = tmp_path / "secret.txt"
        match touch:
            case "read":
                secret.read_bytes()
            case "write":
                secret.write_text("x")
            case "append":
                with secret.open("a") as file:
                    file.write("x")
            case "make":
                (tmp_path / "new").touch()
            case "remove":
                secret.unlink()
            case "tcp":
                socket.create_connection(canaries.tcp.getsockname()).close()
            case "udp":
                canaries.udp.sendto(b"x", canaries.udp.getsockname())
            case "unix":
                unix.connect(canaries.unix.getsockname())
        with pytest.raises(AssertionError):
            canaries.assert_untouched()
    with pytest.raises(AssertionError, match="it knows the secret"):
        canaries.assert_untouched(f"({canaries.secret})")
