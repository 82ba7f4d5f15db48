"""A JSON-RPC 2.0 peer over byte streams, with payloads; it knows no method names.

`deno_sandbox/PROTOCOL.md` describes the frames. What comes in is not trusted: whatever breaks the
protocol ends the peer with a `PeerError`, and every request that is open fails with it.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.abc

from rlm_runtime._frames import FrameLimits, FrameReader, PeerClosedError, PeerError
from rlm_runtime._groups import unwrapped
from rlm_runtime._payload import Payload, Text

# To cancel as many takes the event loop a fifth of a second; a sandbox of ours has half of them
_MAX_OPEN = 2000
_MEMBERS = {"jsonrpc", "id", "method", "params", "result", "error", "payload"}
# What comes in may take half of the event loop's time, in slices of this length
_SLICE_SECONDS = 0.005

_Frame = tuple[bytes, Payload | Text | None]

Params = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request was answered with."""

    result: Any
    payload: Payload | Text | None = None


class RequestError(Exception):
    """A request failed at the end that served it; a handler raises it to say so."""

    def __init__(
        self, message: str, *, data: Params | None = None, payload: Payload | Text | None = None
    ) -> None:
        super().__init__(message)
        self.data = data
        self.payload = payload


OnRequest = Callable[[str, Params, Payload | None], Awaitable[Reply]]
"""Serves a request, in a task of its own; raises `RequestError` to fail it."""
OnNotification = Callable[[str, Params], None]
"""Takes a notification, in the order of arrival."""


class _Pending:
    """A request that waits for its reply."""

    def __init__(self) -> None:
        self._done = anyio.Event()
        self._outcome: Reply | Exception | None = None

    def settle(self, outcome: Reply | Exception) -> None:
        self._outcome = outcome
        self._done.set()

    async def wait(self) -> Reply:
        await self._done.wait()
        if isinstance(self._outcome, Reply):
            return self._outcome
        assert self._outcome is not None
        raise self._outcome


