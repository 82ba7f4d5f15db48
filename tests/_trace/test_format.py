"""Every event and value comes back as it was, also what a later release writes; else it is said."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgpack  # type: ignore[import-untyped]  # it ships no types
import pytest
from hypothesis import given, settings

from rlm_runtime._errors import TraceError
from rlm_runtime._events import (
    EVENT_TYPES,
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
from rlm_runtime._trace.encoding import EventEncoder
from rlm_runtime._trace.format import (
    EVENT,
    MAGIC,
    MAX_BODY,
    START_BYTES,
    make_beginning,
    make_record,
)
from rlm_runtime._trace.places import list_runs, new_run_id
from rlm_runtime._trace.reader import open_trace, read_trace
from rlm_runtime._trace.writer import open_trace_writer
from tests._trace.events import events, lost, raw_event, raw_trace
from tests.examples import examples
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


def test_every_event_comes_back_equal(tmp_path: Path) -> None:
    path = write_trace(tmp_path, "r", *EVENTS)
    assert path == tmp_path / "r" / "trace.msgpack"
    assert tuple(read_trace(path)) == EVENTS


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_whatever_an_event_holds_comes_back_equal(tmp_path: Path, kind: str) -> None:
    encoder = EventEncoder(set())

    @settings(max_examples=examples(12), deadline=None, database=None)
    @given(event=events(kind))
    def check(event: Event) -> None:
        # A text that an earlier one had is not stored again, so the file is that of all so far
        records.extend(encoder.encode(event))
        made.append(event)
        assert list(read_trace(raw_trace(tmp_path / "t", *records))) == made

    made: list[Event] = []
    records: list[bytes] = []
    check()


def test_trace_is_readable_while_it_grows(tmp_path: Path) -> None:
    with growing_trace(tmp_path, "r", *EVENTS[:5]) as path:
        assert tuple(read_trace(path)) == EVENTS[:5]


def test_header_tells_the_run(tmp_path: Path) -> None:
    with open_trace(write_trace(tmp_path, "r7")) as trace:
        assert (trace.header.run, trace.header.version) == ("r7", 2)
        assert trace.header.time > 1.7e9
        assert list(trace.events()) == []


def test_long_texts_are_stored_once(tmp_path: Path) -> None:
    prompt = "".join(f"{number} of many\ud800" for number in range(10_000))
    messages = ({"role": "system", "content": prompt},) * 3
    made = [
        ModelRequested(node=n, call=n, model="m", iteration=None, messages=messages)
        for n in range(50)
    ]
    path = write_trace(tmp_path, "r", *made)
    assert list(read_trace(path)) == made
    assert path.stat().st_size < len(prompt)


def test_an_event_of_any_size_is_kept_whole(tmp_path: Path) -> None:
    many = tuple(f"name_{number:020}" for number in range(100_000))
    executed = CodeExecuted(
        node=1, iteration=0, stdout="x" * (9 * 2**20), stderr="", error=None, pending=(),
        seconds=2**70, variables=many,
    )  # fmt: skip
    made = [
        executed,
        replace(executed, seconds=1, variables=many[:4096]),
        replace(executed, seconds=1, variables=("x",) * 4097),
        SandboxStarted(node=0, pid=2**100, seconds=0.0),
    ]
    assert list(read_trace(write_trace(tmp_path, "r", *made))) == made


VALUES = [
    "",
    "short \ud800\udc00",
    "é" * 5_000_000,
    b"",
    b"\x00" * (4 * 2**20),
    os.urandom(4 * 2**20 + 1),
    None,
    2**100,
    {"a": (1, {2.5}), 3: ["x" * 5000]},
    list(range(100_000)),
]


@pytest.mark.anyio
async def test_every_value_comes_back_equal(tmp_path: Path) -> None:
    async with open_trace_writer(tmp_path, "r") as writer:
        refs = [await writer.keep(value) for value in VALUES]
        with open_trace(writer.path) as trace:
            await writer.wait_written()
            for ref, value in zip(refs, VALUES, strict=True):
                back = trace.value(ref)
                assert (type(back), back) == (type(value), value)
        assert await writer.keep(object()) == ""
    assert len(set(refs)) == len(VALUES)
    assert not list(read_trace(writer.path))


@pytest.mark.anyio
async def test_a_value_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    async with open_trace_writer(tmp_path, "r") as writer:
        ref = await writer.keep("here")
    with open_trace(writer.path) as trace:
        assert trace.value(ref) == "here"
        for other in ("0" * 32, "", "none"):
            with pytest.raises(TraceError, match=rf"^Cannot read value '{other}' of trace "):
                trace.value(other)


@pytest.mark.anyio
async def test_a_value_larger_than_allowed_is_refused(tmp_path: Path) -> None:
    async with open_trace_writer(tmp_path, "r") as writer:
        ref = await writer.keep("x" * 2000)
        writer.write(SandboxLost(node=1, reason="x" * 2000))
    with open_trace(writer.path, max_value=1999) as trace:
        with pytest.raises(TraceError, match="it has 2,000 bytes, more than 1,999"):
            trace.value(ref)
        with pytest.raises(TraceError, match="a text that cannot be read: it has 2,000 bytes"):
            list(trace.events())


def test_kinds_and_fields_of_a_later_release_are_left_out(tmp_path: Path) -> None:
    event = {"kind": "sandbox_lost", "node": 1, "reason": "r", "since": {"new": [1, 2]}}
    unknown = msgpack.packb({**event, "extension": msgpack.ExtType(77, b"?")})
    path = raw_trace(
        tmp_path / "t",
        make_record(ord("?"), b"some other kind"),
        raw_event({"kind": "rocket_launched"}),
        raw_event(event),
        raw_event({"no": "kind"}),
        make_record(EVENT, unknown),
    )
    assert list(read_trace(path)) == [SandboxLost(node=1, reason="r")] * 2


def test_a_minor_release_later_is_read(tmp_path: Path) -> None:
    path = raw_trace(tmp_path / "t", raw_event({"kind": "sandbox_lost", "node": 1, "reason": "r"}))
    whole = bytearray(path.read_bytes())
    whole[START_BYTES - 1] = 9
    path.write_bytes(whole)
    assert list(read_trace(path)) == [SandboxLost(node=1, reason="r")]


def test_stop_reason_of_a_later_release_is_read(tmp_path: Path) -> None:
    ended = {"kind": "node_ended", "node": 1, "answer": "", "answer_type": "", "error": None}
    path = raw_trace(tmp_path / "t", raw_event({**ended, "stop_reason": "max_sorrow"}))
    (event,) = read_trace(path)
    assert isinstance(event, NodeEnded)
    assert str(event.stop_reason) == "max_sorrow"


BEGINNING = make_beginning("r", 1.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda good: b"", "it does not begin like a trace"),
        (lambda good: b"#!/bin/sh\nexit 0\n" * 100, "it does not begin like a trace"),
        (lambda good: good[: len(BEGINNING) - 1], "it does not begin like a trace"),
        (lambda good: good[:START_BYTES] + raw_event({}), "it does not begin like a trace"),
        (
            lambda good: good[:START_BYTES] + make_record(ord("H"), b"\xc0"),
            "it does not begin like a trace",
        ),
        (lambda good: MAGIC + b"\0\3" + good[10:], "version is 3, this release reads version 2"),
        (
            lambda good: msgpack.packb({"format": "rlm-trace", "version": 1, "run": "r"}),
            "its version is 1, this release reads version 2",
        ),
        (lambda good: good + b"\x01" * 100, f"it is damaged at byte {len(BEGINNING)}"),
        (
            lambda good: good + b"\0" * 100 + b"\1",
            f"it is damaged at byte {len(BEGINNING)}",
        ),
        (lambda good: good + raw_event([]), "is no map"),
        (lambda good: good + raw_event({1: 2}), "is garbage"),
        (lambda good: good + raw_event({"kind": "sandbox_lost"}), "without a right 'node'"),
        (
            lambda good: good + raw_event({"kind": "sandbox_lost", "node": True, "reason": ""}),
            "without a right 'node'",
        ),
        (lambda good: good + make_record(ord("L"), b"x" * 16), "cannot be read: it is not there"),
        (
            lambda good: good + raw_event({"a": msgpack.ExtType(1, b"x" * 16)}),
            "has a text that cannot be read: it is not there",
        ),
        (lambda good: good + make_record(EVENT, b"\xc1"), "is garbage"),
        (lambda good: good + make_record(EVENT, b"x" * 65537), "it is damaged at byte"),
        (lambda good: good + make_record(7, b"x" * (MAX_BODY + 1)), "it is damaged at byte"),
    ],
)
def test_what_is_no_trace_is_refused(
    tmp_path: Path, make: Callable[[bytes], bytes], message: str
) -> None:
    path = tmp_path / "t"
    path.write_bytes(make(BEGINNING))
    with pytest.raises(TraceError, match=message) as caught:
        list(read_trace(path))
    assert str(caught.value).startswith(f"Cannot read trace {str(path)!r}: ")


def test_events_before_the_damage_are_read(tmp_path: Path) -> None:
    path = write_trace(tmp_path, "r", *EVENTS[:3])
    path.write_bytes(path.read_bytes() + b"\xc1" * 20)
    read = read_trace(path)
    assert [next(read) for _ in range(3)] == list(EVENTS[:3])
    with pytest.raises(TraceError, match="it is damaged at byte"):
        next(read)


def test_only_the_user_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = write_trace(tmp_path / "new" / "runs", "r", *EVENTS)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (path.parent, path.parent.parent, tmp_path / "new"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_run_never_writes_over_another(tmp_path: Path) -> None:
    path = write_trace(tmp_path, "r", *EVENTS)
    with pytest.raises(TraceError, match="File exists"):
        write_trace(tmp_path, "r")
    assert tuple(read_trace(path)) == EVENTS


def test_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        TraceError, match=r"^Cannot write a trace in '.*/file/x/r': .*set trace_dir"
    ):
        write_trace(tmp_path / "file" / "x", "r")


def test_a_trace_is_read_within_its_block_only(tmp_path: Path) -> None:
    with open_trace(write_trace(tmp_path, "r", lost(1))) as trace:
        read = trace.events()
    with pytest.raises(TraceError, match="it was closed"):
        next(read)


def test_runs_are_listed_newest_first(tmp_path: Path) -> None:
    names = ["20261120-130405-00000000", "20261120-130406-00000000", "20251120-130406-00000000"]
    for name in names:
        write_trace(tmp_path, name)
    (tmp_path / "other").mkdir()
    assert [path.parent.name for path in list_runs(tmp_path)] == [names[1], names[0], names[2]]
    assert list_runs(tmp_path / "none") == []


def test_run_ids_are_unique_and_sort_by_time() -> None:
    ids = [new_run_id() for _ in range(100)]
    assert len(set(ids)) == 100
    assert [run[:20] for run in ids] == sorted(run[:20] for run in ids)
    assert all(len(run) == 24 for run in ids)
