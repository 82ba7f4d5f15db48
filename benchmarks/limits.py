"""200 parallel sub-calls in one cell under a limit: what the server counts, against the limit.

Every repetition is a run of its own: a real sandbox, real HTTP, random latencies and lengths.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

import anyio

from benchmarks._harness import Row, report, run_rlm
from rlm_runtime import RLM, Limits
from rlm_runtime._llm.openai import open_openai
from rlm_runtime._models import Model, ModelInfo, Price
from rlm_runtime._types import Usage
from rlm_runtime.testing import LoopbackServer, Message, open_loopback_server

_REPETITIONS = 50
_REPETITIONS_OF_OTHERS = 5
_CALLS = 200
_PRICE = Price(prompt=0.25, completion=2.0)

_CODE = f"""```repl
import asyncio
words = "some words of it " * 20
calls = [llm_query(f"Summarise paragraph {{i}}: {{words}}") for i in range({_CALLS})]
got = await asyncio.gather(*calls, return_exceptions=True)
texts = [one for one in got if isinstance(one, str)]
refused = sorted({{one.stop_reason for one in got if not isinstance(one, str)}})
print(len(texts), "summaries so far, the rest refused for", refused)
```"""
_END = "```repl\nFINAL([len(texts), refused])\n```"

_LIMITS = {
    "max_cost $0.05": Limits(max_depth=1, max_concurrency=_CALLS, max_cost=0.05),
    "max_tokens 80,000": Limits(max_depth=1, max_concurrency=_CALLS, max_tokens=80_000),
    "max_calls 100": Limits(max_depth=1, max_concurrency=_CALLS, max_calls=100),
}
_OTHERS = {
    "max_cost $0.05, 16 at once": Limits(max_depth=1, max_cost=0.05),
    "max_cost $1": Limits(max_depth=1, max_concurrency=_CALLS, max_cost=1.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    answered: int
    refused: Sequence[str]
    used: float
    """By the server's count, as a part of the limit."""
    told: bool
    """Whether the run's own account is that of the server."""
    seconds: float


def _policy(messages: Sequence[Message]) -> str:
    if "Summarise paragraph" in messages[1].content:
        return "word " * random.randrange(10, 400)
    return _CODE if len(messages) == 2 else _END


def _billed(server: LoopbackServer) -> Usage:
    stats = server.stats
    return Usage(
        calls=stats.billed_calls,
        prompt_tokens=stats.billed_prompt_tokens,
        completion_tokens=stats.billed_completion_tokens,
    )


def _used(limits: Limits, bill: Usage) -> float:
    """Weigh a bill against the limit that there is."""
    if limits.max_cost is not None:
        return _PRICE.cost(bill) / limits.max_cost
    if limits.max_tokens is not None:
        return (bill.prompt_tokens + bill.completion_tokens) / limits.max_tokens
    assert limits.max_calls is not None
    return bill.calls / limits.max_calls


async def _run(rlm: RLM, server: LoopbackServer, limits: Limits) -> _Run:
    before = _billed(server)
    result = await rlm.run("Summarise all", context="nothing")
    after = _billed(server)
    bill = Usage(
        calls=after.calls - before.calls,
        prompt_tokens=after.prompt_tokens - before.prompt_tokens,
        completion_tokens=after.completion_tokens - before.completion_tokens,
    )
    own = result.usage
    answered, refused = result.answer
    return _Run(
        answered=answered,
        refused=refused,
        used=_used(limits, bill),
        told=(own.calls, own.prompt_tokens, own.completion_tokens)
        == (bill.calls, bill.prompt_tokens, bill.completion_tokens),
        seconds=result.seconds,
    )


async def _measure_limit(name: str, limits: Limits, repetitions: int) -> Row:
    async with (
        open_loopback_server(_policy, latency=lambda: random.uniform(0.005, 0.05)) as server,
        open_openai(base_url=server.base_url, api_key=None) as endpoint,
    ):
        model = endpoint.model(Model("any", price=_PRICE), ModelInfo(price=_PRICE))
        async with RLM(model, limits=limits, trace_dir=None) as rlm:
            runs = [await _run(rlm, server, limits) for _ in range(repetitions)]
        used, answered = [run.used for run in runs], [run.answered for run in runs]
        return {
            "limit": name,
            "runs": len(runs),
            "over it": sum(one > 1 for one in used),
            "used % most": 100 * max(used),
            "median": 100 * statistics.median(used),
            "least": 100 * min(used),
            "answered": statistics.median(answered),
            "refused": ", ".join(sorted({one for run in runs for one in run.refused})),
            "exact": sum(run.told for run in runs),
            "at once": server.stats.peak_in_flight,
            "wall s": statistics.median(run.seconds for run in runs),
        }


async def _measure_command() -> Row:
    """Run `rlm run` with a model that never ends, once: the partial answer and the exit status."""

    def policy(messages: Sequence[Message]) -> str:
        return (
            _policy(messages) if len(messages) == 2 else "```repl\nprint('still', len(texts))\n```"
        )

    with tempfile.TemporaryDirectory() as folder:
        async with open_loopback_server(policy) as server:
            run = await run_rlm(
                "run", "-p", "Summarise all", "-m", "any", "--base-url", server.base_url,
                "--trace-dir", folder, "-q", "--max-depth", "1", "--max-tokens", "60000",
            )  # fmt: skip
            bill = _billed(server)
    return {
        "limit": "rlm run --max-tokens 60000",
        "exit status": run.status,
        "partial answer": run.stdout.decode().strip(),
        "stderr": run.stderr.splitlines()[0] if run.stderr else "",
        "used %": 100 * (bill.prompt_tokens + bill.completion_tokens) / 60_000,
    }


async def _measure(repetitions: int) -> list[Row]:
    rows = []
    for limits, times in ((_LIMITS, repetitions), (_OTHERS, _REPETITIONS_OF_OTHERS)):
        for name, each in limits.items():
            rows.append(await _measure_limit(name, each, times))
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


def measure() -> None:
    """Measure, and report."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else _REPETITIONS
    compared = "others overshoot $0.05 by parallel calls: to $0.19 and $2.01, or count calls only"
    report("limits", anyio.run(_measure, repetitions), compared=compared)
    report("limits_command", [anyio.run(_measure_command)])


if __name__ == "__main__":
    measure()
