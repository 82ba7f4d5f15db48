"""Large payloads into a real sandbox, piece by piece, whatever its code does meanwhile."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Sized
from pathlib import Path

import anyio
import pytest

from rlm_runtime._engine.contexts import memory_for
from rlm_runtime._errors import InputError
from rlm_runtime._frames import FrameLimits, FrameReader
from rlm_runtime._limits import Limits
from rlm_runtime._process import open_process
from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._sandbox.base import SubCall, SubCallError
from rlm_runtime._sandbox.command import command
from rlm_runtime._sandbox.deno import DenoSandbox, open_deno_sandbox
from tests.calls import FakeCalls, run

pytestmark = [pytest.mark.anyio, pytest.mark.deno]

PIECE = 1 << 20
LARGE = "a line of the answer\n" * 1_000_000
DIGEST = """
import hashlib, sys
def digest(value):
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else bytes(value)
    return type(value).__name__, len(value), hashlib.sha256(data).hexdigest()
"""


def digest(value: str | bytes) -> str:
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return str((type(value).__name__, len(value), hashlib.sha256(data).hexdigest())) + "\n"


async def answer(call: SubCall) -> object:
    if call.prompt == "fail":
        raise SubCallError("it failed", stop_reason="max_calls", partial=LARGE)
    return LARGE if call.prompt == "text" else [LARGE, "ü"]


@pytest.fixture(scope="module")
async def shared(assets: Assets) -> AsyncIterator[DenoSandbox]:
    async with open_deno_sandbox(assets, FakeCalls(answer), memory_mb=512) as sandbox:
        await sandbox.assign("query", LARGE)
        assert (await sandbox.execute(DIGEST)).error is None
        yield sandbox


def shifted(unit: str, size: int, shift: int) -> str:
    """Repeat a text, so that the ends of the pieces fall at different bytes of it."""
    return "x" * shift + unit * (size // len(unit.encode("utf-8", "surrogatepass")))


TEXTS: dict[str, Callable[[], str]] = {
    "nothing": lambda: "",
    "one byte less than a piece": lambda: "x" * (PIECE - 1),
    "exactly a piece": lambda: "x" * PIECE,
    "one byte more than a piece": lambda: "x" * (PIECE + 1),
    "exactly four pieces": lambda: "ü" * (2 * PIECE),
    "two bytes over every end": lambda: shifted("ü", 20_000_000, 1),
    "three bytes over every end, one ahead": lambda: shifted("漢", 20_000_000, 0),
    "four bytes over every end, one ahead": lambda: shifted("😀", 5_000_000, 1),
    "four bytes over every end, two ahead": lambda: shifted("😀", 5_000_000, 2),
    "four bytes over every end, three ahead": lambda: shifted("😀", 5_000_000, 3),
    "lone surrogates over every end": lambda: shifted("\ud83d", 5_000_000, 1),
    "halves of pairs over every end": lambda: shifted("\ud83d\ude00", 5_000_000, 2),
    "each width in its turn": lambda: "x" * 2_000_000 + "ü" * 900_000 + "漢" * 900_000 + "😀x",
}


@pytest.mark.parametrize("make", TEXTS.values(), ids=TEXTS.keys())
async def test_a_large_text_arrives_as_it_is(shared: DenoSandbox, make: Callable[[], str]) -> None:
    text = make()
    await shared.assign("context", text)
    assert await run(shared, "print(digest(context))") == digest(text)
    # It is as narrow as Python would have made it
    await run(shared, "assert sys.getsizeof(context) <= sys.getsizeof(context[:-1] + 'xx')")


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 20_000_003])
async def test_large_bytes_arrive_as_they_are(shared: DenoSandbox, size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    await shared.assign("context", data[:size])
    assert await run(shared, "print(digest(context))") == digest(data[:size])


async def test_a_large_value_arrives_as_it_is(shared: DenoSandbox) -> None:
    value: dict[str, object] = {f"{n}.txt": chr(97 + n) * 1_500_000 for n in range(8)}
    value["rest"] = [{"n": n, "t": (n, "ü\ud800")} for n in range(20_000)]
    await shared.assign("context", value)
    code = """
assert [*context] == [*(f"{n}.txt" for n in range(8)), "rest"]
assert all(context[f"{n}.txt"] == chr(97 + n) * 1_500_000 for n in range(8))
print(context["rest"] == [{"n": n, "t": (n, "ü\\ud800")} for n in range(20_000)])
"""
    assert await run(shared, code) == "True\n"


async def test_large_answers_and_partials_arrive_as_they_are(shared: DenoSandbox) -> None:
    assert await run(shared, "print(digest(await llm_query('text')))") == digest(LARGE)
    assert await run(shared, "print(await llm_query('value') == [query, 'ü'])") == "True\n"
    code = "try: await llm_query('fail')\nexcept LLMQueryError as exc: print(digest(exc.partial))"
    assert await run(shared, code) == digest(LARGE)


async def test_large_answers_come_in_order_beside_small_ones(shared: DenoSandbox) -> None:
    code = """
import asyncio
answers = await llm_query_batched(["text", "value"] * 4)
print(all(one == (query if n % 2 == 0 else [query, "ü"]) for n, one in enumerate(answers)))
del answers
"""
    assert await run(shared, code) == "True\n"


async def test_an_answer_waits_for_code_that_spins(shared: DenoSandbox) -> None:
    code = """
import time
call = llm_query("text")
end = time.monotonic() + 1.5
while time.monotonic() < end: pass
print(call.done(), digest(await call))
"""
    assert await run(shared, code) == "False " + digest(LARGE)


async def test_a_reply_behind_a_large_payload_reaches_code_that_stands_still(
    shared: DenoSandbox,
) -> None:
    # Asks until the answer must be on its way, and takes no piece of it meanwhile
    code = """
