"""How long until the model hears of code that would not end, and whether its variables are kept."""

from __future__ import annotations

import time
from collections.abc import Sequence

import anyio

from benchmarks._harness import Row, report
from rlm_runtime import RLM, Event, Limits, Message
from rlm_runtime._events import CodeExecuted, CodeStarted, ModelRequested, SandboxLost
from rlm_runtime.testing import ScriptedLLM

_CELL_SECONDS = 1.0
_CODES = {
    "while True: pass": "while True: pass",
    "a catastrophic regex": "import re\nre.match(r'(a+)+$', 'a' * 40 + 'b')",
    "time.sleep(60)": "import time\ntime.sleep(60)",
    "await asyncio.sleep(60)": "import asyncio\nawait asyncio.sleep(60)",
    "10**10**7": "10**10**7",
    "max(range(10**10))": "max(range(10**10))",
    "[0] * 10**9": "[0] * 10**9",
    "endless output": "while True: print('x' * 1000)",
    "endless recursion": "def f(): f()\nf()",
    "recursion that catches": "def f():\n    try: f()\n    except RecursionError: f()\nf()",
    "overflow of the C stack": "a = []\nfor _ in range(10**6): a = [a]\na == a.copy()",
    "what catches everything": "while True:\n    try:\n        while True: pass\n"
    "    except BaseException: pass",
    "JavaScript that spins": "import js\njs.eval('for (;;);')",
}


async def _stop(name: str, code: str) -> Row:
    started: list[float] = []
    told: list[float] = []
    ended: list[str] = []

    def note(event: Event) -> None:
        match event:
            case CodeStarted():
                started.append(time.perf_counter())
            case ModelRequested():
                told.append(time.perf_counter())
            case CodeExecuted():
                ended.append((event.error or "by itself").splitlines()[-1])
            case SandboxLost():
                ended[-1] = "its sandbox was replaced"

    def policy(messages: Sequence[Message]) -> str:
        replies = ["kept = 1", code, "FINAL('kept' in globals())"]
        return f"```repl\n{replies[sum(one.role == 'assistant' for one in messages)]}\n```"

    limits = Limits(max_cell_seconds=_CELL_SECONDS)
    async with RLM(ScriptedLLM(policy), limits=limits, trace_dir=None, on_event=note) as rlm:
        kept = (await rlm.run("stop", context="")).answer
    return {
        "code": name,
        "s until the model is told": told[2] - started[1],
        "variables kept": kept,
        "ended": "it was interrupted" if "was stopped" in ended[1] else ended[1][:50],
    }


async def _measure() -> list[Row]:
    return [await _stop(name, code) for name, code in _CODES.items()]


def measure() -> None:
    """Measure, and report."""
    compared = f"max_cell_seconds is {_CELL_SECONDS:g}; three peers out of three never stop a loop"
    report("stopping", anyio.run(_measure), compared=compared)


if __name__ == "__main__":
    measure()
