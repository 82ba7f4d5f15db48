"""A sandbox: one Deno process, walled in, that runs Pyodide for one node."""

from __future__ import annotations

import resource
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio
import anyio.to_thread
from pydantic import BaseModel, ValidationError

from rlm_runtime._errors import InputError, SandboxError, SandboxStartError
from rlm_runtime._frames import FrameLimits, PeerClosedError, PeerError
from rlm_runtime._groups import unwrapped
from rlm_runtime._jsonrpc import (
    Params,
    Peer,
    Reply,
    RequestError,
    open_peer,
)
from rlm_runtime._payload import Payload, Text
from rlm_runtime._process import ChildProcess, open_process
from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._sandbox.base import (
    AnswerRejectedError,
    ExecutionResult,
    HostCalls,
    SubCall,
    SubCallError,
    ToolCall,
    ToolCallError,
    ToolSpec,
)
from rlm_runtime._sandbox.command import ENVIRONMENT, command, rlimits
from rlm_runtime._sandbox.intake import Intake
from rlm_runtime._sandbox.messages import (
    PROTOCOL,
    Cancel,
    Execution,
    Fatal,
    LLMQuery,
    Nothing,
    Output,
    Ready,
    ToolRequest,
)
from rlm_runtime._sandbox.transcript import Transcript
from rlm_runtime._sandbox.walls import Walls
from rlm_runtime._values import MalformedValueError, UnsendableError, encode

_M = TypeVar("_M", bound=BaseModel)

_START_SECONDS = 60.0
_THREAD_CHARS = 1 << 20
_LAST_WORDS_SECONDS = 1.0
# Pointers are twice as long here as they are in the sandbox
_HELD_SHARE = 2
# The worker stands still for this text in 64 KiB, and JSON takes up to 12 bytes for a character
_MAX_REASON_CHARS = 5_000