call = llm_query("text")
end = time.monotonic() + 1
while time.monotonic() < end: assert limits()["calls"] == 7
print(call.done(), digest(await call))
"""
    assert await run(shared, f"import time\n{code}") == "False " + digest(LARGE)


async def test_an_interrupt_behind_a_large_payload_strikes(shared: DenoSandbox) -> None:
    await run(shared, "kept = 5")
    with anyio.fail_after(50):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(interrupt_once_it_spins, shared)
            code = "call = llm_query('text')\nprint('spins')\nwhile True: pass"
            result = await shared.execute(code)
    assert result.interrupted and result.stdout == "spins\n"
    assert await run(shared, "print(kept, digest(await llm_query('text')))") == "5 " + digest(LARGE)


async def interrupt_once_it_spins(sandbox: DenoSandbox) -> None:
    while not sandbox.output_so_far().stdout:  # noqa: ASYNC110 - nothing tells of output
        await anyio.sleep(0.01)
    # The answer fills the pipe, and nobody takes it
    await anyio.wait_all_tasks_blocked()
    await sandbox.interrupt()


FULL: dict[str, Callable[[], object]] = {
    "text": lambda: "x" * 120_000_000,
    "text that grows wider than there is room": lambda: "x" * 30_000_000 + "😀",
    "bytes": lambda: bytes(120_000_000),
    "a value": lambda: ["x" * 120_000_000],
    "a value whose parts do not fit beside it": lambda: ["x" * 60_000_000],
}


async def test_what_has_no_room_is_an_error_and_the_sandbox_lives_on(assets: Assets) -> None:
    async with open_deno_sandbox(assets, FakeCalls(answer), memory_mb=128) as sandbox:
        await run(sandbox, DIGEST)
        for make in FULL.values():
            with anyio.fail_after(50):
                with pytest.raises(InputError, match="does not fit into the memory of this"):
                    await sandbox.assign("context", make())
            await sandbox.assign("context", "y" * 2_000_000)
            assert await run(sandbox, "print(digest(context))") == digest("y" * 2_000_000)


def peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


@pytest.mark.parametrize(
    ("make", "most"),
    [
        (lambda: "x" * (100 * PIECE), 1.6),
        (lambda: bytes(100 * PIECE), 1.6),
        (lambda: ["x" * PIECE] * 100, 2.6),
    ],
    ids=["text", "bytes", "value"],
)
async def test_a_sandbox_holds_a_large_payload_once(
    assets: Assets, make: Callable[[], object], most: float
) -> None:
    async with open_deno_sandbox(assets, FakeCalls(), memory_mb=1024) as sandbox:
        await sandbox.execute("1")
        before = peak_mb(sandbox.pid)
        await sandbox.assign("context", make())
        assert peak_mb(sandbox.pid) - before < most * 100


NARROW: dict[str, Callable[[], Sized]] = {
    "text": lambda: "x" * 500_000_000,
    "text with one wide character": lambda: "x" * 199_999_999 + "😀",
    "bytes": lambda: bytes(500_000_000),
    "files": lambda: {f"{n}.txt": "x" * 10_000 for n in range(30_000)},
    "lines": lambda: ["x" * 100] * 1_000_000,
    # One wide character makes all of the JSON wide
    "lines with one wide character": lambda: [*("x" * 30 + str(n) for n in range(10**6)), "😀"],
    "records": lambda: [{"n": n, "text": f"text {n}", "share": n / 7} for n in range(300_000)],
    "numbers": lambda: [n / 7 for n in range(3_000_000)],
    "exact values": lambda: [(n, {n}, b"x") for n in range(100_000)],
}


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("make", NARROW.values(), ids=NARROW.keys())
async def test_a_node_s_memory_has_room_for_its_context_and_a_copy(
    assets: Assets, make: Callable[[], Sized]
) -> None:
    context = make()
    most = memory_for(context, Limits(max_memory_mb=64))
    async with open_deno_sandbox(assets, FakeCalls(), memory_mb=most) as sandbox:
        await sandbox.assign("context", context)
        code = "import copy\nother = context[1:] if len(context) > 10**8 else copy.copy(context)"
        result = await sandbox.execute(f"{code}\nprint(len(context))")
        assert (result.stdout, result.error) == (f"{len(context)}\n", None)


@pytest.mark.parametrize("code", ["1", "while True: pass", "FINAL(1)"])
async def test_the_end_of_stdin_inside_of_a_payload_ends_the_process(
    assets: Assets, code: str
) -> None:
    def frame(message: dict[str, object], kind: str, size: int) -> bytes:
        about = {"at": "params.value", "kind": kind, "characters": size}
        text = json.dumps({"jsonrpc": "2.0", **message, "payload": about}).encode()
        return b"Content-Length: %d\r\nPayload-Length: %d\r\n\r\n%b" % (len(text), size, text)

    run = {"id": 0, "method": "execute", "params": {"cell": 1}}
    give = {"id": 1, "method": "assign", "params": {"name": "context"}}
    environment = {"DENO_DIR": "/dev/null", "NO_COLOR": "1"}
    with anyio.fail_after(50):
        async with open_process(command(assets, 512), env=environment, grace=15) as process:
            ready = await FrameReader(process.stdout, FrameLimits()).read()
            assert ready is not None and b'"ready"' in ready[0]
            await process.stdin.send(frame(run, "utf8", len(code)) + code.encode())
            await process.stdin.send(frame(give, "utf8", 100_000_000) + b"x" * 20_000_000)
            await process.stdin.aclose()
            # By itself: it is not killed before the grace is over
            assert await process.wait() == 1
