"""Traces are written, read while they grow, and survive what happens to files."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import stat
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import msgpack  # type: ignore[import-untyped]  # it ships no types
import pytest

from rlm_runtime._errors import TraceError
from rlm_runtime._events import (
    CodeExecuted,
    CodeStarted,
    Event,
    HistoryTrimmed,
    ModelAttemptFailed,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    NodeStarted,
    RunEnded,
    RunStarted,
    SandboxLost,
    SandboxStarted,
)
from rlm_runtime._trace.places import is_being_written, list_runs, new_run_id
from rlm_runtime._trace.reader import read_trace
from rlm_runtime._trace.writer import open_trace_writer
from tests.traces import growing_trace, write_trace

EVENTS: tuple[Event, ...] = (
    RunStarted(
        seq=0,
        time=1.5,
        mono=0.25,
        run="r",
        version="0.1.0",
        query="How many?\r\n",
        model="m",
        sub_model="s",
        limits={"max_depth": 2, "max_seconds": None, "max_cell_seconds": 60.0},
    ),
    NodeStarted(seq=1, node=0, parent=None, depth=0, model="m", query="q", context="str, 3"),
    SandboxStarted(seq=2, node=0, pid=7, seconds=0.3),
    ModelRequested(
        seq=3,
        node=0,
        call=0,
        model="m",
        iteration=0,
        messages=({"role": "system", "content": "lone \ud800 surrogate"},),
    ),
    ModelAttemptFailed(
        seq=4,
        node=0,
        call=0,
        attempt=1,
        error="429",
        status=429,
        seconds=0.1,
        wait=None,
        prompt_tokens=0,
        cached_tokens=0,
        completion_tokens=0,
        reasoning_tokens=0,
        cost=0.0,
    ),
    ModelFailed(seq=4, node=0, call=0, error="429", seconds=0.1, attempts=2),
    ModelReplied(
        seq=5,
        node=0,
        call=1,
        text="\x00 ä \U0001f600",
        reasoning="",
        finish_reason=None,
        prompt_tokens=1,
        cached_tokens=0,
        completion_tokens=2,
        reasoning_tokens=0,
        cost=None,
        seconds=1,
        seconds_to_first_token=0.5,
    ),
    HistoryTrimmed(seq=5, node=0, iteration=0, messages=2, characters=900, exceeded=True),
    CodeStarted(seq=6, node=0, iteration=0, code="print(1)"),
    CodeExecuted(
        seq=7,
        node=0,
        iteration=0,
        stdout="1\n",
        stderr="",
        error=None,
        pending=("llm_query('a')",),
        seconds=0.01,
    ),
    SandboxLost(seq=8, node=0, reason="killed"),
    NodeEnded(seq=9, node=0, stop_reason="answered", answer="1", answer_type="int", error=None),
    RunEnded(
        seq=10,
        stop_reason="answered",
        answer="1",
        answer_type="int",
        error=None,
        calls=2,
        nodes=1,
        prompt_tokens=1,
        completion_tokens=2,
        cost=None,
        seconds=2.0,
    ),
)


def write(trace_dir: Path, *events: Event, run: str = "r") -> Path:
    return write_trace(trace_dir, run, *events)


def write_records(path: Path, *records: object) -> Path:
    header = {"format": "rlm-trace", "version": 2}
    path.write_bytes(b"".join(msgpack.packb(record) for record in (header, *records)))
    return path


def test_every_event_comes_back_equal(tmp_path: Path) -> None:
    path = write(tmp_path, *EVENTS)
    assert path == tmp_path / "r" / "trace.msgpack"
    assert tuple(read_trace(path)) == EVENTS


def test_trace_is_readable_while_it_grows(tmp_path: Path) -> None:
    with growing_trace(tmp_path, "r", *EVENTS[:5]) as path:
        assert tuple(read_trace(path)) == EVENTS[:5]
        assert is_being_written(path)


def test_torn_last_record_is_left_out_wherever_it_tore(tmp_path: Path) -> None:
    path = write(tmp_path, *EVENTS[:2])
    whole = path.read_bytes()
    size_before = len(write(tmp_path, EVENTS[0], run="short").read_bytes())
    torn = tmp_path / "torn"
    for size in range(size_before, len(whole)):
        torn.write_bytes(whole[:size])
        assert list(read_trace(torn)) == [EVENTS[0]]


def test_trace_is_readable_after_the_writer_was_killed(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys\n"
        "from rlm_runtime._events import SandboxLost\n"
        "from tests.traces import growing_trace\n"
        "lost = SandboxLost(node=3, reason='why')\n"
        "with growing_trace(pathlib.Path(sys.argv[1]), 'r', lost):\n"
        "    print('written', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        (path,) = list_runs(tmp_path)
        assert is_being_written(path)
        process.send_signal(signal.SIGKILL)
    assert list(read_trace(path)) == [SandboxLost(node=3, reason="why")]
    assert not is_being_written(path)


def test_only_the_user_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = write(tmp_path / "new" / "runs", *EVENTS)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (path.parent, path.parent.parent, tmp_path / "new"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_run_never_writes_over_another(tmp_path: Path) -> None:
    path = write(tmp_path, *EVENTS)
    with pytest.raises(TraceError, match="File exists"):
        write(tmp_path)
    assert tuple(read_trace(path)) == EVENTS


def test_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        TraceError, match=r"^Cannot write a trace in '.*/file/x/r': .*set trace_dir"
    ):
        write(tmp_path / "file" / "x")


@pytest.mark.anyio
async def test_failing_write_stops_the_trace_but_not_the_caller(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with open_trace_writer(tmp_path, "r") as writer:
        writer.write(EVENTS[0])
        resource.setrlimit(resource.RLIMIT_FSIZE, (writer.path.stat().st_size + 20, hard))
        try:
            writer.write(EVENTS[1])
            assert writer.error is not None
            first_error = writer.error
            writer.write(EVENTS[2])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        writer.write(EVENTS[2])
    assert first_error == writer.error
    assert first_error.startswith(f"Cannot write to trace {str(writer.path)!r}: ")
    assert list(read_trace(writer.path)) == [EVENTS[0]]


def test_value_without_a_form_in_msgpack_does_not_end_the_trace(tmp_path: Path) -> None:
    path = write(tmp_path, SandboxStarted(node=0, pid=2**100, seconds=0.0))
    with pytest.raises(TraceError, match="record 1 is a 'sandbox_started' without a right 'pid'"):
        list(read_trace(path))


def test_kinds_and_fields_of_a_later_release_are_left_out(tmp_path: Path) -> None:
    lost = {"kind": "sandbox_lost", "node": 1, "reason": "r", "since": {"new": [1, 2]}}
    path = write_records(tmp_path / "t", {"kind": "rocket_launched"}, lost, {"no": "kind"})
    assert list(read_trace(path)) == [SandboxLost(node=1, reason="r")]


def test_stop_reason_of_a_later_release_is_read(tmp_path: Path) -> None:
    ended = {"kind": "node_ended", "node": 1, "answer": "", "answer_type": "", "error": None}
    path = write_records(tmp_path / "t", {**ended, "stop_reason": "max_cost"})
    (event,) = read_trace(path)
    assert isinstance(event, NodeEnded)
    assert str(event.stop_reason) == "max_cost"


def nested(levels: int) -> bytes:
    return b"\x91" * levels + b"\xc0"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda good: b"", "it does not begin like a trace"),
        (lambda good: b"#!/bin/sh\nexit 0\n", "garbage in it"),
        (lambda good: msgpack.packb({"a": 1}), "it does not begin like a trace"),
        (
            lambda good: msgpack.packb({"format": "rlm-trace", "version": 3}),
            "its version is 3, this release reads version 2",
        ),
        (lambda good: good + b"\x00" * 100, "garbage in it"),
        (lambda good: good + b"\xc1", "garbage in it"),
        (lambda good: good + nested(100_000), "garbage in it"),
        (lambda good: good + msgpack.packb({1: 2}), "garbage in it"),
        (lambda good: good + msgpack.packb({"kind": "sandbox_lost"}), "without a right 'node'"),
        (
            lambda good: good + msgpack.packb({"kind": "sandbox_lost", "node": True, "reason": ""}),
            "without a right 'node'",
        ),
    ],
)
def test_what_is_no_trace_is_refused(
    tmp_path: Path, make: Callable[[bytes], bytes], message: str
) -> None:
    path = write(tmp_path, EVENTS[0])
    path.write_bytes(make(path.read_bytes()))
    with pytest.raises(TraceError, match=message) as caught:
        list(read_trace(path))
    assert str(caught.value).startswith(f"Cannot read trace {str(path)!r}: ")


def test_events_before_the_garbage_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, *EVENTS[:3])
    path.write_bytes(path.read_bytes() + b"\xc1")
    events = read_trace(path)
    assert [next(events) for _ in range(3)] == list(EVENTS[:3])
    with pytest.raises(TraceError, match="garbage in it"):
        next(events)


@pytest.mark.parametrize(
    ("kind", "refused"), [(b"\xdd", True), (b"\xdf", True), (b"\xc6", False), (b"\xdb", False)]
)
def test_a_length_that_lies_costs_no_memory(tmp_path: Path, kind: bytes, refused: bool) -> None:
    path = write(tmp_path, EVENTS[0])
    path.write_bytes(path.read_bytes() + (kind + b"\xff\xff\xff\xff") * 500)
    tracemalloc.start()
    try:
        # Bytes and text that are not all there are a torn record
        with pytest.raises(TraceError) if refused else contextlib.nullcontext():
            assert list(read_trace(path)) == [EVENTS[0]]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * 2**20


def test_missing_file_is_a_trace_error(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="No such file"):
        list(read_trace(tmp_path / "none"))


def test_runs_are_listed_newest_first(tmp_path: Path) -> None:
    names = ["20261120-130405-00000000", "20261120-130406-00000000", "20251120-130406-00000000"]
    for name in names:
        write(tmp_path, run=name)
    (tmp_path / "other").mkdir()
    assert [path.parent.name for path in list_runs(tmp_path)] == [names[1], names[0], names[2]]
    assert list_runs(tmp_path / "none") == []


def test_run_ids_are_unique_and_sort_by_time() -> None:
    ids = [new_run_id() for _ in range(100)]
    assert len(set(ids)) == 100
    assert [run[:20] for run in ids] == sorted(run[:20] for run in ids)
    assert all(len(run) == 24 for run in ids)
