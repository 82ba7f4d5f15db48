"""Frames: the JSON of a message and its payload, cut out of a byte stream.

`deno_sandbox/PROTOCOL.md` describes them. What comes in is not trusted: it is frames, or an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import anyio
import anyio.abc

_HEADER = re.compile(rb"Content-Length: (\d{1,15})\r\n(?:Payload-Length: (\d{1,15})\r\n)?\r\n")
_HEADER_START = b"Content-Length: "
_HEADER_BYTES = 256


class PeerError(Exception):
    """The other end is gone, or does not keep to the protocol."""


class PeerClosedError(PeerError):
    """The other end is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameLimits:
    """How much the other end may send, in bytes."""

    json: int = 2 << 20
    """Of JSON in one frame."""
    payload: int = 4 << 30
    """Of payload in one frame."""
    held: int = 4 << 30
    """Of requests that are being served; nothing is read while there are more."""


class FrameReader:
    """Reads frames from a byte stream."""

    def __init__(self, stream: anyio.abc.ByteReceiveStream, limits: FrameLimits) -> None:
        self._stream = stream
        self._limits = limits
        self._buffer = bytearray()

    async def read(self) -> tuple[bytes, bytearray | None] | None:
        """Read the JSON and the payload of the next frame; None at the end of the stream.

        Raises:
            PeerError: What comes is not a frame, or is too large.
        """
        while (end := self._buffer.find(b"\r\n\r\n", 0, _HEADER_BYTES)) < 0:
            # Stray output shows at its first bytes, whether or not more follows
            start = self._buffer[: len(_HEADER_START)]
            if len(self._buffer) >= _HEADER_BYTES or not _HEADER_START.startswith(start):
                raise PeerError(f"Cannot read a frame: bad header {bytes(self._buffer[:60])!r}")
            if not await self._fill():
                if self._buffer:
                    raise PeerClosedError("Cannot read a frame: the stream ended in a header")
                return None
        match = _HEADER.fullmatch(self._buffer, 0, end + 4)
        if match is None:
            raise PeerError(f"Cannot read a frame: bad header {bytes(self._buffer[:60])!r}")
        sizes = [None if size is None else int(size) for size in match.groups()]
        # A match holds the buffer, which could not shrink
        del match
        del self._buffer[: end + 4]
        text = await self._take(sizes[0] or 0, self._limits.json)
        payload = None if sizes[1] is None else await self._take(sizes[1], self._limits.payload)
        return bytes(text), payload

    async def _fill(self) -> bool:
        try:
            self._buffer += await self._stream.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError, OSError):
            return False
        return True

    async def _take(self, size: int, limit: int) -> bytearray:
        if size > limit:
            raise PeerError(f"Cannot read a frame: {size} bytes, the limit is {limit}")
        # Memory follows what has arrived, not what the header promised
        while len(self._buffer) < size:
            if not await self._fill():
                raise PeerClosedError("Cannot read a frame: the stream ended in it")
        if len(self._buffer) == size:
            taken, self._buffer = self._buffer, bytearray()
        else:
            taken = self._buffer[:size]
            del self._buffer[:size]
        return taken
