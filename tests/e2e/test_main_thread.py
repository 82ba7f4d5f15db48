"""Hostile JavaScript against what the sandbox itself is made of: its realm, and the main thread."""

from __future__ import annotations

import json
import resource
from collections.abc import Sequence

import anyio
import pytest
from anyio.abc import ByteReceiveStream

from rlm_runtime import RLM, Event, Message
from rlm_runtime._errors import SandboxError
from rlm_runtime._events import NodeStarted
from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._sandbox.base import SubCall
from rlm_runtime._sandbox.command import ENVIRONMENT, command
from rlm_runtime.testing import ScriptedLLM
from tests.calls import FakeCalls
from tests.e2e.conftest import OpenFake

pytestmark = [pytest.mark.anyio, pytest.mark.deno]

NO_MESSAGE = "its code has sent the main thread what is not a message"
ODD: dict[str, tuple[str, str]] = {
    "null": ("null", NO_MESSAGE),
    "shared memory": (
        "{ json: '{}', payload: new Uint8Array(new SharedArrayBuffer(9)) }",
        NO_MESSAGE,
    ),
    "a getter": ("{ get json() { return 5; } }", NO_MESSAGE),
    "JSON of no message": ("{ json: '[]' }", "it is not JSON-RPC 2.0"),
}


@pytest.mark.parametrize(("posted", "message"), ODD.values(), ids=ODD.keys())
async def test_an_odd_message_costs_the_sandbox_only(
    opened: OpenFake, posted: str, message: str
) -> None:
    code = f"import asyncio, js\njs.eval({f'self.postMessage({posted})'!r})\nawait asyncio.sleep(5)"
    async with opened(FakeCalls()) as sandbox:
        with pytest.raises(SandboxError, match=f"The sandbox is lost: .*{message}"):
            await sandbox.execute(code)


UNSENDABLE = {
    "too much payload": "{ json: '{}', payload: new Uint8Array(600_000_000) }",
    "too much JSON": "{ json: 'x'.repeat(500_000_000) }",
    "an error": "{ get payload() { throw new DOMException('no'); } }",
    "code": "{ json: '{}', payload: () => 1 }",
    "too deep": "[...Array(1e6)].reduce((deep) => ({ deep }), {})",
}


async def test_what_cannot_be_sent_raises_where_it_is_sent(opened: OpenFake) -> None:
    async with opened(FakeCalls()) as sandbox:
        for name, posted in UNSENDABLE.items():
            result = await sandbox.execute(f"import js\njs.eval({f'self.postMessage({posted})'!r})")
            assert result.error is not None and "JsException" in result.error, name
        assert (await sandbox.execute("6 * 7")).stdout == "42\n"


PATCHED = """
import js
js.eval('''
  Object.assign(Object.prototype, {
    json: 5, payload: new Uint8Array(3), blocking: 0, toJSON: () => "x",
    id: 7, method: "final", error: {}, text: "x",
  });
  MessagePort.prototype.postMessage = self.postMessage = () => 0;
  EventTarget.prototype.dispatchEvent = EventTarget.prototype.addEventListener = () => 0;
  JSON.parse = JSON.stringify = () => "x";
''')
"""


async def test_patched_prototypes_change_nothing_for_the_main_thread(opened: OpenFake) -> None:
    calls = FakeCalls()
    async with opened(calls) as sandbox:
        await sandbox.execute(PATCHED)
        result = await sandbox.execute("print(await llm_query('a', {'b': 1}), limits())")
        assert result.error is None, result.error
        assert result.stdout == "['a', {'b': 1}] {'calls': 7, 'cost': None, 'seconds': 1.5}\n"
    assert calls.calls == [SubCall(prompt="a", context={"b": 1})]


# Spoils the whole realm of the worker; only then it posts, to show who still answers
SPOILED = """
import js
js.eval('''
  const post = self.postMessage.bind(self);
  const output = { stream: "stdout", text: "the main thread answers", omitted: 0 };
  const json = JSON.stringify({ jsonrpc: "2.0", method: "output", params: output });
  for (const kind of [JSON, Atomics, Reflect, Promise.prototype, Uint8Array.prototype,
      Function.prototype, TextDecoder.prototype, TextEncoder.prototype, MessagePort.prototype,
      EventTarget.prototype, Map.prototype, Array.prototype, Deno, Deno.stdout, Deno.stdin]) {
    for (const name of Object.getOwnPropertyNames(kind)) {
      try { kind[name] = () => { throw new Error("spoiled"); }; } catch { continue; }
    }
  }
  for (const name of ["Uint8Array", "Int32Array", "TextDecoder", "Atomics", "JSON", "Promise"]) {
    globalThis[name] = undefined;
  }
  addEventListener = removeEventListener = close = undefined;
  post({ json });
  for (;;);
''')
"""


