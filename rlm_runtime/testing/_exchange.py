"""One completion on its way to the client: the pieces of a reply, or a fault."""

from __future__ import annotations

import json

import anyio

from rlm_runtime._llm.openai_errors import GATEWAY_TIMEOUTS
from rlm_runtime._llm.scripted import ScriptedReply
from rlm_runtime.testing._http import HTTPConnection
from rlm_runtime.testing._recorder import Bill
from rlm_runtime.testing._wire import ChatRequest, Reply, error_body
from rlm_runtime.testing.faults import Fault

_DONE = "[DONE]"
_NO_JSON = '{"choices": [{"delta"'


class Exchange:
    """Sends what answers one request, and bills what was sent."""

    def __init__(self, connection: HTTPConnection, chat: ChatRequest, bill: Bill) -> None:
        self._connection = connection
        self._chat = chat
        self._bill = bill

    async def send(self, reply: Reply, script: ScriptedReply) -> None:
        """Send a reply as its script has it."""
        if not self._chat.stream:
            await anyio.sleep(script.first_token_seconds)
            await self._connection.send_json(200, reply.body())
        elif script.first_token_seconds or script.chunk_seconds:
            self._connection.start_events()
            await self._connection.send_events()
            await self._pause(script.first_token_seconds, script.comment_seconds)
            await self._send_pieces(reply, script.chunk_seconds, script.comment_seconds)
            await self._connection.end_events(*reply.last_chunks(), _DONE)
        else:
            # What comes at once goes out at once
            self._connection.start_events()
            chunks = [chunk for _, chunk in reply.pieces()]
            await self._connection.end_events(*chunks, *reply.last_chunks(), _DONE)
        self._bill.settle(reply.usage)

    async def fail(self, fault: Fault, reply: Reply) -> None:
        """Answer with a fault, in the middle of the reply where it asks for that."""
        if fault.kind == "status":
            # A gateway that stops waiting does not stop the provider behind it
            if fault.status not in GATEWAY_TIMEOUTS:
                self._bill.waive()
            body = error_body(fault.status, fault.message, fault.code or fault.status)
            await self._connection.send_json(fault.status, body, fault.response_headers())
        elif not self._chat.stream:
            await self._break_response(fault, reply)
        elif fault.kind == "empty":
            self._connection.start_events()
            await self._connection.end_events(*reply.usage_chunks(), _DONE)
            self._bill.settle(reply.usage)
        elif fault.after_chunks or fault.after_head or fault.kind == "unfinished":
            self._connection.start_events()
            await self._send_pieces(reply, most=fault.after_chunks)
            await self._break_stream(fault)
        else:
            await self._break_response(fault, reply)

    async def _send_pieces(
        self,
        reply: Reply,
        seconds: float = 0.0,
        comment_seconds: float | None = None,
        *,
        most: int | None = None,
    ) -> None:
        pieces = list(reply.pieces())[:most]
        if not seconds:
            for text, _ in pieces:
                self._bill.add_sent(text)
            await self._connection.send_events(*(chunk for _, chunk in pieces))
            return
        for number, (text, chunk) in enumerate(pieces):
            if number:
                await self._pause(seconds, comment_seconds)
            self._bill.add_sent(text)
            await self._connection.send_events(chunk)

    async def _pause(self, seconds: float, comment_seconds: float | None) -> None:
        if comment_seconds is None:
            await anyio.sleep(seconds)
            return
        with anyio.move_on_after(seconds):
            while True:
                await anyio.sleep(comment_seconds)
                await self._connection.send_comment("PROCESSING")

    async def _break_stream(self, fault: Fault) -> None:
        if fault.kind == "error_body" and not self._bill.completion_tokens:
            self._bill.waive()
        match fault.kind:
            case "error_body":
                body = error_body(fault.status, fault.message, fault.code or fault.status)
                await self._connection.end_events(json.dumps(body))
            case "malformed":
                await self._connection.end_events(_NO_JSON)
            case "unfinished":
                await self._connection.end_events()
            case "stall":
                await anyio.sleep_forever()
            case _:
                # A response without its end closes the connection
                return

    async def _break_response(self, fault: Fault, reply: Reply) -> None:
        if fault.kind == "empty":
            self._bill.settle(reply.usage)
            await self._connection.send_json(200, reply.body(choices=False))
            return
        if fault.kind == "stall":
            await anyio.sleep_forever()
        self._bill.waive()
        match fault.kind:
            case "error_body":
                body = error_body(fault.status, fault.message, fault.code or fault.status)
                await self._connection.send_json(200, body)
            case "malformed":
                await self._connection.send_body(200, _NO_JSON.encode())
            case _:
                return
