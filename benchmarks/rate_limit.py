"""What an adapting width gains at an endpoint that refuses more than so many calls at once."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import anyio

from benchmarks._harness import Row, report
from rlm_runtime import RLM, Event, Limits, Message
from rlm_runtime._engine.gate import Gate
from rlm_runtime._engine.width import Width
from rlm_runtime._events import ModelAttemptFailed, ModelFailed
from rlm_runtime._llm.openai import open_openai
from rlm_runtime.testing import Fault, ScriptedLLM, open_loopback_server

_REPETITIONS = 3
_CALLS = 400
_ALLOWED = 8
_CONCURRENCY = 64
_LATENCY = 0.1

_ROOT = f"""```repl
got = await llm_query_batched(["leaf"] * {_CALLS}, return_exceptions=True)
FINAL(sum(isinstance(one, str) for one in got))
```"""


class _FixedWidth(Width):
    """Learns nothing from a refusal."""

    def narrow(self, *, began: float, now: float) -> None:
        pass


@dataclass
class _Endpoint:
    """Serves so many calls at once, and refuses the others at once."""

    active: int = 0
    requests: int = 0
    refused: int = 0

    async def reply(self, messages: Sequence[Message]) -> str:
        self.requests += 1
        if self.active == _ALLOWED:
            self.refused += 1
            raise Fault(status=429)
        self.active += 1
        try:
            await anyio.sleep(_LATENCY)
        finally:
            self.active -= 1
        return "leaf"


async def _run(make_width: Callable[[], Width]) -> dict[str, float]:
    endpoint, events = _Endpoint(), list[Event]()
    async with (
        open_loopback_server(endpoint.reply) as server,
        open_openai(base_url=server.base_url, api_key=None) as client,
        RLM(
            ScriptedLLM([_ROOT]),
            sub_model=client.model("leaf"),
            limits=Limits(max_depth=1, max_concurrency=_CONCURRENCY),
            trace_dir=None,
            on_event=events.append,
        ) as rlm,
    ):
        assert rlm._runner is not None
        rlm._runner = replace(rlm._runner, gate=Gate(make_width=make_width))
        started = time.monotonic()
        result = await rlm.run("Ask all of them")
        seconds = time.monotonic() - started
    failed = sum(isinstance(event, ModelFailed) for event in events)
    assert result.answer + failed == _CALLS
    assert endpoint.refused == sum(isinstance(event, ModelAttemptFailed) for event in events)
    return {
        "wall s": seconds,
        "answered calls per s": result.answer / seconds,
        "requests": endpoint.requests,
        "429s": endpoint.refused,
        "calls that failed": failed,
    }


async def _measure() -> list[Row]:
    rows: list[Row] = []
    for name, make_width in (("fixed", _FixedWidth), ("adaptive", Width)):
        runs = [await _run(make_width) for _ in range(_REPETITIONS)]
        medians = {column: statistics.median(run[column] for run in runs) for column in runs[0]}
        ideal = _CALLS / _ALLOWED * _LATENCY
        rows.append({"width": name, "runs": _REPETITIONS, **medians, "ideal wall s": ideal})
    return rows


def measure() -> None:
    """Measure, and report."""
    compared = f"{_CALLS} calls, {_CONCURRENCY} at once at most, {_ALLOWED} allowed by the endpoint"
    report("rate_limit", anyio.run(_measure), compared=compared)


if __name__ == "__main__":
    measure()
