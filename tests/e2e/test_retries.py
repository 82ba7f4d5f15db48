"""Faults of an endpoint over real HTTP: what the code is told, and what was asked how often."""

from __future__ import annotations

import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import anyio
import psutil
import pytest

from rlm_runtime import RLM, Event, Limits, Message, ModelAuthenticationError, RLMError, read_trace
from rlm_runtime._events import ModelAttemptFailed, ModelFailed, ModelReplied, SandboxStarted
from rlm_runtime._llm.openai import open_openai
from rlm_runtime.testing import Fault, RecordedRequest, ScriptedLLM, open_loopback_server
from tests._engine.fakes import repl

pytestmark = [pytest.mark.anyio, pytest.mark.deno, pytest.mark.usefixtures("assets")]


def in_two_seconds() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)


ONCE = {
    "429 with seconds": lambda: Fault(status=429, headers={"Retry-After": "1"}),
    "429 with a date": lambda: Fault(status=429, headers={"Retry-After": in_two_seconds()}),
    "500": lambda: Fault(status=500),
    "408": lambda: Fault(status=408),
    "cut at once": lambda: Fault("cut"),
    "cut in the middle": lambda: Fault("cut", after_chunks=1),
    "unfinished": lambda: Fault("unfinished", after_chunks=1),
    "stall": lambda: Fault("stall", after_chunks=1),
    "malformed": lambda: Fault("malformed"),
    "malformed in the middle": lambda: Fault("malformed", after_chunks=1),
    "empty": lambda: Fault("empty"),
    "error body": lambda: Fault("error_body", status=503),
    "error in the middle": lambda: Fault("error_body", status=500, after_chunks=1),
}
"""Fail the first attempt; the second one is fine."""
FOR_GOOD = {
    "401": lambda: Fault(status=401),
    "400": lambda: Fault(status=400),
    "404": lambda: Fault(status=404),
    "429 for an hour": lambda: Fault(status=429, headers={"Retry-After": "3600"}),
}
"""Fail every attempt, of which there is to be one."""

ASK_ALL = repl(
    "names = " + repr([*ONCE, *FOR_GOOD]),
    "got = await llm_query_batched(names, return_exceptions=True)",
    "FINAL({n: g if isinstance(g, str) else [g.stop_reason, str(g)] for n, g in zip(names, got)})",
)


def reply(messages: Sequence[Message]) -> str:
    return f"the reply to {messages[-1].content}"


async def test_each_fault_is_survived_or_told_by_rule() -> None:
    arrivals: defaultdict[str, list[float]] = defaultdict(list)
    bodies: defaultdict[str, set[bytes]] = defaultdict(set)

    def faults(_: int, request: RecordedRequest) -> Fault | None:
        name = request.messages[-1].content
        arrivals[name].append(anyio.current_time())
        bodies[name].add(request.raw)
        if name in FOR_GOOD:
            return FOR_GOOD[name]()
        return ONCE[name]() if len(arrivals[name]) == 1 else None

    events: list[Event] = []
    async with (
        open_loopback_server(reply, faults=faults) as server,
        open_openai(base_url=server.base_url, api_key="k", stall_seconds=1.0) as endpoint,
        RLM(
            ScriptedLLM([ASK_ALL]),
            sub_model=endpoint.model("leaf"),
            limits=Limits(max_depth=1, max_concurrency=32),
            trace_dir=None,
            on_event=events.append,
        ) as rlm,
    ):
        with anyio.fail_after(40):
            result = await rlm.run("Ask all of them")
        assert server.stats.in_flight == 0
    answer: dict[str, object] = result.answer
    assert {name: answer[name] for name in ONCE} == {name: f"the reply to {name}" for name in ONCE}
    for name in FOR_GOOD:
        told = answer[name]
        assert isinstance(told, list) and told[0] == "model_error"
        assert f"answered {name[:3]}" in told[1]
    assert str(answer["429 for an hour"]).count("longer than max_retry_seconds") == 1
    counts = Counter({name: len(times) for name, times in arrivals.items()})
    assert counts == Counter({name: 2 for name in ONCE} | {name: 1 for name in FOR_GOOD})
    # All attempts at a call sent the same bytes
    assert all(len(sent) == 1 for sent in bodies.values())
    # A date has no more than whole seconds
    for name, least in (("429 with seconds", 1.0), ("429 with a date", 1.0)):
        first, second = arrivals[name]
        assert second - first >= least - 0.05
    failures = [event for event in events if isinstance(event, ModelAttemptFailed)]
    assert len(failures) == len(ONCE) + len(FOR_GOOD)
    assert sum(event.wait is None for event in failures) == len(FOR_GOOD)
    replies = [event for event in events if isinstance(event, ModelReplied)]
    assert sorted(event.attempts for event in replies) == [1] + [2] * len(ONCE)
    assert len([event for event in events if isinstance(event, ModelFailed)]) == len(FOR_GOOD)


