"""Frames, however they are cut and whatever comes instead of them."""

from __future__ import annotations

import tracemalloc

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_runtime._frames import FrameLimits, FrameReader, PeerError
from tests.examples import examples
from tests.pipes import Pipe, frame

pytestmark = pytest.mark.anyio

LIMITS = FrameLimits(json=1 << 20, payload=1 << 22)


async def read_all(data: bytes, piece: int, limits: FrameLimits = LIMITS) -> list[object]:
    pipe = Pipe(piece=piece)
    pipe.feed(data)
    pipe.end()
    reader = FrameReader(pipe, limits)
    frames: list[object] = []
    while (one := await reader.read()) is not None:
        frames.append(one)
    return frames


FRAMES: list[tuple[bytes, bytes | None]] = [
    (b"{}", None),
    ('"grüße"'.encode(), b"\r\n\r\n\0\xff"),
    (b"[]", b""),
    (b"", None),
    (b"x" * 300, b"Content-Length: 1\r\n\r\n"),
]


@pytest.mark.parametrize("piece", [*range(1, 60), 65_536])
async def test_frames_come_out_whole_however_they_are_cut(piece: int) -> None:
    assert await read_all(b"".join(frame(*one) for one in FRAMES), piece) == FRAMES


@pytest.mark.parametrize(
    "header",
    [
        b"Hello\r\n\r\n",
        b"\r\n\r\n",
        b"content-length: 2\r\n\r\n",
        b"Content-Length:2\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: +1\r\n\r\n",
        b"Content-Length: 1_0\r\n\r\n",
        b"Content-Length: 0x1\r\n\r\n",
        "Content-Length: ٢\r\n\r\n".encode(),
        b"Content-Length: 2\n\n\r\n\r\n",
        b"Content-Length: 2\r\nX: 1\r\n\r\n",
        b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n",
        b"Payload-Length: 2\r\nContent-Length: 2\r\n\r\n",
        b"Content-Length: 1234567890123456\r\n\r\n",
        b"Content-Length: " + b"1" * 300,
        b"Content-Length: 2\r\n\r\n{}" + b"garbage after a frame",
    ],
)
@pytest.mark.parametrize("piece", [1, 65_536])
async def test_a_header_that_is_not_one_is_refused(header: bytes, piece: int) -> None:
    with pytest.raises(PeerError, match="bad header"):
        await read_all(header + b"{}", piece)


async def test_stray_output_is_refused_before_anything_follows_it() -> None:
    pipe = Pipe()
    pipe.feed(b"hi\n")
    with anyio.fail_after(2), pytest.raises(PeerError, match="bad header b'hi"):
        await FrameReader(pipe, LIMITS).read()


@pytest.mark.parametrize("size", [5, 25, 30, 50])
async def test_an_end_inside_of_a_frame_is_an_error(size: int) -> None:
    with pytest.raises(PeerError, match="the stream ended in"):
        await read_all(frame({"a": 1}, b"abcdef")[:size], 7)


async def test_sizes_over_the_limit_are_refused_before_their_bytes_come() -> None:
    limits = FrameLimits(json=10, payload=20)
    assert await read_all(frame(b"x" * 10, b"y" * 20), 3, limits) == [(b"x" * 10, b"y" * 20)]
    with pytest.raises(PeerError, match="11 bytes, the limit is 10"):
        await read_all(b"Content-Length: 11\r\n\r\n", 99, limits)
    with pytest.raises(PeerError, match="21 bytes, the limit is 20"):
        await read_all(b"Content-Length: 1\r\nPayload-Length: 21\r\n\r\nx", 99, limits)


async def test_memory_follows_what_arrived_not_what_the_header_promised() -> None:
    pipe = Pipe()
    pipe.feed(b"Content-Length: 1000000\r\nPayload-Length: 4000000000\r\n\r\nabc")
    tracemalloc.start()
    try:
        with anyio.move_on_after(0.05) as scope:
            await FrameReader(pipe, FrameLimits()).read()
        assert scope.cancelled_caught
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()


async def read_or_refuse(data: bytes, piece: int) -> None:
    try:
        await read_all(data, piece)
    except PeerError:
        pass


chunks = st.one_of(
    st.binary(max_size=40),
    st.builds(frame, st.binary(max_size=300), st.none() | st.binary(max_size=300)),
    st.sampled_from([b"Content-Length: ", b"Payload-Length: 3", b"\r\n", b"\r\n\r\n", b"12"]),
)


@given(st.lists(chunks, max_size=6).map(b"".join), st.integers(1, 99))
@settings(max_examples=examples(200), deadline=None)
def test_any_bytes_are_frames_or_an_error(data: bytes, piece: int) -> None:
    anyio.run(read_or_refuse, data, piece)
