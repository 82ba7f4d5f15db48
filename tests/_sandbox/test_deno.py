"""The host's end against programs that pretend to be a sandbox."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from rlm_runtime._errors import InputError, SandboxError, SandboxStartError
from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._sandbox.base import ExecutionResult
from rlm_runtime._sandbox.deno import DenoSandbox, open_deno_sandbox
from rlm_runtime._tools.function import Tool
from rlm_runtime._values import encode
from tests.calls import FakeCalls
from tests.pipes import frame

pytestmark = pytest.mark.anyio

CHILDREN = Path(__file__).parent.parent / "children"


def note(method: str, **params: object) -> bytes:
    return frame({"jsonrpc": "2.0", "method": method, "params": params})


def ask(method: str, data: bytes | None = None, *, kind: str = "value", **params: object) -> bytes:
    about = {} if data is None else {"payload": {"at": "params.value", "kind": kind}}
    return frame({"jsonrpc": "2.0", "id": 0, "method": method, "params": params, **about}, data)


def result(number: int, members: object) -> bytes:
    return frame({"jsonrpc": "2.0", "id": number, "result": members})


READY = note("ready", protocol=4, python="3.14")
DONE: dict[str, object] = {
    "error": None,
    "interrupted": False,
    "pending": [],
    "variables": [],
    "values": [],
}
PLAIN: dict[str, Any] = {"model": None, "recursive": None, "answer_schema": None}


@asynccontextmanager
async def pretending(
    folder: Path, name: str, *said: bytes, calls: FakeCalls | None = None
) -> AsyncIterator[DenoSandbox]:
    """Open a sandbox that is one of the children; `said` is for plays_sandbox."""
    program = folder / "deno"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -I {CHILDREN / name}.py "$@"\n')
    program.chmod(0o755)
    (folder / "lines").write_text("\n".join(one.hex() for one in said))
    assets = Assets(deno=program, folder=folder, snapshot=None)
    with anyio.fail_after(20):
        async with open_deno_sandbox(assets, calls or FakeCalls(), memory_mb=64) as sandbox:
            yield sandbox


def assert_none_left(folder: Path) -> None:
    for process in psutil.process_iter(["cmdline"]):
        assert str(folder) not in (process.info["cmdline"] or []), "a child has outlived its block"


@pytest.mark.parametrize(
    ("name", "said", "message"),
    [
        ("exits_at_once", b"", "closed the connection; its process ended with status 3 .*licence"),
        ("prints_garbage", b"", "bad header b'Loading.* \\(warming up\\)"),
        ("plays_sandbox", note("ready", protocol=1, python="3"), "it speaks protocol 1, not 4"),
        ("plays_sandbox", note("ready", protocol="1"), "it sent a malformed Ready"),
        ("plays_sandbox", note("fatal", message="no room"), "no room"),
        ("plays_sandbox", note("hello"), "unknown notification 'hello'"),
        ("plays_sandbox", ask("steal"), "unknown request 'steal'"),
        ("plays_sandbox", b"Content-Length: 99999999999\r\n\r\n", "the limit is 2097152"),
    ],
)
async def test_a_sandbox_that_does_not_start_is_an_error(
    tmp_path: Path, name: str, said: bytes, message: str
) -> None:
    with pytest.raises(SandboxStartError, match=f"(?s)Cannot start a sandbox: .*{message}"):
        async with pretending(tmp_path, name, said):
            pass
    assert_none_left(tmp_path)


async def test_a_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    assets = Assets(deno=tmp_path / "none", folder=tmp_path, snapshot=None)
    with pytest.raises(SandboxStartError, match="Cannot start a sandbox: .*No such file"):
        async with open_deno_sandbox(assets, FakeCalls(), memory_mb=64):
            pass


BAD: dict[str, tuple[bytes, str]] = {
    "garbage": (b"print\n", "bad header b'print"),
    "a giant frame": (b"Content-Length: 2097153\r\n\r\n", "2097153 bytes, the limit is 2097152"),
    "a giant payload": (
        b"Content-Length: 2\r\nPayload-Length: 67108865\r\n\r\n{}",
        "the limit is 67108864",
    ),
    "broken JSON": (frame(b"{"), "it is not JSON"),
    "an unknown request": (ask("spawn", node="root"), "unknown request 'spawn'"),
    "an unknown notification": (note("spawn"), "unknown notification 'spawn'"),
    "malformed output": (note("output", stream="stdout", text=1, omitted=0), "malformed Output"),
    "a malformed cancel": (note("cancel", id="x"), "malformed Cancel"),
    "a fatal error": (note("fatal", message="stack overflow"), "lost: stack overflow"),
    "a sub-call without payload": (ask("llm_query", **PLAIN), "unknown request 'llm_query'"),
    "a sub-call for another node": (
        ask("llm_query", encode(["p"]), node="x", **PLAIN),
        "malformed LLMQuery",
    ),
    "a sub-call of a number": (ask("llm_query", encode([5]), **PLAIN), "a sub-call that is not"),
    "a sub-call of nothing": (ask("llm_query", encode([]), **PLAIN), "a sub-call that is not"),
    "a sub-call of too much": (ask("llm_query", encode(["p"] * 3), **PLAIN), "that is not one"),
    "a sub-call of text": (ask("llm_query", b"[]", kind="utf8", **PLAIN), "that is not one"),
    "a sub-call of no value": (ask("llm_query", b"\xff" * 20, **PLAIN), "Cannot decode a value"),
    "a large sub-call of no value": (ask("llm_query", b"\xff" * 2_000_000, **PLAIN), "decode"),
    "a tool without payload": (ask("tool", name="a"), "unknown request 'tool'"),
    "a tool of another node": (ask("tool", encode([[], {}]), name="a", node=0), "ToolRequest"),
    "a tool without arguments": (ask("tool", encode([]), name="a"), "called a tool in a way"),
    "a tool given text": (ask("tool", encode(["x", {}]), name="a"), "called a tool in a way"),
    "a tool given a list": (ask("tool", encode([[], []]), name="a"), "called a tool in a way"),
    "a tool given a number's": (ask("tool", encode([[], {1: 2}]), name="a"), "called a tool in"),
    "a tool given no value": (ask("tool", b"\xff" * 20, name="a"), "Cannot decode a value"),
    "a tool given too much": (
        ask("tool", encode([[[[]] * 1_000_000], {}]), name="a"),
        "a value that takes more than 128 MiB",
    ),
    "an answer of no value": (ask("final", b"pickle"), "Cannot decode a value"),
    "an answer of no text": (ask("final", b"\xff", kind="utf8"), "its text is not UTF-8"),
    "an answer without payload": (ask("final"), "unknown request 'final'"),
    "limits with a payload": (ask("limits", b""), "unknown request 'limits'"),
    "an answer for another node": (ask("final", encode(1), node=0), "malformed Nothing"),
    "limits of another node": (ask("limits", node=0), "malformed Nothing"),
    "an answer too large to hold": (
        ask("final", encode([[]] * 1_000_000)),
        "a value that takes more than 128 MiB",
    ),
    "a sub-call too large to hold": (
        ask("llm_query", encode(["p", [[]] * 1_000_000]), **PLAIN),
        "a value that takes more than 128 MiB",
    ),
    "a label without end": (result(0, DONE | {"pending": ["x" * 2_000]}), "malformed Execution"),
    "a malformed result": (result(0, {"error": None}), "malformed Execution"),
    "a result of null": (result(0, None), "malformed Execution"),
    "a refusal": (
        frame({"jsonrpc": "2.0", "id": 0, "error": {"message": "no"}}),
        "it refused to run code: no",
    ),
    "a reply to another request": (result(1, DONE), "reply 1: no such request is open"),
}


@pytest.mark.parametrize(("said", "message"), BAD.values(), ids=BAD.keys())
async def test_what_breaks_the_protocol_loses_the_sandbox(
    tmp_path: Path, said: bytes, message: str
) -> None:
    calls = FakeCalls()
    with pytest.raises(SandboxError, match=message) as caught:
        async with pretending(tmp_path, "plays_sandbox", READY, said, calls=calls) as sandbox:
            await sandbox.execute("code")
    assert not isinstance(caught.value, SandboxStartError)
    assert calls.calls == [] and calls.tool_calls == [] and calls.answers == []
    assert_none_left(tmp_path)


async def test_one_that_refuses_its_seed_is_lost(tmp_path: Path) -> None:
    refusal = frame({"jsonrpc": "2.0", "id": 0, "error": {"message": "no"}})
    with pytest.raises(SandboxError, match="lost: it refused its seed: no"):
        async with pretending(tmp_path, "plays_sandbox", READY, refusal) as sandbox:
            await sandbox.seed(7)


@pytest.mark.parametrize("name", ["garbage", "broken JSON", "a reply to another request"])
async def test_one_that_breaks_the_protocol_is_dead_when_it_is_told(
    tmp_path: Path, name: str
) -> None:
    said, message = BAD[name]
    async with pretending(tmp_path, "plays_sandbox", READY, said) as sandbox:
        with pytest.raises(SandboxError, match=message):
            await sandbox.execute("code")
        # Its last words are not waited for while it lives
        assert not psutil.pid_exists(sandbox.pid)


async def test_the_end_of_the_process_is_told_with_its_last_words(tmp_path: Path) -> None:
    async with pretending(tmp_path, "plays_sandbox", READY) as sandbox:
        psutil.Process(sandbox.pid).kill()
        for _ in range(2):
            with pytest.raises(SandboxError, match="its process ended with status -9"):
                await sandbox.execute("code")


async def test_an_error_of_the_block_is_not_taken_for_one_of_the_start(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        async with pretending(tmp_path, "plays_sandbox", READY):
            raise TimeoutError


async def test_output_without_end_is_bounded(tmp_path: Path) -> None:
    piece = note("output", stream="stdout", text="x" * 400_000, omitted=0)
    odd = note("output", stream="stderr", text="", omitted=2**53) * 3
    said = piece * 20 + odd + result(0, DONE)
    async with pretending(tmp_path, "plays_sandbox", READY, said) as sandbox:
        done = await sandbox.execute("code")
    assert 500_000 < len(done.stdout) < 1_000_000
    assert "characters left out" in done.stdout
    assert f"{3 * 2**53} characters left out" in done.stderr


async def test_each_execution_has_its_own_output(tmp_path: Path) -> None:
    first = note("output", stream="stdout", text="one", omitted=0) + result(0, DONE)
    second = result(1, DONE | {"error": "E", "pending": ["p"], "variables": ["v"], "values": ["1"]})
    async with pretending(tmp_path, "plays_sandbox", READY, first, second) as sandbox:
        assert await sandbox.execute("a") == ExecutionResult(stdout="one")
        assert await sandbox.execute("b") == ExecutionResult(
            error="E", pending=("p",), variables=("v",), values=("1",)
        )


async def test_code_that_says_it_was_interrupted_was_not_unless_asked_to(tmp_path: Path) -> None:
    said = result(0, DONE | {"interrupted": True})
    async with pretending(tmp_path, "plays_sandbox", READY, said) as sandbox:
        assert not (await sandbox.execute("code")).interrupted


async def test_output_so_far_is_there_while_the_code_runs(tmp_path: Path) -> None:
    said = note("output", stream="stdout", text="half", omitted=0)
    async with pretending(tmp_path, "plays_sandbox", READY, said) as sandbox:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sandbox.execute, "code")
            while not sandbox.output_so_far().stdout:  # noqa: ASYNC110 - nothing tells of output
                await anyio.sleep(0.01)
            assert sandbox.output_so_far() == ExecutionResult(stdout="half")
            tasks.cancel_scope.cancel()


async def test_a_sandbox_that_refuses_its_tools_is_lost(tmp_path: Path) -> None:
    refused = frame({"jsonrpc": "2.0", "id": 0, "error": {"message": "no"}})
    async with pretending(tmp_path, "plays_sandbox", READY, refused) as sandbox:
        with pytest.raises(SandboxError, match="it refused its tools: no"):
            await sandbox.provide_tools([Tool(len, name="size")])


async def test_a_value_that_cannot_be_sent_is_an_input_error(tmp_path: Path) -> None:
    async with pretending(tmp_path, "plays_sandbox", READY) as sandbox:
        with pytest.raises(InputError, match="Cannot use this context: .*a object cannot be sent"):
            await sandbox.assign("context", [object()])


async def test_a_value_that_the_sandbox_has_no_room_for_is_an_input_error(tmp_path: Path) -> None:
    full = frame({"jsonrpc": "2.0", "id": 0, "error": {"message": "no memory"}})
    async with pretending(tmp_path, "plays_sandbox", READY, full) as sandbox:
        with pytest.raises(InputError, match="Cannot use this context: in the sandbox, no memory"):
            await sandbox.assign("context", "x")