class Peer:
    """One end of a connection; `open_peer` makes it."""

    def __init__(
        self,
        source: anyio.abc.ByteReceiveStream,
        sink: anyio.abc.ByteSendStream,
        *,
        on_request: OnRequest,
        on_notification: OnNotification,
        limits: FrameLimits,
    ) -> None:
        self._reader = FrameReader(source, limits)
        self._sink = sink
        # One writer: a sender that is cancelled must not leave half a frame behind
        self._outbox, self._outgoing = anyio.create_memory_object_stream[_Frame](0)
        self._on_request = on_request
        self._on_notification = on_notification
        self._max_held = limits.held
        self._held = 0
        self._room = anyio.Event()
        self._next_id = 0
        self._pending: dict[int, _Pending] = {}
        self._abandoned: set[int] = set()
        self._paid_until = 0.0
        self._served: dict[int, anyio.CancelScope] = {}
        self._lost: PeerError | None = None
        self._ended = anyio.Event()

    async def request(
        self, method: str, params: Params, payload: Payload | Text | None = None
    ) -> Reply:
        """Make a request and wait for its reply.

        Raises:
            PeerError: The other end is gone, or went while this waited.
            RequestError: The other end failed the request.
        """
        number, self._next_id = self._next_id, self._next_id + 1
        pending = self._pending[number] = _Pending()
        settled = False
        try:
            await self._send({"id": number, "method": method, "params": params}, payload)
            reply = await pending.wait()
            settled = True
            return reply
        except (PeerError, RequestError):
            settled = True
            raise
        finally:
            self._pending.pop(number, None)
            if not settled:
                self._abandoned.add(number)

    async def notify(self, method: str, params: Params) -> None:
        """Tell the other end something.

        Raises:
            PeerError: The other end is gone.
        """
        await self._send({"method": method, "params": params}, None)

    async def wait_lost(self) -> PeerError:
        """Wait until the other end is gone or breaks the protocol; return what it was."""
        await self._ended.wait()
        assert self._lost is not None
        return self._lost

    def cancel_served(self, number: object) -> None:
        """Stop serving a request of the other end; its reply is not sent any more."""
        if isinstance(number, int) and (scope := self._served.get(number)):
            scope.cancel()

    async def run(self) -> None:
        """Serve until the other end is gone or breaks the protocol; then fail what is open."""
        lost: PeerError = PeerClosedError("The other end has closed the connection")
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._write)
                try:
                    while await self._receive_next(tasks):
                        await self._wait_for_room()
                        await self._give_way()
                except PeerError as exc:
                    # Set before the writer stops, so that a sender learns the reason
                    lost = self._lost = exc
                tasks.cancel_scope.cancel()
        finally:
            self._lost = lost
            self._ended.set()
            self._outbox.close()
            self._outgoing.close()
            for pending in self._pending.values():
                pending.settle(lost)

    async def _receive_next(self, tasks: anyio.abc.TaskGroup) -> bool:
        """Take a frame, and keep nothing of it; tell whether there was one."""
        frame = await self._reader.read()
        if frame is None:
            return False
        started = time.monotonic()
        self._receive(*frame, tasks)
        spent = time.monotonic() - started
        self._paid_until = max(self._paid_until, started) + 2 * spent
        return True

    async def _give_way(self) -> None:
        """Leave the event loop to others where messages come without end."""
        owed = self._paid_until - time.monotonic()
        if owed > _SLICE_SECONDS:
            await anyio.sleep(owed)

    def _receive(self, text: bytes, data: bytearray | None, tasks: anyio.abc.TaskGroup) -> None:
        message = _parse(text)
        payload = _payload(message, data)
        number, method = message.get("id"), message.get("method")
        params = message.get("params", {})
        if not message.keys() <= _MEMBERS:
            raise PeerError("Cannot take a message: it has members that no message has")
        if not isinstance(params, dict):
            raise PeerError("Cannot take a message: its params are not an object")
        if method is None:
            self._settle(message, payload)
        elif not isinstance(method, str):
            raise PeerError("Cannot take a message: its method is not text")
        elif "id" not in message:
            self._on_notification(method, params)
        elif type(number) is not int or number in self._served:
            raise PeerError("Cannot serve a request: its id is not a new number")
        elif len(self._served) >= _MAX_OPEN:
            raise PeerError(f"Cannot serve request {_short(number)}: {_MAX_OPEN} are open")
        else:
            scope = self._served[number] = anyio.CancelScope()
            size = len(text) + (0 if payload is None else len(payload.data))
            self._held += size
            tasks.start_soon(self._serve, number, method, params, payload, size, scope)

    def _settle(self, message: Params, payload: Payload | None) -> None:
        number = message.get("id")
        outcome: Reply | RequestError
        if type(number) is not int:
            raise PeerError("Cannot take a reply: it has no id")
        if number in self._abandoned:
            self._abandoned.discard(number)
            return
        if number not in self._pending:
            raise PeerError(f"Cannot take reply {_short(number)}: no such request is open")
        match message:
            case {"error": {"message": str(text), **rest}}:
                details = rest.get("data")
                data = details if isinstance(details, dict) else None
                outcome = RequestError(text[:10_000], data=data, payload=payload)
            case {"result": result}:
                outcome = Reply(result, payload)
            case _:
                raise PeerError(f"Cannot take reply {number}: neither result nor error")
        self._pending.pop(number).settle(outcome)

    async def _serve(
        self,
        number: int,
        method: str,
        params: Params,
        payload: Payload | None,
        size: int,
        scope: anyio.CancelScope,
    ) -> None:
        try:
            with scope:
                outcome = self._outcome(method, params, payload, size)
                # Neither it nor an error's traceback is held while the reply waits to be sent
                del params, payload
                members, returned = await outcome
                await self._send({"id": number, **members}, returned)
        except PeerError:
            # Gone while it was served: run() tells those who wait
            return
        finally:
            del self._served[number]

    async def _outcome(
        self, method: str, params: Params, payload: Payload | None, size: int
    ) -> tuple[Params, Payload | Text | None]:
        """Serve a request; return what its reply says."""
        try:
            reply = await self._on_request(method, params, payload)
            return {"result": reply.result}, reply.payload
        except RequestError as exc:
            error = {"code": -32000, "message": str(exc), "data": exc.data or {}}
            return {"error": error}, exc.payload
        finally:
            # Before the reply is sent: the other end may be unable to take it until it is read from
            self._held -= size
            self._room.set()

    async def _wait_for_room(self) -> None:
        while self._held > self._max_held:
            self._room = anyio.Event()
            await self._room.wait()

    async def _send(self, message: Params, payload: Payload | Text | None) -> None:
        about = {} if payload is None else {"payload": payload.describe()}
        text = json.dumps({"jsonrpc": "2.0", **message, **about}, separators=(",", ":")).encode()
        size = b"" if payload is None else b"Payload-Length: %d\r\n" % payload.size
        head = b"Content-Length: %d\r\n%b\r\n%b" % (len(text), size, text)
        try:
            await self._outbox.send((head, payload))
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as exc:
            raise self._lost or PeerError("The other end has closed the connection") from exc

    async def _write(self) -> None:
        try:
            async with self._outgoing:
                async for head, payload in self._outgoing:
                    await self._sink.send(head)
                    for piece in () if payload is None else payload.pieces():
                        await self._sink.send(piece)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            # The reader sees the same end, and says so to all who wait
            return


def _parse(text: bytes) -> Params:
    try:
        message = json.loads(str(text, "utf-8"))
    except (ValueError, RecursionError) as exc:
        raise PeerError("Cannot take a message: it is not JSON in UTF-8") from exc
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise PeerError("Cannot take a message: it is not JSON-RPC 2.0")
    return message


def _short(number: int) -> str:
    return str(number)[:40]


def _payload(message: Params, data: bytearray | None) -> Payload | None:
    match message.get("payload"), data:
        case None, None:
            return None
        case {"at": str(), "kind": "utf8" | "bytes" | "value" as kind, **rest}, bytearray():
            if not rest:
                return Payload(kind, data)
    raise PeerError("Cannot take a message: its payload is not what it says")


@asynccontextmanager
async def open_peer(
    source: anyio.abc.ByteReceiveStream,
    sink: anyio.abc.ByteSendStream,
    *,
    on_request: OnRequest,
    on_notification: OnNotification,
    limits: FrameLimits | None = None,
) -> AsyncIterator[Peer]:
    """Be one end of a connection for the length of the block."""
    peer = Peer(
        source,
        sink,
        on_request=on_request,
        on_notification=on_notification,
        limits=limits or FrameLimits(),
    )
    with unwrapped():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(peer.run)
            yield peer
            tasks.cancel_scope.cancel()
