"""Whatever a file holds: a clear error or a clean prefix, and bounded memory."""

from __future__ import annotations

import os
import random
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import anyio
import msgpack  # type: ignore[import-untyped]  # it ships no types
import pytest
import zstandard
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rlm_runtime._errors import TraceError
from rlm_runtime._events import Event, SandboxLost
from rlm_runtime._trace import stored
from rlm_runtime._trace.format import (
    EVENT,
    LARGE_EVENT,
    PART,
    PART_BYTES,
    ZSTD,
    PartHead,
    make_beginning,
    make_record,
)
from rlm_runtime._trace.reader import Trace, open_trace
from rlm_runtime._trace.values import measure_value
from rlm_runtime._trace.writer import open_trace_writer, reopen_trace_writer
from rlm_runtime._values import encode
from tests._trace.events import lost, raw_event, raw_trace
from tests.examples import examples

_HOSTILE = settings(
    max_examples=examples(150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_LARGE = bytes(range(256)) * 20_000


@contextmanager
def bounded(most: int) -> Iterator[None]:
    """Fail where more memory is taken at any time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, tuple[Event, ...], str]:
    """Write a trace of all kinds of records; give it, its events, and a reference."""
    events = (
        lost(0),
        SandboxLost(seq=1, node=1, reason="long " * 1000),
        SandboxLost(seq=2, node=2**90, reason="large"),
        lost(3),
    )

    async def write() -> tuple[bytes, str]:
        async with open_trace_writer(tmp_path_factory.mktemp("t"), "r") as writer:
            ref = await writer.keep(_LARGE)
            for event in events:
                writer.write(event)
        return writer.path.read_bytes(), ref

    data, ref = anyio.run(write)
    return data, events, ref


def read_prefix(path: Path, events: tuple[Event, ...], ref: str) -> int:
    """Read all that there is; it must be what was written, as far as it goes."""
    read: list[Event] = []
    with suppress(TraceError), open_trace(path) as trace:
        with suppress(TraceError):
            assert trace.value(ref) == _LARGE
        read.extend(trace.events())
    assert read == list(events[: len(read)])
    return len(read)


@_HOSTILE
@given(data=st.data())
def test_damage_is_an_error_or_leaves_a_prefix(
    tmp_path: Path, whole: tuple[bytes, tuple[Event, ...], str], data: st.DataObject
) -> None:
    good, events, ref = whole
    damaged = bytearray(good)
    place = st.integers(0, len(good) - 1)
    for at in data.draw(st.lists(place, min_size=1, max_size=5)):
        damaged[at] ^= data.draw(st.integers(1, 255))
    if data.draw(st.booleans()):
        del damaged[data.draw(place) :]
    path = tmp_path / "t"
    path.write_bytes(damaged)
    with bounded(40 * 2**20):
        count = read_prefix(path, events, ref)
    before = path.read_bytes()
    try:
        anyio.run(_go_on, path)
    except TraceError:
        assert path.read_bytes() == before
    else:
        with suppress(TraceError), open_trace(path) as trace:
            assert list(trace.events())[:count] == list(events[:count])


async def _go_on(path: Path) -> None:
    async with reopen_trace_writer(path) as writer:
        writer.write(lost(99))


@_HOSTILE
@given(data=st.data())
def test_what_is_cut_is_a_prefix_without_an_error(
    tmp_path: Path, whole: tuple[bytes, tuple[Event, ...], str], data: st.DataObject
) -> None:
    good, events, _ = whole
    path = tmp_path / "t"
    path.write_bytes(good[: data.draw(st.integers(len(make_beginning("r", 1.5)), len(good)))])
    with open_trace(path) as trace:
        read = list(trace.events())
    assert read == list(events[: len(read)])


@_HOSTILE
@given(seed=st.integers(0, 2**32))
def test_spliced_pieces_are_an_error_or_events(
    tmp_path: Path, whole: tuple[bytes, tuple[Event, ...], str], seed: int
) -> None:
    good, events, ref = whole
    chosen = random.Random(seed)
    cuts = sorted(chosen.randrange(len(good)) for _ in range(6))
    pieces = [good[a:b] for a, b in zip(cuts, cuts[1:], strict=False)]
    chosen.shuffle(pieces)
    path = tmp_path / "t"
    path.write_bytes(good[:60] + b"".join(pieces))
    read: list[Event] = []
    with bounded(40 * 2**20), suppress(TraceError), open_trace(path) as trace:
        with suppress(TraceError):
            assert trace.value(ref) == _LARGE
        read.extend(trace.events())
    assert all(event in events for event in read)


@_HOSTILE
@given(
    bodies=st.lists(
        st.tuples(st.sampled_from([EVENT, LARGE_EVENT, PART, 0, 72]), st.binary(max_size=60))
    )
)
@example(bodies=[(PART, PartHead(b"x" * 16, "utf8", 2**63, 0, ZSTD).pack())])
def test_garbage_in_sound_records_is_an_error_or_nothing(
    tmp_path: Path, bodies: list[tuple[int, bytes]]
) -> None:
    path = raw_trace(tmp_path / "t", *(make_record(kind, body) for kind, body in bodies))
    with bounded(20 * 2**20), open_trace(path) as trace:
        with suppress(TraceError):
            assert list(trace.events()) == []
        with pytest.raises(TraceError):
            trace.value((b"x" * 16).hex())


@_HOSTILE
@given(data=st.binary(max_size=300))
def test_random_bytes_are_no_trace(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "t"
    path.write_bytes(data)
    with pytest.raises(TraceError, match="Cannot read trace"), open_trace(path):
        pass


_NESTED = b"\x81\xa1a" * 200 + b"\x91" * 60_000 + b"\xc0"
_WIDE = b"\x81\xa1a" + b"\xdc\x10\x00" * 1000
_LYING = (b"\xdd", b"\xdf", b"\xc6", b"\xdb", b"\xc9")


@pytest.mark.parametrize(
    "body",
    [
        _NESTED,
        _WIDE,
        b"\x81\xa1a" + b"\xdd\x00\x00\xff\xff" * 12_000,
        *(b"\x81\xa1a" + kind + b"\xff\xff\xff\xff" for kind in _LYING),
        b"\x81\x91\xc0\xc0",
        b"\x81\x05\xc0",
        b"\xdf\x00\x00\x20\x00" + b"\xa1a\xc0" * 8192,
        b"\x81\xa1a\xc7\x0c\xff" + b"\xff" * 12,
    ],
)
def test_a_bomb_of_msgpack_is_an_error_and_costs_no_memory(tmp_path: Path, body: bytes) -> None:
    path = raw_trace(tmp_path / "t", raw_event({"no": "kind"}), make_record(EVENT, body))
    with bounded(45 * 2**20), pytest.raises(TraceError), open_trace(path) as trace:
        list(trace.events())


def part(data: bytes, *, size: int, index: int = 0, coding: int = ZSTD) -> tuple[bytes, str]:
    """Make a part of a value by hand, and the reference that names it."""
    digest = measure_value(b"x" * 100).digest
    head = PartHead(digest, "bytes", size, index, coding)
    return make_record(PART, head.pack(), data), digest.hex()


def _with_size(size: int, zeros: int) -> bytes:
    """Compress zeros into a frame that tells another size."""
    frame = bytearray(zstandard.ZstdCompressor().compress(b"\0" * zeros))
    assert zstandard.frame_content_size(bytes(frame)) == zeros
    at = frame.index(zeros.to_bytes(4, "little"))
    frame[at : at + 4] = size.to_bytes(4, "little")
    return bytes(frame)


def _unsized(zeros: int) -> bytes:
    return zstandard.ZstdCompressor(write_content_size=False).compress(b"\0" * zeros)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (zstandard.ZstdCompressor().compress(b"\0" * 10**9), 100),
        (zstandard.ZstdCompressor().compress(b"\0" * 10**9), 10**9),
        (_with_size(4 * 10**6, 10**8), 4 * 10**6),
        (_with_size(10**9, 10**8), 4 * 10**6),
        (_unsized(10**8), 10**5),
        (zstandard.ZstdCompressor().compress(b"x" * 100) + b"more", 100),
        (b"no frame at all", 15),
        (b"x" * 99, 100),
        (zstandard.ZstdCompressor().compress(b"y" * 100), 100),
    ],
)
@pytest.mark.parametrize("coding", [0, ZSTD, 2])
def test_a_part_that_lies_is_an_error_and_costs_no_memory(
    tmp_path: Path, data: bytes, size: int, coding: int
) -> None:
    record, ref = part(data, size=size, coding=coding)
    path = raw_trace(tmp_path / "t", record)
    with bounded(20 * 2**20), open_trace(path) as trace:
        assert list(trace.events()) == []
        with pytest.raises(TraceError, match="Cannot read value"):
            trace.value(ref)


def test_parts_that_contradict_each_other_are_an_error(tmp_path: Path) -> None:
    zeros = zstandard.ZstdCompressor().compress(b"\0" * PART_BYTES)
    first, ref = part(zeros, size=2 * PART_BYTES)
    other, _ = part(zeros, size=3 * PART_BYTES, index=1)
    gap, _ = part(zeros, size=3 * PART_BYTES, index=2)
    missing, contrary = "parts of it are not there", "its parts contradict each other"
    cases = {
        missing: ((first,), (other, first), (first, gap), (first, first)),
        contrary: ((first, other),),
    }
    for reason, traces in cases.items():
        for records in traces:
            path = raw_trace(tmp_path / "t", *records)
            with open_trace(path) as trace, pytest.raises(TraceError, match=reason):
                trace.value(ref)


def test_a_small_file_of_a_huge_value_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    zeros = zstandard.ZstdCompressor().compress(b"\0" * PART_BYTES)
    count = 2**30 // PART_BYTES + 1
    records = [part(zeros, size=count * PART_BYTES, index=index)[0] for index in range(count)]
    path = raw_trace(tmp_path / "t", *records)
    assert path.stat().st_size < 2**20
    with bounded(20 * 2**20), open_trace(path) as trace:
        with pytest.raises(TraceError, match="more than 1,073,741,824"):
            trace.value(part(b"", size=1)[1])


def test_many_texts_of_one_event_are_bounded_together(tmp_path: Path) -> None:
    compressor = zstandard.ZstdCompressor()
    records, refs = [], []
    for number in range(100):
        text = str(number) * (2**20 // len(str(number)))
        bulk = measure_value(text)
        head = PartHead(bulk.digest, "utf8", bulk.size, 0, ZSTD)
        records.append(make_record(PART, head.pack(), compressor.compress(text.encode())))
        refs.append(msgpack.ExtType(1, bulk.digest))
    event = {"kind": "code_executed", "node": 1, "pending": refs}
    path = raw_trace(tmp_path / "t", *records, raw_event(event))
    with bounded(30 * 2**20), open_trace(path, max_value=10 * 2**20) as trace:
        with pytest.raises(TraceError, match="has a text that cannot be read: it has 1,0"):
            list(trace.events())


def test_more_values_than_any_run_makes_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "_MAX_PLACES", 10)
    heads = (PartHead(bytes([n]) * 16, "utf8", 0, 0, 0).pack() for n in range(11))
    path = raw_trace(tmp_path / "t", *(make_record(PART, head) for head in heads))
    with open_trace(path) as trace, pytest.raises(TraceError, match="more than 10 values"):
        list(trace.events())


def test_zeros_without_end_are_not_read(tmp_path: Path) -> None:
    path = raw_trace(tmp_path / "t", raw_event({"no": "kind"}))
    os.truncate(path, 2**40)
    with open_trace(path) as trace, pytest.raises(TraceError, match="it is damaged at byte"):
        list(trace.events())


def test_a_large_event_that_is_none_is_an_error(tmp_path: Path) -> None:
    for value, reason in (([], "is no map"), ({"kind": []}, None), ({1: 2}, None)):
        data = encode(value)
        bulk = measure_value(value)
        head = PartHead(bulk.digest, "value", len(data), 0, 0)
        records = make_record(PART, head.pack(), data), make_record(LARGE_EVENT, bulk.digest)
        with open_trace(raw_trace(tmp_path / "t", *records)) as trace:
            if reason is None:
                assert list(trace.events()) == []
                continue
            with pytest.raises(TraceError, match=reason):
                list(trace.events())


@pytest.mark.parametrize("field", ["seconds", "node", "limits"])
def test_numbers_that_no_float_can_hold_are_an_error(tmp_path: Path, field: str) -> None:
    ran: dict[str, object] = {"kind": "sandbox_started", "node": 1, "pid": 1, "seconds": 1}
    told: dict[str, object] = {"kind": "limits_told", "node": 1, "iteration": 1}
    for huge, is_read in ((10**299, True), (10**400, False), (-(10**400), False)):
        value = {**told, "limits": {"a": huge}} if field == "limits" else {**ran, field: huge}
        data, bulk = encode(value), measure_value(value)
        head = PartHead(bulk.digest, "value", len(data), 0, 0)
        records = make_record(PART, head.pack(), data), make_record(LARGE_EVENT, bulk.digest)
        with open_trace(raw_trace(tmp_path / "t", *records)) as trace:
            if is_read:
                assert len(list(trace.events())) == 1
                continue
            with pytest.raises(TraceError, match=f"without a right '{field}'"):
                list(trace.events())


def test_values_are_not_read_to_find_the_events(
    tmp_path: Path, whole: tuple[bytes, tuple[Event, ...], str]
) -> None:
    path = tmp_path / "t"
    good, events, ref = whole
    # A flip in the data of the large value
    damaged = bytearray(good)
    damaged[good.index(b"(\xb5/\xfd") + 20] ^= 1
    path.write_bytes(damaged)

    def read(trace: Trace) -> list[Event]:
        return list(trace.events())

    with open_trace(path) as trace:
        assert read(trace) == list(events)
        with pytest.raises(TraceError, match=f"Cannot read value '{ref}' of trace .*damaged"):
            trace.value(ref)
