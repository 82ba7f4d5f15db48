"""Large contexts in, 50 MB of answer out, and no part of either in a request."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import anyio

from benchmarks._harness import NoCalls, Row, report, run_rlm
from rlm_runtime._config import read_environment
from rlm_runtime._engine.contexts import memory_for
from rlm_runtime._limits import Limits
from rlm_runtime._sandbox.assets import Assets, prepare_assets
from rlm_runtime._sandbox.deno import open_deno_sandbox
from rlm_runtime.testing import LoopbackServer, Message, open_loopback_server

_CONTEXT_BYTES = 100_000_000
_STRINGS = 1_000_000
_TIMES = 5
_MARK = "needle-of-the-context"


def _build_answer() -> list[str]:
    return [f"row {i:07d} of the answer, {i * 7919 % 1_000_003:07d}, {'x' * 14}" for i in range(_STRINGS)]  # fmt: skip  # noqa: E501


_INPUT_CODE = "```repl\nFINAL([len(context), context.count('" + "needle' '-of" + "')])\n```"
_OUTPUT_CODE = f"""```repl
rows = [f"row {{i:07d}} of the answer, {{i * 7919 % 1_000_003:07d}}, {{'x' * 14}}" for i in range({_STRINGS})]
print(len(rows))
FINAL(rows)
```"""  # noqa: E501


def _longest_request(server: LoopbackServer, forbidden: str) -> int:
    texts = [message.content for request in server.requests for message in request.messages]
    assert texts and not any(forbidden in text for text in texts)
    return server.stats.longest_body


async def _input(folder: Path) -> Row:
    path = folder / "context.txt"
    line = "The quick brown fox jumps over the lazy dog, again and again. "
    text = (line * (_CONTEXT_BYTES // len(line) + 1))[: _CONTEXT_BYTES - len(_MARK)] + _MARK
    path.write_text(text)
    asked: list[float] = []

    def policy(messages: Sequence[Message]) -> str:
        asked.append(time.monotonic())
        return _INPUT_CODE

    async with open_loopback_server(policy) as server:
        run = await run_rlm(
            "run", "-p", "How many needles?", "-c", str(path), "-m", "any",
            "--base-url", server.base_url, "--trace-dir", str(folder), "-q",
        )  # fmt: skip
        assert json.loads(run.stdout) == [_CONTEXT_BYTES, 1], run.stderr
        longest = max(_longest_request(server, _MARK), _longest_request(server, line))
    return {
        "what": "context of 100 MB",
        "to the first request s": asked[0] - run.started,
        "wall s": run.seconds,
        "peak RSS MB of the tree": run.peak_rss_mb,
        "longest request bytes": longest,
    }


async def _output(folder: Path) -> Row:
    target = folder / "answer.json"
    expected = _build_answer()
    async with open_loopback_server(lambda messages: _OUTPUT_CODE) as server:
        run = await run_rlm(
            "run", "-p", "Build it", "-m", "any", "--base-url", server.base_url,
            "--trace-dir", str(folder), "-q", "-o", str(target),
        )  # fmt: skip
        assert run.status == 0, run.stderr
        assert json.loads(target.read_text()) == expected
        longest = _longest_request(server, expected[_STRINGS // 2])
    return {
        "what": f"answer of {target.stat().st_size / 1e6:.1f} MB, {_STRINGS:,} strings",
        "to the first request s": None,
        "wall s": run.seconds,
        "peak RSS MB of the tree": run.peak_rss_mb,
        "longest request bytes": longest,
    }


def _text(size: int) -> str:
    line = "The quick brown fox jumps over the lazy dog, again and again. "
    return (line * (size // len(line) + 1))[:size]


def _files(size: int) -> dict[str, str]:
    return {f"{n}.txt": _text(10_000) for n in range(size // 10_000)}


_CONTEXTS: dict[str, tuple[int, Callable[[int], object]]] = {
    "1 MB of ASCII": (1_000_000, _text),
    "10 MB of ASCII": (10_000_000, _text),
    "100 MB of ASCII": (100_000_000, _text),
    "500 MB of ASCII": (500_000_000, _text),
    "100 MB of ASCII and an emoji": (100_000_000, lambda size: _text(size - 4) + "\U0001f600"),
    "100 MB in a dict of 10,000 files": (100_000_000, _files),
}


def _memory(process: int, member: str) -> int:
    """Give a figure of Linux about the memory of a process, in bytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(member))


def _begin_peak(process: int) -> int:
    """Let Linux look for the peak anew; return what is in memory now."""
    Path(f"/proc/{process}/clear_refs").write_text("5")
    return _memory(process, "VmRSS")


async def _assign(assets: Assets, context: object) -> tuple[float, float, float, float]:
    """Give seconds, what the host's and the sandbox's peaks were over before, and its pause."""
    pauses = [0.0]

    async def watch() -> None:
        before = time.perf_counter()
        while True:
            await anyio.sleep(0.001)
            now = time.perf_counter()
            pauses.append(now - before)
            before = now

    most = memory_for(context, Limits())
    async with open_deno_sandbox(assets, NoCalls(), memory_mb=most) as sandbox:
        await sandbox.execute("1")
        processes = (os.getpid(), sandbox.pid)
        before = [_begin_peak(process) for process in processes]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            began = time.perf_counter()
            await sandbox.assign("context", context)
            seconds = time.perf_counter() - began
            tasks.cancel_scope.cancel()
        host, inside = (
            _memory(process, "VmHWM") - least
            for process, least in zip(processes, before, strict=True)
        )
    return seconds, host, inside, max(pauses)


async def _contexts() -> list[Row]:
    environment = read_environment()
    assets = await prepare_assets(environment.cache_dir, ready=environment.sandbox_assets)
    rows: list[Row] = []
    for name, (size, build) in _CONTEXTS.items():
        context = build(size)
        taken = [await _assign(assets, context) for _ in range(_TIMES)]
        seconds, *peaks = zip(*taken, strict=True)
        # Memory that the first time has left free hides what the next ones need
        host, inside, pause = map(max, peaks)
        rows.append(
            {
                "what": name,
                "n": _TIMES,
                "ready s (median)": statistics.median(seconds),
                "longest pause of the loop s": pause,
                "host's RSS grows by times the bytes": host / size,
                "sandbox's peak over idle, times the bytes": inside / size,
            }
        )
    return rows


async def _measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        return [await _input(Path(folder)), await _output(Path(folder))]


def measure() -> None:
    """Measure, and report."""
    compared = "a context of 100 MB elsewhere: 10.1 to 20 s, 2532 to 3651 MB; none sends 50 MB back"
    report("large_values", anyio.run(_measure), compared=compared)
    report("contexts", anyio.run(_contexts))


if __name__ == "__main__":
    measure()
