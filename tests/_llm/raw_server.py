"""A server that knows no HTTP: it sends the bytes it was given, whatever is asked."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import SocketAttribute, SocketStream


@dataclass
class RawServer:
    """A running server and what it was sent."""

    response: bytes
    holds: bool
    drips: bytes
    port: int = 0
    requests: list[bytes] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, stream: SocketStream) -> None:
        async with stream:
            try:
                self.requests.append(await _read_request(stream))
                await stream.send(self.response)
                while self.drips:
                    await anyio.sleep(0.05)
                    await stream.send(self.drips)
                if self.holds:
                    await anyio.sleep_forever()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return


@asynccontextmanager
async def open_raw_server(
    response: bytes, *, holds: bool = False, drips: bytes = b""
) -> AsyncIterator[RawServer]:
    """Answer every connection with the response and close it, or hold it open, or go on."""
    server = RawServer(response, holds, drips)
    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):
        server.port = listener.extra(SocketAttribute.local_port)
        tasks.start_soon(listener.serve, server.serve)
        yield server
        tasks.cancel_scope.cancel()


def response(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Make a response whose body ends with the connection."""
    head = [f"HTTP/1.1 {status}", "connection: close", *headers]
    return "\r\n".join([*head, "\r\n"]).encode() + body


async def _read_request(stream: SocketStream) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.receive()
    length = re.search(rb"content-length: (\d+)", data)
    size = data.index(b"\r\n\r\n") + 4 + int(length[1] if length else 0)
    while len(data) < size:
        data += await stream.receive()
    return data
