"""An in-memory byte pipe that behaves as one of the system, and the frames to put into it."""

from __future__ import annotations

import json

import anyio
import anyio.abc
import anyio.lowlevel


class Pipe(anyio.abc.ByteStream):
    """What is sent comes out, at most `piece` bytes at a time; a sender waits while it is full."""

    def __init__(self, *, piece: int = 65_536, room: int = 1 << 20) -> None:
        self._piece = piece
        self._room = room
        self._held = bytearray()
        self._ended = False
        self._changed = anyio.Event()

    def feed(self, data: bytes) -> None:
        """Put bytes in, whether or not there is room."""
        self._held += data
        self._announce()

    def end(self) -> None:
        """Let the reader find the end once it has read what is held."""
        self._ended = True
        self._announce()

    async def send(self, item: bytes) -> None:
        await anyio.lowlevel.checkpoint()
        view = memoryview(item)
        while view:
            if self._ended:
                raise anyio.BrokenResourceError
            if room := self._room - len(self._held):
                self.feed(bytes(view[:room]))
                view = view[room:]
            else:
                await self._changed.wait()

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        await anyio.lowlevel.checkpoint()
        while not self._held:
            if self._ended:
                raise anyio.EndOfStream
            await self._changed.wait()
        taken = bytes(self._held[: min(self._piece, max_bytes)])
        del self._held[: len(taken)]
        self._announce()
        return taken

    async def send_eof(self) -> None:
        self.end()

    async def aclose(self) -> None:
        self.end()

    def _announce(self) -> None:
        changed, self._changed = self._changed, anyio.Event()
        changed.set()


def frame(message: object, payload: bytes | None = None) -> bytes:
    text = message if isinstance(message, bytes) else json.dumps(message).encode()
    size = b"" if payload is None else b"Payload-Length: %d\r\n" % len(payload)
    return b"Content-Length: %d\r\n%b\r\n%b%b" % (len(text), size, text, payload or b"")
