"""The Python end of the wire: answers the host's requests, and makes requests of its own.

`deno_sandbox/PROTOCOL.md` is the authority on the messages.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

from bootstrap.errors import LLMQueryError, ToolError
from bootstrap.output import Output
from bootstrap.repl import Repl
from bootstrap.stopping import Stopper, shielded
from bootstrap.tools import make_tool
from rlm_runtime._values import decode, encode

PROTOCOL = 4
_MAX_OPEN_CALLS = 1000
_NO_ROOM = "it does not fit into the memory of this sandbox"

Payload = tuple[str, bytes] | None
"""The kind of a payload, and its bytes."""
Send = Callable[[str, bytes | None], None]
"""Sends a message and its payload."""
Ask = Callable[[str, bytes | None, int], str]
"""Sends a request, its payload and its id; stands still until the reply is there."""
RunSync = Callable[[Any], Any]
"""Waits for an awaitable from synchronous code."""
Over = Callable[[int], None]
"""Tells that the code of a cell has ended, and is not to be interrupted any more."""


class Call(asyncio.Future[Any]):
    """A call under way: await it, or take its `result()`, which waits where code cannot."""

    label = "a call"

    def __init__(self, host: Host, number: int, label: str) -> None:
        super().__init__(loop=host.loop)
        self._host = host
        self.number = number
        self.label = label

    def __repr__(self) -> str:
        return f"<{self.label}: under way, await it to get the answer>"

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{self.label} has no {name!r}: await it first to get the answer")

    def result(self) -> Any:
        """Return the answer, waiting for it if need be."""
        return super().result() if self.done() else self._host.stopper.wait(self)

    def fail(self, message: str, *, stop_reason: str = "error", partial: Any = None) -> None:
        """Let the call raise; one that nobody awaits does not complain when it is collected."""
        self.set_exception(self._error(message, stop_reason, partial))
        self._log_traceback = False

    def cancel(self, msg: Any | None = None) -> bool:
        """Give the call up, on the host too."""
        cancelled = super().cancel(msg)
        if cancelled:
            self._host.forget(self)
        return cancelled

    def _error(self, message: str, stop_reason: str, partial: Any) -> Exception:
        return LLMQueryError(message, stop_reason=stop_reason, partial=partial)


class ToolCall(Call):
    """A call of a tool under way."""

    def _error(self, message: str, stop_reason: str, partial: Any) -> Exception:
        return ToolError(message)


class Host:
    """The peer of the host: one object for the life of the sandbox."""

    def __init__(self, send: Send, ask: Ask, run_sync: RunSync, over: Over) -> None:
        self.loop = asyncio.get_event_loop()
        # Its own work is no task of the code's, whatever create_task() becomes
        self._create_task = self.loop.create_task
        self.repl = Repl()
        self.stopper = Stopper(self.loop, run_sync)
        self.stdout = Output("stdout", self._emit)
        self.stderr = Output("stderr", self._emit)
        self._send = send
        self._ask = ask
        self._over = over
        self._cell = 0
        self._next_id = 0
        self._calls: dict[int, Call] = {}
        self._queue: deque[tuple[Call, str, bytes]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    def receive(self, text: str, payload: bytes | str | None) -> None:
        """Take a message of the host; a payload that did not fit into memory is None."""
        message = json.loads(text)
        match message:
            case {"method": "seed", "id": number, "params": {"seed": seed}}:
                random.seed(seed)
                self._reply(number, {})
            case {"method": "assign", "id": number, "params": {"name": name}}:
                try:
                    self.repl.provide(name, _unpack(message, payload))
                except MemoryError as exc:
                    self._fail(number, str(exc))
                else:
                    self._reply(number, {})
            case {"method": "tools", "id": number, "params": {"tools": tools}}:
                self.repl.provide("ToolError", ToolError)
                for tool in tools:
                    self.repl.provide(tool["name"], make_tool(self.tool, **tool), restored=True)
                self._reply(number, {})
            case {"method": "execute", "id": number, "params": {"cell": cell}}:
                task = self._create_task(self._execute(number, cell, _unpack(message, payload)))
                # The loop holds tasks weakly
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case {"method": "interrupt", "params": {"cell": cell}}:
                self._stop(cell)
            case {"id": number}:
                self._settle(number, message, payload)

    def announce(self) -> None:
        """Tell the host that the sandbox is ready."""
        self._notify("ready", {"protocol": PROTOCOL, "python": sys.version.split()[0]})

    @shielded
    def forget(self, call: Call) -> None:
        """Tell the host that nobody waits for a call any more."""
        if self._calls.pop(call.number, None) is not None:
            self._notify("cancel", {"id": call.number})
        self._send_next()

    def _stop(self, cell: int) -> None:
        """Stop the code of a cell where it waits; one that is over is left alone."""
        if cell == self._cell:
            self.stopper.stop()

    async def _execute(self, number: int, cell: int, code: str) -> None:
        self._cell = cell
        self.stopper.begin()
        task = self.stopper.create_task(self.repl.execute(code, cell))
        await asyncio.wait([task])
        self._cell = 0
        self._over(cell)
        # Read once: a last signal may come any time, and what is told is what was done
        stopped = self.stopper.stopped
        if stopped:
            self._cancel_all()
        self.stdout.end_cell()
        self.stderr.end_cell()
        error = _error_of(task)
        waiting = [*self._calls.values(), *(call for call, _, _ in self._queue if not call.done())]
        result = {
            "error": None if error is None else _readable(error),
            "interrupted": stopped,
            "pending": [_readable(call.label) for call in waiting[:20]],
            "variables": [_readable(name[:100]) for name in self.repl.variable_names()],
            "values": [_readable(text) for text in self.repl.variable_values()],
        }
        self._reply(number, result)

    def _cancel_all(self) -> None:
        self.stopper.stop()
        for call in (*self._calls.values(), *(call for call, _, _ in self._queue)):
            call.cancel()

    def _settle(self, number: int, message: dict[str, Any], payload: bytes | str | None) -> None:
        call = self._calls.pop(number, None)
        if call is not None and not call.done():
            try:
                value = _unpack(message, payload) if "payload" in message else None
            except MemoryError as exc:
                message, value = {"error": {"message": f"Cannot take the answer: {exc}"}}, None
            if error := message.get("error"):
                reason = error.get("data", {}).get("stop_reason", "error")
                call.fail(error["message"], stop_reason=reason, partial=value)
            else:
                call.set_result(value)
        self._send_next()

    @shielded
    def call(
        self,
        prompt: str,
        context: Any,
        *,
        model: str | None,
        recursive: bool | None,
        answer_schema: str | None,
    ) -> Call:
        """Start a sub-call."""
        given = [prompt] if context is None else [prompt, context]
        data = encode(given, name="(prompt, context)", wrapped=1)
        label = f"llm_query({prompt[:60]!r}{'…' if len(prompt) > 60 else ''})"
        params = {"model": model, "recursive": recursive, "answer_schema": answer_schema}
        return self._start(Call(self, self._new_id(), label), "llm_query", params, data)

    @shielded
    def tool(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Start a call of a tool."""
        data = encode([list(args), kwargs], name="(args, kwargs)", wrapped=1)
        call = ToolCall(self, self._new_id(), f"{name}(…)")
        return self._start(call, "tool", {"name": name}, data)

    def _start(self, call: Call, method: str, params: dict[str, Any], data: bytes) -> Call:
        about = {"at": "params.call", "kind": "value"}
        text = _message(id=call.number, method=method, params=params, payload=about)
        self._queue.append((call, text, data))
        self._send_next()
        return call

    def _send_next(self) -> None:
        while self._queue and len(self._calls) < _MAX_OPEN_CALLS:
            call, text, data = self._queue.popleft()
            if call.done():
                continue
            try:
                self._send(text, data)
            except Exception:  # JavaScript has no room for the payload, and says so in many ways
                call.fail(f"Cannot make this call: {_NO_ROOM}")
            else:
                self._calls[call.number] = call

    @shielded
    def request(self, method: str, payload: Payload = None) -> dict[str, Any]:
        """Make a request that everything stands still for, and return its reply."""
        self.stdout.flush()
        self.stderr.flush()
        number = self._new_id()
        kind, data = payload or ("", None)
        about = {"at": "params.value", "kind": kind} if payload else None
        text = _message(id=number, method=method, params={}, payload=about)
        reply: dict[str, Any] = json.loads(self._ask(text, data, number))
        return reply

    def _notify(self, method: str, params: dict[str, Any]) -> None:
        self._send(_message(method=method, params=params), None)

    def _reply(self, number: int, result: dict[str, Any]) -> None:
        self._send(_message(id=number, result=result), None)

    def _fail(self, number: int, text: str) -> None:
        self._send(_message(id=number, error={"code": -32000, "message": text}), None)

    def _emit(self, stream: str, text: str, omitted: int) -> None:
        self._notify("output", {"stream": stream, "text": _readable(text), "omitted": omitted})

    def _new_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1


