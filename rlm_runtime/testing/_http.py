"""HTTP/1.1 as a server speaks it, over one byte stream: h11 does the thinking."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import anyio
import h11
from anyio.abc import ByteStream

_MAX_BODY_BYTES = 256 * 1024 * 1024
_GONE = (anyio.EndOfStream, anyio.BrokenResourceError)


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPRequest:
    """One request, read whole."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Values by name in lower case."""
    body: bytes


class HTTPConnection:
    """One connection of a client.

    The methods that send do nothing where the client has hung up: nobody is left to tell.
    """

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._h11 = h11.Connection(h11.SERVER)
        self._head_only = False
        self._held = b""

    async def read_request(self) -> HTTPRequest | None:
        """Read the next request; None when there is none, or nothing that is one."""
        try:
            head = await self._next_event()
            if not isinstance(head, h11.Request):
                return None
            self._head_only = head.method == b"HEAD"
            body = await self._read_body()
        except h11.RemoteProtocolError as exc:
            await self._refuse(exc)
            return None
        except _GONE:
            return None
        return HTTPRequest(
            method=head.method.decode("ascii"),
            path=head.target.decode("ascii").partition("?")[0],
            headers={name.decode("ascii"): value.decode("latin-1") for name, value in head.headers},
            body=body,
        )

    async def send_json(
        self, status: int, value: object, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer with one JSON value."""
        await self.send_body(status, json.dumps(value).encode("ascii"), headers)

    async def send_body(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer with bytes that claim to be JSON."""
        fields = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            **(headers or {}),
        }
        await self._send(
            h11.Response(status_code=status, headers=list(fields.items())),
            h11.Data(data=b"" if self._head_only else body),
            h11.EndOfMessage(),
        )

    def start_events(self) -> None:
        """Begin to answer with an event stream; its head goes out with what is sent next."""
        headers = [("content-type", "text/event-stream"), ("cache-control", "no-cache")]
        self._held = self._h11.send(h11.Response(status_code=200, headers=headers)) or b""

    async def send_events(self, *data: str) -> None:
        """Send events of the stream, all at once; with none, only its head."""
        await self._send(h11.Data(data=b"".join(map(_event, data))))

    async def send_comment(self, text: str) -> None:
        """Send a comment, which clients skip."""
        await self._send(h11.Data(data=f": {text}\n\n".encode()))

    async def end_events(self, *last: str) -> None:
        """End the event stream, after last events where there are any."""
        await self._send(h11.Data(data=b"".join(map(_event, last))), h11.EndOfMessage())

    async def wait_hangup(self) -> None:
        """Wait until the client hangs up; what it sends before is kept for the next request."""
        try:
            while True:
                self._h11.receive_data(await self._stream.receive())
        except _GONE:
            return

    def start_next_nowait(self) -> bool:
        """Make ready for the next request, if the last one was answered and more may come."""
        if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
            return False
        self._h11.start_next_cycle()
        return True

    async def _read_body(self) -> bytes:
        pieces: list[bytes] = []
        size = 0
        if self._h11.they_are_waiting_for_100_continue:
            await self._send(h11.InformationalResponse(status_code=100, headers=[]))
        while isinstance(event := await self._next_event(), h11.Data):
            pieces.append(bytes(event.data))
            size += len(event.data)
            if size > _MAX_BODY_BYTES:
                raise h11.RemoteProtocolError("the body is too large", error_status_hint=413)
        return b"".join(pieces)

    async def _next_event(self) -> object:
        while True:
            event = self._h11.next_event()
            if event is not h11.NEED_DATA:
                return event
            try:
                self._h11.receive_data(await self._stream.receive())
            except anyio.EndOfStream:
                self._h11.receive_data(b"")

    async def _refuse(self, exc: h11.RemoteProtocolError) -> None:
        if self._h11.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            error = {"error": {"message": str(exc), "type": "invalid_request_error"}}
            await self.send_json(exc.error_status_hint, error, {"connection": "close"})

    async def _send(self, *events: h11.Event) -> None:
        data = self._held + b"".join(self._h11.send(event) or b"" for event in events)
        self._held = b""
        try:
            await self._stream.send(data)
        except _GONE:
            return


def _event(data: str) -> bytes:
    return f"data: {data}\n\n".encode()