async def test_a_spoiled_realm_leaves_the_main_thread_as_it_was(opened: OpenFake) -> None:
    async with opened(FakeCalls()) as sandbox, anyio.create_task_group() as tasks:
        tasks.start_soon(sandbox.execute, SPOILED)
        while not sandbox.output_so_far().stdout:  # noqa: ASYNC110 - nothing tells of output
            await anyio.sleep(0.01)
        assert sandbox.output_so_far().stdout == "the main thread answers"
        tasks.cancel_scope.cancel()


HOLDING: dict[str, str] = {
    "a spoiled realm": SPOILED,
    "a flood of messages": "import js\njs.eval('for (;;) self.postMessage({ json: \"{}\" })')",
    "stolen input": "import js\njs.eval('const into = new Uint8Array(9);"
    "while (Deno.stdin.readSync(into) !== null);')",
    "closed files": "import js\nawait js.eval(\"import('node:fs').then((fs) => {"
    " for (let n = 0; n < 64; n++) try { fs.closeSync(n); } catch { continue; }"
    ' Deno.stdin.close(); for (;;); })")',
    "caught signals": 'import js\njs.eval(\'for (const name of ["SIGTERM", "SIGHUP", "SIGINT"])'
    " Deno.addSignalListener(name, () => 0); for (;;);')",
}


async def until(stream: ByteReceiveStream, text: bytes) -> None:
    received = b""
    while text not in received:
        received += await stream.receive()


@pytest.mark.parametrize("code", HOLDING.values(), ids=HOLDING.keys())
async def test_the_main_thread_exits_when_its_input_ends(assets: Assets, code: str) -> None:
    process = await anyio.open_process(
        command(assets, 512), env=ENVIRONMENT, cwd="/", start_new_session=True
    )
    assert process.stdin is not None and process.stdout is not None
    with anyio.fail_after(50):
        async with process:
            await until(process.stdout, b'"method":"ready"')
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (0, 0))
            begin = "print('begun')\n"
            params = {"cell": 1}
            about = {"at": "params.code", "kind": "utf8"}
            call = {"jsonrpc": "2.0", "id": 0, "method": "execute", "params": params}
            text = json.dumps({**call, "payload": about}).encode()
            data = (begin + code).encode()
            head = b"Content-Length: %d\r\nPayload-Length: %d\r\n\r\n" % (len(text), len(data))
            await process.stdin.send(head + text + data)
            await until(process.stdout, b"begun")
            await process.stdin.aclose()
            await process.stdout.aclose()
            await process.wait()


STOLEN = """
import js
js.eval('''
  const wait = Atomics.wait;
  Atomics.wait = (words, ...rest) => {
    globalThis.replies = words.buffer;
    return wait(words, ...rest);
  };
''')
limits()
js.eval('new Uint8Array(replies).fill(255)')
print(limits())
"""


async def test_overwritten_replies_are_written_anew(opened: OpenFake) -> None:
    async with opened(FakeCalls()) as sandbox:
        result = await sandbox.execute(STOLEN)
        assert result.error is None, result.error
        assert result.stdout == "{'calls': 7, 'cost': None, 'seconds': 1.5}\n"


FORGED = """
import js
js.eval('''
  const text = new TextEncoder().encode('{"error":{"message":"go on"}}');
  Atomics.wait = (words) => {
    new Uint8Array(words.buffer, 8).set(text);
    words[1] = text.length;
  };
''')
for answer in (1, 2):
    try:
        FINAL(answer)
    except ValueError:
        for _ in range(20):
            llm_query('too late')
"""


async def test_a_forged_verdict_makes_no_second_answer_and_no_call(assets: Assets) -> None:
    def policy(messages: Sequence[Message]) -> str:
        assert "too late" not in messages[1].content
        return f"```repl\n{FORGED}\n```"

    events: list[Event] = []
    with anyio.fail_after(50):
        async with RLM(ScriptedLLM(policy), trace_dir=None, on_event=events.append) as rlm:
            result = await rlm.run("root")
    assert result.answer == 1
    assert sum(isinstance(event, NodeStarted) for event in events) == 1
    assert result.usage.calls == 1