async def test_a_refused_key_ends_the_run_after_one_request(tmp_path: Path) -> None:
    async with open_loopback_server(reply, api_key="right") as server:
        with pytest.raises(ModelAuthenticationError) as caught:
            async with RLM(
                "any", base_url=server.base_url, api_key="wrong", trace_dir=tmp_path
            ) as rlm:
                await rlm.run("q")
        assert server.stats.requests == 1
    assert caught.value.trace_path is not None
    (failed,) = [e for e in read_trace(caught.value.trace_path) if isinstance(e, ModelFailed)]
    assert (failed.attempts, "401" in failed.error, "wrong" in failed.error) == (1, True, False)


async def test_what_one_run_is_refused_holds_back_the_other_runs_of_its_rlm() -> None:
    arrivals: list[float] = []
    refused = anyio.Event()

    def faults(number: int, _: RecordedRequest) -> Fault | None:
        arrivals.append(anyio.current_time())
        return Fault(status=429, headers={"Retry-After": "1"}) if number == 0 else None

    def observe(event: Event) -> None:
        if isinstance(event, ModelAttemptFailed):
            refused.set()

    async with (
        open_loopback_server(lambda _: repl("FINAL(1)"), faults=faults) as server,
        RLM("any", base_url=server.base_url, trace_dir=None, on_event=observe) as rlm,
        anyio.create_task_group() as tasks,
    ):
        with anyio.fail_after(50):
            tasks.start_soon(rlm.run, "the first run")
            await refused.wait()
            assert (await rlm.run("the second run")).answer == 1
    assert len(arrivals) == 3
    assert min(arrivals[1:]) - arrivals[0] >= 0.95


async def test_an_interrupt_ends_the_command_while_it_waits_for_its_endpoint(
    tmp_path: Path,
) -> None:
    faults = [Fault(status=429, headers={"Retry-After": "60"})]
    async with open_loopback_server(reply, faults=faults) as server:
        command = ["-m", "rlm_runtime", "run", "-p", "q", "-m", "m", "--base-url", server.base_url]
        process = await anyio.open_process(
            [sys.executable, *command, "--trace-dir", str(tmp_path)], stdin=None
        )
        told = b""
        try:
            assert process.stderr is not None
            with anyio.fail_after(50):
                while b"again in 6" not in told:
                    told += await process.stderr.receive()
                process.send_signal(signal.SIGINT)
                assert await process.wait() == 130
        finally:
            if process.returncode is None:
                process.kill()
            with anyio.CancelScope(shield=True):
                await process.aclose()
    assert b"node 0: call 0 attempt 1 failed: Cannot complete with 'm' at " in told


async def test_a_run_that_waits_for_its_endpoint_can_be_left_at_once() -> None:
    events: list[Event] = []
    waits = anyio.Event()

    def observe(event: Event) -> None:
        events.append(event)
        if isinstance(event, ModelAttemptFailed):
            waits.set()

    async def run(rlm: RLM) -> None:
        with pytest.raises(RLMError, match="block of this RLM has ended"):
            await rlm.run("q")

    faults = [Fault(status=429, headers={"Retry-After": "60"})]
    async with open_loopback_server(reply, faults=faults) as server:
        async with anyio.create_task_group() as tasks:
            with anyio.fail_after(50):
                async with RLM(
                    "any", base_url=server.base_url, trace_dir=None, on_event=observe
                ) as rlm:
                    tasks.start_soon(run, rlm)
                    await waits.wait()
    assert not [event for event in events if isinstance(event, ModelReplied)]
    pids = [event.pid for event in events if isinstance(event, SandboxStarted)]
    assert not any(psutil.pid_exists(pid) for pid in pids)