class DenoSandbox:
    """The `Sandbox` protocol over a peer; `open_deno_sandbox` makes it."""

    def __init__(self, calls: HostCalls, *, memory_mb: int) -> None:
        self._calls = calls
        # Apart, so that an answer does not wait for what sub-calls hold
        self._arguments = Intake(memory_mb * _HELD_SHARE << 20)
        self._answers = Intake(memory_mb * _HELD_SHARE << 20)
        self._ready = anyio.Event()
        self._problem: str | None = None
        self._stdout = Transcript()
        self._stderr = Transcript()
        self._cells = 0
        self._interrupted = 0
        self._peer: Peer
        self._process: ChildProcess

    @property
    def pid(self) -> int:
        """The process that runs it."""
        return self._process.pid

    async def seed(self, seed: int) -> None:
        """Let the random numbers of its code follow from a seed."""
        try:
            await self._request("seed", {"seed": seed}, None)
        except RequestError as exc:
            raise SandboxError(f"The sandbox is lost: it refused its seed: {exc}") from exc

    async def assign(self, name: str, value: object) -> None:
        """Give the namespace a variable that comes back before each execution."""
        try:
            payload = await _pack(value, "params.value")
        except UnsendableError as exc:
            raise InputError(f"Cannot use this {name}: {exc}") from exc
        try:
            await self._request("assign", {"name": name}, payload)
        except RequestError as exc:
            raise InputError(f"Cannot use this {name}: in the sandbox, {exc}") from exc

    async def provide_tools(self, tools: Sequence[ToolSpec]) -> None:
        """Give the namespace functions that call tools, and come back before each execution."""
        told = [{"name": one.name, "signature": one.signature, "doc": one.doc} for one in tools]
        try:
            await self._request("tools", {"tools": told}, None)
        except RequestError as exc:
            raise SandboxError(f"The sandbox is lost: it refused its tools: {exc}") from exc

    async def execute(self, code: str) -> ExecutionResult:
        """Run code in the namespace."""
        self._cells += 1
        payload = await _pack(code, "params.code")
        try:
            reply = await self._request("execute", {"cell": self._cells}, payload)
        except RequestError as exc:
            raise SandboxError(f"The sandbox is lost: it refused to run code: {exc}") from exc
        try:
            result = self._validate(Execution, reply.result)
        except SandboxError as exc:
            self._lose(str(exc))
            raise SandboxError(f"The sandbox is lost: {exc}") from exc
        output = self.output_so_far()
        self._stdout, self._stderr = Transcript(), Transcript()
        return ExecutionResult(
            stdout=output.stdout,
            stderr=output.stderr,
            error=result.error,
            # It may be the code's own doing
            interrupted=result.interrupted and self._interrupted == self._cells,
            pending=tuple(result.pending),
            variables=tuple(result.variables),
            values=tuple(result.values),
        )

    async def interrupt(self) -> None:
        """Ask the execution under way to stop."""
        self._interrupted = self._cells
        try:
            await self._peer.notify("interrupt", {"cell": self._cells})
        except PeerError as exc:
            raise SandboxError(f"The sandbox is lost: {await self._reason(exc)}") from exc

    def cpu_seconds(self) -> float:
        """Tell how long the sandbox has used a processor, as the system counts it."""
        return self._process.cpu_seconds()

    def output_so_far(self) -> ExecutionResult:
        """Return what the execution under way has printed."""
        return ExecutionResult(stdout=self._stdout.text(), stderr=self._stderr.text())

    @property
    def is_lost(self) -> bool:
        """Tell whether it can run nothing any more."""
        return self._problem is not None or self._process.has_ended

    async def wait_lost(self) -> None:
        """Wait until it is lost."""
        await self._peer.wait_lost()

    async def start(self, process: ChildProcess, peer: Peer) -> None:
        """Wait until the sandbox is ready."""
        self._process, self._peer = process, peer
        with anyio.move_on_after(_START_SECONDS):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch_start, tasks.cancel_scope)
                await self._ready.wait()
                tasks.cancel_scope.cancel()
        if self._problem or not self._ready.is_set():
            reason = self._problem or f"it was not ready within {_START_SECONDS:.0f} s"
            raise SandboxStartError(f"Cannot start a sandbox: {reason}")

    async def on_request(self, method: str, params: Params, payload: Payload | None) -> Reply:
        """Serve a request of the sandbox; every part of it may be forged."""
        try:
            match method, payload:
                case "llm_query", Payload():
                    return await self._llm_query(self._validate(LLMQuery, params), payload)
                case "tool", Payload():
                    return await self._tool(self._validate(ToolRequest, params), payload)
                case "final", Payload():
                    self._validate(Nothing, params)
                    async with self._answers.value(payload) as answer:
                        await self._calls.final(answer)
                    # Accepted: the process ends while its code stands still
                    await anyio.sleep_forever()
                case "limits", None:
                    self._validate(Nothing, params)
                    return Reply(self._calls.limits())
        except AnswerRejectedError as exc:
            raise RequestError(str(exc)[:_MAX_REASON_CHARS]) from None
        except (MalformedValueError, SandboxError) as exc:
            self._lose(str(exc))
            raise RequestError("refused") from exc
        self._lose(f"it made an unknown request {method[:40]!r}")
        raise RequestError("refused")

    def on_notification(self, method: str, params: Params) -> None:
        """Take a notification of the sandbox."""
        try:
            match method:
                case "output":
                    output = self._validate(Output, params)
                    stream = self._stdout if output.stream == "stdout" else self._stderr
                    stream.add(output.text, omitted=output.omitted)
                case "cancel":
                    self._peer.cancel_served(self._validate(Cancel, params).id)
                case "ready":
                    ready = self._validate(Ready, params)
                    if ready.protocol != PROTOCOL:
                        self._lose(f"it speaks protocol {ready.protocol}, not {PROTOCOL}")
                    self._ready.set()
                case "fatal":
                    self._lose(self._validate(Fatal, params).message)
                case _:
                    self._lose(f"it sent an unknown notification {method[:40]!r}")
        except SandboxError as exc:
            self._lose(str(exc))

    async def _llm_query(self, params: LLMQuery, payload: Payload) -> Reply:
        try:
            async with self._arguments.value(payload) as given:
                answer = await self._calls.llm_query(_sub_call(params, given))
            return Reply({}, await _pack(answer, "result.value"))
        except UnsendableError as exc:
            raise RequestError(str(exc), data={"stop_reason": "error"}) from exc
        except SubCallError as exc:
            partial = None
            if exc.partial is not None:
                partial = await _pack(exc.partial, "error.data.partial")
            raise RequestError(
                str(exc), data={"stop_reason": exc.stop_reason}, payload=partial
            ) from exc

    async def _tool(self, params: ToolRequest, payload: Payload) -> Reply:
        try:
            async with self._arguments.value(payload) as given:
                result = await self._calls.tool(_tool_call(params, given))
            return Reply({}, await _pack(result, "result.value"))
        except UnsendableError as exc:
            reason = str(exc)[:_MAX_REASON_CHARS]
            raise RequestError(f"Cannot use what {params.name}() gave: {reason}") from exc
        except ToolCallError as exc:
            raise RequestError(str(exc)[:_MAX_REASON_CHARS]) from exc

    async def _request(self, method: str, params: Params, payload: Payload | Text | None) -> Reply:
        try:
            return await self._peer.request(method, params, payload)
        except PeerError as exc:
            raise SandboxError(f"The sandbox is lost: {await self._reason(exc)}") from exc

    def _validate(self, model: type[_M], params: object) -> _M:
        try:
            return model.model_validate(params)
        except ValidationError as exc:
            raise SandboxError(f"it sent a malformed {model.__name__}") from exc

    def _lose(self, problem: str) -> None:
        self._problem = self._problem or problem
        self._ready.set()
        self._process.kill()

    async def _watch_start(self, scope: anyio.CancelScope) -> None:
        self._problem = await self._reason(await self._peer.wait_lost())
        scope.cancel()

    async def _reason(self, lost: Exception) -> str:
        """Say why it is lost; what it said itself is better than what was seen from here."""
        if self._problem is not None:
            return self._problem
        reason = str(lost)
        if not isinstance(lost, PeerClosedError):
            # It lives on and says what it must not; its status would be that of this
            self._process.kill()
        # Its last words come with its end
        with anyio.move_on_after(_LAST_WORDS_SECONDS):
            status = await self._process.wait()
            if isinstance(lost, PeerClosedError):
                reason = f"{reason}; its process ended with status {status}"
        words = self._process.stderr_tail()
        self._problem = self._problem or (f"{reason} ({words[-500:]})" if words else reason)
        return self._problem


