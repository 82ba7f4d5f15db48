"""What a trace costs: events written and read, bytes, large values, the share of a run's CPU."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import anyio

from benchmarks._harness import Row, percentiles, report
from benchmarks._synthetic_run import EVENTS_PER_NODE, synthetic_events
from rlm_runtime import RLM, Limits
from rlm_runtime._events import CodeExecuted, Event
from rlm_runtime._trace.reader import open_trace, read_trace
from rlm_runtime._trace.writer import open_trace_writer
from rlm_runtime.testing import Message, ScriptedLLM

_EVENTS = 100_000
_REPETITIONS = 3
_LARGE = 100_000_000
_TICK = 0.001
_CALLS = 2000
_RUNS = 5

_WORDS = "the flood came in the spring and took the bridge with all that stood on it".split()
_PARAGRAPH = " ".join(_WORDS * 20)
_CODE = f"""```repl
import asyncio
parts = [f"Paragraph {{i}}: {_PARAGRAPH}" for i in range({_CALLS})]
FINAL(len(await asyncio.gather(*[llm_query(part, recursive=False) for part in parts])))
```"""


async def _write(folder: Path, run: str, events: Sequence[Event]) -> tuple[Path, float, float]:
    """Write events as fast as they can be taken; give the seconds and those of CPU."""
    started, cpu = time.perf_counter(), time.process_time()
    async with open_trace_writer(folder, run) as writer:
        for number, event in enumerate(events):
            writer.write(event)
            if number % 100 == 0:
                await writer.wait_written()
        await writer.wait_written()
        seconds = time.perf_counter() - started
        assert writer.error is None
    return writer.path, seconds, time.process_time() - cpu


async def _measure_events() -> Row:
    events = list(synthetic_events(_EVENTS // EVENTS_PER_NODE))
    iterations = sum(isinstance(event, CodeExecuted) for event in events)
    written, spent, read = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(_REPETITIONS):
            path, seconds, cpu = await _write(Path(folder), str(number), events)
            written.append(seconds)
            spent.append(cpu)
            started = time.perf_counter()
            back = list(read_trace(path))
            read.append(time.perf_counter() - started)
            assert back == events
        size = path.stat().st_size
    return {
        "events": len(events),
        "n": _REPETITIONS,
        "written a second": len(events) / statistics.median(written),
        "CPU us each": 1e6 * statistics.median(spent) / len(events),
        "read a second": len(events) / statistics.median(read),
        "read s": statistics.median(read),
        "bytes an event": size / len(events),
        "bytes an iteration": size / iterations,
        "MB": size / 1e6,
    }


def _ascii_text() -> object:
    return " ".join(random.choices(_WORDS, k=_LARGE // 4))[:_LARGE]


def _wide_text() -> object:
    return "".join(random.choices("abcdefg äöü→\U0001f600", k=_LARGE // 2))


def _random_bytes() -> object:
    return random.randbytes(_LARGE)


def _texts() -> object:
    return [_PARAGRAPH[: random.randrange(100, 200)] for _ in range(_LARGE // 150)]


_VALUES: dict[str, Callable[[], object]] = {
    "100 MB of words": _ascii_text,
    "50 million wide characters": _wide_text,
    "100 MB of random bytes": _random_bytes,
    "a list of 667,000 texts": _texts,
}


async def _measure_value(name: str, value: object) -> Row:
    """Keep a large value, and see how late the event loop is meanwhile."""
    late: list[float] = []

    async def tick() -> None:
        while True:
            due = time.perf_counter() + _TICK
            await anyio.sleep(_TICK)
            late.append(1000 * (time.perf_counter() - due))

    with tempfile.TemporaryDirectory() as folder:
        async with open_trace_writer(Path(folder), "r") as writer, anyio.create_task_group() as all:
            all.start_soon(tick)
            started = time.perf_counter()
            ref = await writer.keep(value)
            kept = time.perf_counter() - started
            await writer.wait_written()
            written = time.perf_counter() - started
            started = time.perf_counter()
            assert await writer.keep(value) == ref
            again = time.perf_counter() - started
            all.cancel_scope.cancel()
        size = writer.path.stat().st_size
        started = time.perf_counter()
        with open_trace(writer.path) as trace:
            assert trace.value(ref) == value
        read = time.perf_counter() - started
    ordered = sorted(late)
    return {
        "value": name,
        "keep s": kept,
        "written s": written,
        "keep again s": again,
        "read s": read,
        "MB in the file": size / 1e6,
        "ticks": len(late),
        "loop late ms, median": percentiles(late)["median"],
        "p99": ordered[round(0.99 * (len(ordered) - 1))],
        "max": ordered[-1],
    }


def _policy(messages: Sequence[Message]) -> str:
    return "It is about a flood." if "Paragraph" in messages[-1].content else _CODE


async def _run_cpu(trace_dir: Path | None) -> float:
    """Answer one query by many completions at no latency; give the CPU that it took on the host."""
    limits = Limits(max_depth=1, max_concurrency=64, max_calls=None)
    async with RLM(ScriptedLLM(_policy), limits=limits, trace_dir=trace_dir) as rlm:
        cpu = time.process_time()
        result = await rlm.run("How many paragraphs?", context="nothing")
        assert result.answer == _CALLS
        return time.process_time() - cpu


async def _measure_run() -> Row:
    with tempfile.TemporaryDirectory() as folder:
        await _run_cpu(None)
        pairs = [(await _run_cpu(None), await _run_cpu(Path(folder))) for _ in range(_RUNS)]
    without = statistics.median(pair[0] for pair in pairs)
    traced = statistics.median(pair[1] for pair in pairs)
    return {
        "completions in a run": _CALLS,
        "n": _RUNS,
        "CPU s without a trace": without,
        "with a trace": traced,
        "share %": 100 * (traced - without) / traced,
        "ms a completion": 1000 * (traced - without) / _CALLS,
    }


def measure() -> None:
    """Measure, and report."""
    report("tracing_events", [anyio.run(_measure_events)])
    random.seed(0)
    values = [anyio.run(partial(_measure_value, name, make())) for name, make in _VALUES.items()]
    report("tracing_values", values, compared="the loop is asked for a tick each ms")
    report(
        "tracing_run",
        [anyio.run(_measure_run)],
        compared="completions take no time, so nothing else is done; a real run waits for them",
    )


if __name__ == "__main__":
    measure()
