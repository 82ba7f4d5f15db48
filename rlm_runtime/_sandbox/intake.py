"""Turns what a sandbox sends into values, within a bound on the memory that they take here."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread

from rlm_runtime._payload import Payload
from rlm_runtime._values import MalformedValueError, decode

_T = TypeVar("_T")

_THREAD_BYTES = 1 << 16
_PIECE = 1 << 20
_HEAD = 8
# What CPython takes for the parts that JSON writes as one character: the most that was measured,
# with what decoding needs meanwhile
_PART_BYTES = {b"[": 130, b"{": 350, b",": 60}
_WIDE_LEADS = bytes(range(0xF0, 0xF5))


class Intake:
    """Takes the payloads of one sandbox, one at a time and no more at once than it may hold."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._held = 0
        self._room = anyio.Event()
        self._turn = anyio.Lock()
        # A thread of its own: sandboxes that send much do not keep each other waiting
        self._thread = anyio.CapacityLimiter(1)

    @asynccontextmanager
    async def value(self, payload: Payload) -> AsyncIterator[object]:
        """Give the value of a payload, which counts as held for the length of the block.

        Raises:
            MalformedValueError: It is not what it says, or would take too much memory.
        """
        weight = 0
        try:
            async with self._turn:
                weight = await self._admit(payload)
                value = await self._run(_unpack, payload)
            yield value
        finally:
            self._held -= weight
            self._room.set()

    async def _admit(self, payload: Payload) -> int:
        weight = await self._run(partial(weigh, most=self._most), payload)
        if weight > self._most:
            raise MalformedValueError(
                f"it sent a value that takes more than {self._most >> 20} MiB of memory"
            )
        while self._held + weight > self._most:
            self._room = anyio.Event()
            await self._room.wait()
        self._held += weight
        return weight

    async def _run(self, work: Callable[[Payload], _T], payload: Payload) -> _T:
        if len(payload.data) < _THREAD_BYTES:
            return work(payload)
        return await anyio.to_thread.run_sync(work, payload, limiter=self._thread)


def weigh(payload: Payload, most: int) -> int:
    """Estimate the memory that the value of a payload takes; past `most`, what was found so far."""
    data = payload.data
    if payload.kind == "bytes":
        return len(data)
    weight = 0
    structure = 0
    if payload.kind == "value":
        structure = _HEAD + int.from_bytes(data[:_HEAD], "big")
    wide = 1
    # In pieces, since counting lets no other thread run
    for start in range(0, len(data), _PIECE):
        piece = data[start : start + _PIECE]
        if wide < 4 and not piece.isascii():
            wide = 4 if len(piece.translate(None, _WIDE_LEADS)) < len(piece) else 2
        parts = piece[: max(0, structure - start)]
        weight += sum(parts.count(part) * size for part, size in _PART_BYTES.items())
        if weight + wide * start > most:
            break
    return weight + wide * len(data)


def _unpack(payload: Payload) -> object:
    if len(payload.data) < _THREAD_BYTES:
        return _decode(payload)
    # The collector would walk all that is being built, again and again, while no thread can run
    enabled = gc.isenabled()
    gc.disable()
    try:
        return _decode(payload)
    except MemoryError:
        raise MalformedValueError("it sent a value that the host has no memory for") from None
    finally:
        if enabled:
            gc.enable()


def _decode(payload: Payload) -> object:
    match payload.kind:
        case "utf8":
            try:
                return payload.data.decode("utf-8", "surrogatepass")
            except UnicodeDecodeError as exc:
                raise MalformedValueError(f"its text is not UTF-8: {exc.reason}") from exc
        case "bytes":
            return bytes(payload.data)
        case "value":
            return decode(payload.data)
