"""Spans are sent while runs go on, and no run waits for them, or ends because of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import anyio
import pytest
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import TracerProvider

from rlm_runtime import RLM, open_otel
from rlm_runtime._events import Event, RunEnded, RunResumed
from rlm_runtime._export.live import OTelSink, listen
from rlm_runtime._export.otel import export_trace
from rlm_runtime._trace.reader import open_trace
from rlm_runtime._types import Message
from rlm_runtime.testing import ScriptedLLM
from tests._cli.events import SMALL_RUN, run_ended
from tests.otlp_receiver import Receiver, open_receiver

pytestmark = pytest.mark.anyio


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with open_receiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        yield receiver


def answering(text: str = "SECRET") -> ScriptedLLM:
    return ScriptedLLM(lambda messages: text)


async def run_direct(sink: Callable[[Event], None], trace_dir: Path | None = None) -> str:
    async with RLM(answering(), mode="direct", on_event=sink, trace_dir=trace_dir) as rlm:
        return str((await rlm.run("SECRET query")).run_id)


async def test_a_run_is_sent_as_it_would_be_from_its_trace(
    receiver: Receiver, tmp_path: Path
) -> None:
    async with open_otel() as sink:
        run = await run_direct(sink, tmp_path)
    assert sink.problem is None
    live = list(receiver.spans)
    assert [span.name for span in live] == [
        "chat scripted/policy",
        "invoke_agent rlm.node",
        "invoke_agent rlm",
    ]
    receiver.spans.clear()
    with open_trace(tmp_path / run / "trace.msgpack") as trace:
        await anyio.to_thread.run_sync(export_trace, trace)
    assert receiver.spans == live


async def test_content_is_sent_only_where_asked_for(receiver: Receiver) -> None:
    async with open_otel() as sink:
        await run_direct(sink)
    assert b"SECRET" not in receiver.bodies[-1]
    async with open_otel(content=True) as sink:
        await run_direct(sink)
    assert receiver.bodies[-1].count(b"SECRET") >= 4


async def test_runs_that_go_on_at_once_are_told_apart(receiver: Receiver) -> None:
    waiting = anyio.Event()
    asked: list[bool] = []

    async def policy(messages: Sequence[Message]) -> str:
        asked.append(True)
        if len(asked) == 2:
            waiting.set()
        await waiting.wait()
        return "x"

    async with (
        open_otel() as sink,
        RLM(ScriptedLLM(policy), mode="direct", on_event=sink, trace_dir=None) as rlm,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(partial(rlm.run, "one"))
        tasks.start_soon(partial(rlm.run, "two"))
    assert len({span.trace for span in receiver.spans}) == 2
    for trace in {span.trace for span in receiver.spans}:
        spans = {span.name: span for span in receiver.spans if span.trace == trace}
        assert len(spans) == 3
        assert spans["invoke_agent rlm.node"].parent == spans["invoke_agent rlm"].id
        assert spans["chat scripted/policy"].parent == spans["invoke_agent rlm.node"].id


async def test_a_run_is_below_the_span_of_its_caller(receiver: Receiver) -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("caller")
    async with open_otel() as sink:
        with tracer.start_as_current_span("mine") as mine:
            await run_direct(sink)
    place = mine.get_span_context()
    assert {span.trace for span in receiver.spans} == {otel.format_trace_id(place.trace_id)}
    root = next(span for span in receiver.spans if span.name == "invoke_agent rlm")
    assert root.parent == otel.format_span_id(place.span_id)


async def test_a_span_of_the_caller_that_is_not_sampled_is_obeyed(receiver: Receiver) -> None:
    place = otel.SpanContext(1, 2, is_remote=False, trace_flags=otel.TraceFlags(0))
    async with open_otel() as sink:
        with otel.use_span(otel.NonRecordingSpan(place)):
            await run_direct(sink)
    assert receiver.requests == 0


@pytest.mark.timeout(20)
async def test_a_collector_that_hangs_holds_up_neither_run_nor_end(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.hold = threading.Event()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "60")
    monkeypatch.setattr("rlm_runtime._export.live._FLUSH_SECONDS", 0.2)
    async with open_otel() as sink:
        await run_direct(sink)
    assert sink.problem is not None
    assert sink.problem.startswith("Cannot send spans to 'http://127.0.0.1:")


async def test_a_collector_that_refuses_is_told(receiver: Receiver) -> None:
    receiver.statuses = [403]
    async with open_otel() as sink:
        await run_direct(sink)
    assert sink.problem is not None and "403" in sink.problem


async def test_the_loop_goes_on_while_the_last_spans_are_sent(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.hold = threading.Event()

    async def let_go() -> None:
        # A loop that is blocked would never come here
        while receiver.hold is not None and not receiver.hold.is_set():
            await anyio.sleep(0.01)
            if ended.is_set():
                receiver.hold.set()

    ended = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(let_go)
        async with open_otel() as sink:
            await run_direct(sink)
            ended.set()
    assert sink.problem is None
    assert len(receiver.spans) == 3


async def test_the_end_of_the_block_is_not_cut_short_by_a_cancellation(receiver: Receiver) -> None:
    with anyio.CancelScope() as scope:
        async with open_otel() as sink:
            await run_direct(sink)
            scope.cancel()
    assert len(receiver.spans) == 3


async def test_whatever_is_wrong_with_spans_ends_no_run() -> None:
    class Broken:
        def send(self, *_: object) -> None:
            raise ValueError("no")

    told: list[Event] = []
    sink = OTelSink(Broken(), content=False, then=told.append)  # type: ignore[arg-type]
    await run_direct(sink)
    assert isinstance(told[-1], RunEnded)
    assert sink.problem == "Cannot make spans: ValueError('no')"


async def test_a_resumed_run_goes_on_with_the_nodes_of_its_record(receiver: Receiver) -> None:
    resumed = RunResumed(seq=50, version="0", model="m", sub_model="s", limits={}, spent_seconds=1)
    async with open_otel() as sink:
        take = sink.for_run("r1", iter(SMALL_RUN[:8]))
        for event in (resumed, *SMALL_RUN[8:-1], run_ended()):
            take(event)
    left = [span for span in receiver.spans if span.attributes.get("error.type") == "crashed"]
    assert {span.attributes["gen_ai.conversation.id"] for span in receiver.spans} == {"r1"}
    assert len(left) == 4, "the process that crashed could not send them"
    by_name = {span.name: span for span in receiver.spans if span not in left}
    assert by_name["invoke_agent rlm.node"].parent == by_name["invoke_agent rlm"].id


async def test_one_run_after_the_other_may_be_told_by_calls_alone(receiver: Receiver) -> None:
    async with open_otel() as sink:
        for _ in range(2):
            await run_direct(lambda event: sink(event))
    assert len({span.trace for span in receiver.spans}) == 2
    assert len(receiver.spans) == 6


async def test_what_comes_after_a_sink_is_told_of_runs_too(receiver: Receiver) -> None:
    async with open_otel() as inner, open_otel(then=inner) as outer:
        take = outer.for_run("r1", iter(SMALL_RUN[:2]))
        take(run_ended())
    assert [span.attributes["gen_ai.conversation.id"] for span in receiver.spans] == ["r1"] * 4
    assert len({span.id for span in receiver.spans}) == 2


async def test_a_function_is_listened_to_as_it_is() -> None:
    told: list[Event] = []
    assert listen(told.append, "r1") == told.append
    assert listen(None, "r1") is None