async def _pack(value: object, at: str) -> Payload | Text:
    match value:
        case str():
            text = str.__str__(value)
            if text.isascii() or len(text) < _THREAD_CHARS:
                return Text(text, at)
            return await anyio.to_thread.run_sync(Text, text, at)
        case bytes() if type(value) is bytes:
            return Payload("bytes", value, at)
    return Payload("value", await anyio.to_thread.run_sync(encode, value), at)


def _sub_call(params: LLMQuery, given: object) -> SubCall:
    match given:
        case [str(prompt)]:
            context = None
        case [str(prompt), context]:
            pass
        case _:
            raise SandboxError("it made a sub-call that is not one")
    return SubCall(
        prompt=prompt,
        context=context,
        model=params.model,
        recursive=params.recursive,
        schema=params.answer_schema,
    )


def _tool_call(params: ToolRequest, given: object) -> ToolCall:
    match given:
        case [list(args), dict(kwargs)] if all(isinstance(name, str) for name in kwargs):
            return ToolCall(name=params.name, args=args, kwargs=kwargs)
    raise SandboxError("it called a tool in a way that is not one")


@asynccontextmanager
async def open_deno_sandbox(
    assets: Assets, calls: HostCalls, *, memory_mb: int, walls: Walls | None = None
) -> AsyncIterator[DenoSandbox]:
    """Run a sandbox for the length of the block, within the walls that `find_walls` found.

    `memory_mb` bounds its Python, in MiB.

    Raises:
        SandboxStartError: It cannot be started.
    """
    sandbox = DenoSandbox(calls, memory_mb=memory_mb)
    walled = [*(walls.prefix if walls else ()), *command(assets, memory_mb)]
    opened = open_process(walled, env=ENVIRONMENT, rlimits=rlimits(assets, memory_mb))
    started = False
    try:
        with unwrapped():
            async with (
                opened as process,
                open_peer(
                    process.stdout,
                    process.stdin,
                    on_request=sandbox.on_request,
                    on_notification=sandbox.on_notification,
                    # No honest value is larger than the memory that it was made in
                    limits=FrameLimits(payload=memory_mb << 20, held=memory_mb << 20),
                ) as peer,
            ):
                await sandbox.start(process, peer)
                # Deno opens what `sourceMappingURL` names without a look at its permissions
                process.limit({resource.RLIMIT_NOFILE: 0})
                started = True
                yield sandbox
                # The code may stand still in FINAL or spin: there is nothing to wait for
                process.kill()
    except OSError as exc:
        if started:
            # Of the block: a TimeoutError is one as well
            raise
        raise SandboxStartError(f"Cannot start a sandbox: {exc}") from exc
