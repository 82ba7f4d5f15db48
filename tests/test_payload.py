"""Payloads, whole and as the pieces that are sent."""

from __future__ import annotations

import tracemalloc

import anyio
import pytest

from rlm_runtime._frames import FrameLimits, FrameReader
from rlm_runtime._jsonrpc import Params, Reply, RequestError, open_peer
from rlm_runtime._payload import PIECE_BYTES, PIECE_CHARS, Payload, Text
from tests.pipes import Pipe

TEXTS: dict[str, str] = {
    "nothing": "",
    "a character": "x",
    "one piece": "x" * PIECE_CHARS,
    "one piece and a character": "x" * PIECE_CHARS + "ü",
    "two, three and four bytes over every end": "aü漢😀" * PIECE_CHARS,
    "halves of a pair on both sides of an end": "\ud83d\ude00" * PIECE_CHARS + "\ud83d",
    "halves of a pair, the other way": "x" + "\ud83d\ude00" * PIECE_CHARS,
    "the widest at the end": "x" * (3 * PIECE_CHARS - 1) + "\U0010ffff",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_the_pieces_of_a_text_are_its_utf8_each_of_whole_characters(text: str) -> None:
    sent = Text(text, "params.value")
    whole = text.encode("utf-8", "surrogatepass")
    pieces = list(sent.pieces())
    assert b"".join(pieces) == whole and sent.size == len(whole)
    assert all(0 < len(piece) <= PIECE_BYTES for piece in pieces)
    assert "".join(piece.decode("utf-8", "surrogatepass") for piece in pieces) == text
    assert sent.describe() == {"at": "params.value", "kind": "utf8", "characters": len(text)}


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1])
def test_the_pieces_of_bytes_are_those_bytes(size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    for given in (data[:size], bytearray(data[:size])):
        payload = Payload("bytes", given)
        pieces = list(payload.pieces())
        assert b"".join(pieces) == given and payload.size == size
        assert all(0 < len(piece) <= PIECE_BYTES for piece in pieces)


async def refuse(method: str, params: Params, payload: Payload | None) -> Reply:
    raise RequestError("no")


async def send(payload: Payload | Text) -> int:
    """Send a payload to an end that keeps nothing; return how many bytes came."""
    there, back = Pipe(room=65_536), Pipe()
    came = 0
    async with open_peer(back, there, on_request=refuse, on_notification=lambda *_: None) as peer:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(peer.request, "m", {}, payload)
            while came < payload.size:
                came += len(await there.receive())
            tasks.cancel_scope.cancel()
    return came


@pytest.mark.anyio
@pytest.mark.parametrize(
    "payload",
    [
        Text("x" * 20_000_000, "params.value"),
        Text("ü" * 10_000_000, "params.value"),
        Payload("bytes", bytes(20_000_000)),
    ],
    ids=["ASCII", "other text", "bytes"],
)
async def test_sending_makes_no_copy_of_the_whole(payload: Payload | Text) -> None:
    with anyio.fail_after(30):
        tracemalloc.start()
        try:
            assert await send(payload) >= 20_000_000
            assert tracemalloc.get_traced_memory()[1] < 6 * PIECE_BYTES
        finally:
            tracemalloc.stop()


@pytest.mark.anyio
async def test_a_text_arrives_with_what_is_said_of_it() -> None:
    there, back = Pipe(), Pipe()
    async with open_peer(back, there, on_request=refuse, on_notification=lambda *_: None) as peer:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(peer.request, "m", {}, Text("ü\ud800", "params.value"))
            with anyio.fail_after(5):
                heard = await FrameReader(there, FrameLimits()).read()
            assert heard is not None and bytes(heard[1] or b"") == b"\xc3\xbc\xed\xa0\x80"
            assert b'"payload":{"at":"params.value","kind":"utf8","characters":2}' in heard[0]
            tasks.cancel_scope.cancel()
