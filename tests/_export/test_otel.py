"""Spans reach a collector over OTLP/HTTP, once, or it is told why not."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rlm_runtime import _export
from rlm_runtime._errors import ConfigError, RLMError, TraceError
from rlm_runtime._events import Event, RunForked, ToolCalled
from rlm_runtime._export.otel import endpoint, export_trace, wants_content
from rlm_runtime._trace.reader import open_trace
from tests._cli.events import SMALL_RUN, code, executed, run_ended, run_started
from tests._export.played import damage, play_all, trace_of
from tests.otlp_receiver import Receiver, open_receiver
from tests.traces import growing_trace

pytestmark = pytest.mark.anyio

MANY: tuple[Event, ...] = (
    *SMALL_RUN[:2],
    *(event for at in range(120) for event in (code(0, at, "x"), executed(0, at))),
    *SMALL_RUN[12:],
)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with open_receiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        yield receiver


def export(path: Path, *, content: bool = False) -> int:
    with open_trace(path) as trace:
        return export_trace(trace, content=content)


async def test_a_collector_gets_the_tree_of_a_run(tmp_path: Path, receiver: Receiver) -> None:
    assert export(trace_of(tmp_path, (await play_all()).events)) == 15
    known = {span.id: span for span in receiver.spans}
    assert len(known) == len(receiver.spans) == 15
    assert len({span.trace for span in receiver.spans}) == 1
    assert {span.service for span in receiver.spans} == {"rlm"}
    (root,) = [span for span in receiver.spans if not span.parent]
    assert root.name == "invoke_agent rlm"
    for span in receiver.spans:
        if span is not root:
            parent = known[span.parent]
            assert parent.name.startswith("invoke_agent ")
            assert parent.start <= span.start <= span.end <= parent.end
    tree = receiver.tree()
    assert [line.split(" [")[0] for line in tree[:3]] == [
        "invoke_agent rlm",
        "  invoke_agent rlm.node",
        "    chat scripted/root",
    ]
    (failed,) = [line for line in tree if "error.type=ZeroDivisionError" in line]
    assert "FAILED" in failed


async def test_no_content_leaves_unless_asked_for(tmp_path: Path, receiver: Receiver) -> None:
    path = trace_of(tmp_path, (await play_all()).events)
    export(path)
    (body,) = receiver.bodies
    assert b"SECRET" not in body
    export(path, content=True)
    assert receiver.bodies[1].count(b"SECRET") > 10


async def test_exporting_twice_gives_the_same_spans(tmp_path: Path, receiver: Receiver) -> None:
    path = trace_of(tmp_path, (await play_all()).events)
    export(path)
    export(path)
    first, second = receiver.bodies
    assert first == second


def test_another_run_has_other_ids(tmp_path: Path, receiver: Receiver) -> None:
    export(trace_of(tmp_path, [run_started(run="r1"), run_ended()], "r1"))
    export(trace_of(tmp_path, [run_started(run="r2"), run_ended()], "r2"))
    assert len({span.id for span in receiver.spans}) == 2
    assert len({span.trace for span in receiver.spans}) == 2


def test_many_spans_are_sent_in_several_requests(tmp_path: Path, receiver: Receiver) -> None:
    assert export(trace_of(tmp_path, MANY)) == 122
    assert (receiver.requests, len(receiver.spans)) == (2, 122)


def test_after_a_refusal_nothing_more_is_sent(tmp_path: Path, receiver: Receiver) -> None:
    receiver.statuses = [413]
    with pytest.raises(RLMError, match="413"):
        export(trace_of(tmp_path, MANY))
    assert receiver.requests == 1


def test_a_collector_that_is_busy_is_asked_again(tmp_path: Path, receiver: Receiver) -> None:
    receiver.statuses = [503, 503]
    assert export(trace_of(tmp_path, SMALL_RUN)) == 7
    assert (receiver.requests, len(receiver.spans)) == (3, 7)


def test_a_collector_that_refuses_is_an_error_with_what_it_said(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.statuses = [401] * 9
    with pytest.raises(RLMError, match="Cannot send spans to 'http.*/v1/traces': .*401.*Unauth"):
        export(trace_of(tmp_path, SMALL_RUN))
    assert receiver.requests == 1


def test_an_error_that_came_again_and_again_is_told_once(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.statuses = [503] * 9
    with pytest.raises(RLMError, match="traces': Service Unavailable$"):
        export(trace_of(tmp_path, SMALL_RUN))
    assert receiver.requests == 6


def test_a_collector_that_hangs_is_given_up(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.hold = threading.Event()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    with pytest.raises(RLMError, match="Cannot send spans to .*"):
        export(trace_of(tmp_path, SMALL_RUN))


def test_what_can_be_read_of_a_damaged_trace_is_sent(tmp_path: Path, receiver: Receiver) -> None:
    path = trace_of(tmp_path, [*SMALL_RUN[:4], code(0, 0, "damaged"), *SMALL_RUN[4:]])
    damage(path, b"damaged")
    with pytest.raises(TraceError):
        export(path)
    names = [span.name for span in receiver.spans]
    assert names == ["chat m", "invoke_agent rlm.node", "invoke_agent rlm"]


def test_of_a_run_that_goes_on_what_has_ended_is_sent(tmp_path: Path, receiver: Receiver) -> None:
    with growing_trace(tmp_path, "r1", *SMALL_RUN[:-2]) as path:
        assert export(path) == 5
    assert "invoke_agent rlm" not in {span.name for span in receiver.spans}


def test_of_a_fork_only_what_is_its_own_is_sent(tmp_path: Path, receiver: Receiver) -> None:
    fork: Event = RunForked(run="r2", parent="r1", node=0, iteration=2, say="")
    assert export(trace_of(tmp_path, [*SMALL_RUN[:-1], fork, run_ended()], "r2")) == 1
    assert receiver.spans[0].attributes["gen_ai.conversation.id"] == "r2"


def test_a_sampler_of_the_environment_is_obeyed(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    assert export(trace_of(tmp_path, SMALL_RUN)) == 0
    assert receiver.requests == 0


def test_the_name_of_the_service_can_be_set(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    export(trace_of(tmp_path, SMALL_RUN))
    assert {span.service for span in receiver.spans} == {"mine"}


def test_a_missing_extra_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "rlm_runtime._export.otel_sdk", raising=False)
    monkeypatch.delattr(_export, "otel_sdk", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigError, match="OpenTelemetry is not installed") as caught:
        export(trace_of(tmp_path, SMALL_RUN))
    assert caught.value.__notes__ == ["pip install 'rlm-pyodide[otel]'"]


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, "http://localhost:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://c/x/"}, "https://c/x/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://u:key@c:1/t?k=1"}, "http://c:1/t"),
    ],
)
def test_the_endpoint_is_told_without_what_is_secret(variables: dict[str, str], url: str) -> None:
    assert endpoint(variables) == url


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("", False), ("false", False), ("NO_CONTENT", False), ("True", True), ("SPAN_ONLY", True)],
)
def test_content_can_be_asked_for_by_the_standard_variable(value: str, wanted: bool) -> None:
    assert wants_content({"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": value}) is wanted


def test_text_that_is_no_text_does_not_keep_the_others_back(
    tmp_path: Path, receiver: Receiver
) -> None:
    hostile = [ToolCalled(node=0, call=0, tool="\ud800", arguments="\udc80"), *SMALL_RUN[2:]]
    assert export(trace_of(tmp_path, [*SMALL_RUN[:2], *hostile]), content=True) == 8
    assert "execute_tool \\ud800" in {span.name for span in receiver.spans}
