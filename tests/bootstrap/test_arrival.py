"""Large payloads put together from pieces, with Python's own API in place of Pyodide's."""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any

import pytest
from bootstrap.arrival import Arrival

copy: Any = ctypes.PYFUNCTYPE(
    ctypes.c_ssize_t,
    *(ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_ssize_t),
)(("PyUnicode_CopyCharacters", ctypes.pythonapi))


class Piece(bytes):
    """Bytes that behave as those of JavaScript."""

    def to_bytes(self) -> bytes:
        return bytes(self)

    def assign_to(self, to: memoryview) -> None:
        to[:] = self


def arrival(kind: str, size: int, **about: int) -> Arrival:
    message = {"id": 1, "payload": {"at": "params.value", "kind": kind, **about}}
    return Arrival(json.dumps(message), size, copy)


def put_together(text: str, cut: int) -> object:
    data = text.encode("utf-8", "surrogatepass")
    arriving = arrival("utf8", len(data), characters=len(text))
    ends = [arriving.take(Piece(data[start : start + cut])) for start in range(0, len(data), cut)]
    assert ends == [False] * (len(ends) - 1) + [True]
    return arriving.payload()


TEXTS: dict[str, str] = {
    "ASCII": "plain text",
    "Latin": "plain größe",
    "two widths at once": "ab😀ü漢",
    "every width in its turn": "abc" * 5 + "ü" * 5 + "漢" * 5 + "😀" * 5,
    "every width, the widest first": "😀" * 5 + "漢" * 5 + "ü" * 5 + "abc" * 5,
    "one wide character at the end": "x" * 50 + "\U0010ffff",
    "the last of each width": "\x7f\x80\xff\u0100\uffff\U00010000\U0010ffff",
    "lone surrogates": "\ud800\ud800 \udfff\ud83d",
    "halves of pairs": "\ud83d\ude00\ud83d😀\ude00",
    "zeros": "\0\0\0ü\0",
}


@pytest.mark.parametrize("cut", range(1, 8))
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_text_is_the_same_wherever_it_was_cut(text: str, cut: int) -> None:
    made = put_together(text, cut)
    assert isinstance(made, str)
    assert made == text and hash(made) == hash(text) and text in {made: 1}
    # One that is wider than it must be is unequal to others, and takes more memory
    assert sys.getsizeof(made) == sys.getsizeof(text[:1] + text[1:])
    assert made.isascii() == text.isascii() and made.encode("utf-8", "surrogatepass")
    assert made[1:] + "x" == text[1:] + "x"


@pytest.mark.parametrize("kind", ["bytes", "value"])
@pytest.mark.parametrize("cut", [1, 3, 50, 256])
def test_bytes_are_the_same_wherever_they_were_cut(kind: str, cut: int) -> None:
    data = bytes(range(256))
    arriving = arrival(kind, len(data))
    for start in range(0, len(data), cut):
        arriving.take(Piece(data[start : start + cut]))
    assert arriving.payload() == data and type(arriving.payload()) is bytes


@pytest.mark.parametrize("size", [2**62, 2**70])
@pytest.mark.parametrize("kind", ["utf8", "bytes", "value"])
def test_what_there_is_no_room_for_is_read_to_its_end(kind: str, size: int) -> None:
    arriving = arrival(kind, 6, characters=size) if kind == "utf8" else arrival(kind, size)
    assert arriving.take(Piece(b"abc")) is False
    if kind == "utf8":
        assert arriving.take(Piece(b"abc")) is True
    assert arriving.payload() is None


def test_no_room_for_a_piece_is_no_room_for_the_whole() -> None:
    class Full(Piece):
        def to_bytes(self) -> bytes:
            raise MemoryError

    arriving = arrival("utf8", 9, characters=9)
    takes = [arriving.take(one) for one in (Piece(b"abc"), Full(b"abc"), Piece(b"abc"))]
    assert takes == [False, False, True] and arriving.payload() is None


@pytest.mark.parametrize(("data", "characters"), [(b"abc", 4), (b"\xc3\xbc", 3), (b"ab\xc3", 3)])
def test_a_text_that_is_not_what_was_said_of_it_is_an_error(data: bytes, characters: int) -> None:
    arriving = arrival("utf8", len(data), characters=characters)
    arriving.take(Piece(data))
    with pytest.raises(ValueError):
        arriving.payload()