def _error_of(task: asyncio.Task[str | None]) -> str | None:
    if task.cancelled():
        return "CancelledError: the code was stopped"
    # A last interrupt may strike the REPL's own end
    return task.result() if task.exception() is None else "KeyboardInterrupt: the code was stopped"


def pack(value: Any) -> tuple[str, bytes]:
    """Encode a value as a payload."""
    if type(value) is str:
        return "utf8", value.encode("utf-8", "surrogatepass")
    return ("bytes", value) if type(value) is bytes else ("value", encode(value, name="answer"))


def _unpack(message: dict[str, Any], payload: bytes | str | None) -> Any:
    if payload is None:
        raise MemoryError(_NO_ROOM)
    if isinstance(payload, str):
        return payload
    match message["payload"]["kind"]:
        case "utf8":
            try:
                return payload.decode("utf-8", "surrogatepass")
            except MemoryError:
                raise MemoryError(_NO_ROOM) from None
        case "bytes":
            return payload
    try:
        return decode(payload)
    except MemoryError:
        raise MemoryError(_NO_ROOM) from None


def _message(**members: Any) -> str:
    given = {name: value for name, value in members.items() if name != "payload" or value}
    return json.dumps({"jsonrpc": "2.0", **given}, separators=(",", ":"))


def _readable(text: str) -> str:
    """Write lone surrogates as escapes, since this text becomes a JavaScript string."""
    return text.encode("utf-8", "backslashreplace").decode()
