"""A sandbox without walls, and a run that is played with it and scripted models."""

from __future__ import annotations

import ast
import asyncio
import inspect
import io
import json
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.abc
import anyio.lowlevel

from rlm_runtime._answer_types.base import answer_type_of
from rlm_runtime._engine.gate import Gate
from rlm_runtime._engine.models import Models
from rlm_runtime._engine.recall import Recall
from rlm_runtime._engine.requests import Requests
from rlm_runtime._engine.run import Run
from rlm_runtime._engine.tools import NO_TOOLS, Tools
from rlm_runtime._errors import RLMError, SandboxError
from rlm_runtime._events import Event
from rlm_runtime._limits import Limits
from rlm_runtime._llm.base import LLM, NO_OPTIONS, CallOptions
from rlm_runtime._llm.retry import RetryPolicy
from rlm_runtime._llm.scripted import Policy, ScriptedLLM
from rlm_runtime._prompts import Prompts
from rlm_runtime._sandbox.base import (
    AnswerRejectedError,
    ExecutionResult,
    HostCalls,
    SubCall,
    ToolCall,
    ToolSpec,
)
from rlm_runtime._trace.recorder import Recorder
from rlm_runtime._types import Completion, Message
from tests._engine.scripts import asked as asked
from tests._engine.scripts import repl as repl
from tests._engine.scripts import script as script

_E = TypeVar("_E", bound=Event)


class FakeSandbox:
    """Runs code in this process, each block in one namespace, with the REPL's names as they are.

    `FINAL` must be awaited here; like `spin()`, it never returns. `lose(reason)` loses the sandbox.
    Code stops when it is interrupted, but for `spin()` and `stop_reading()`, after which no message
    arrives; `busy(seconds)` uses a processor meanwhile.
    """

    def __init__(self, calls: HostCalls, pid: int, tasks: anyio.abc.TaskGroup) -> None:
        self.pid = pid
        self.is_lost = False
        self.calls = calls
        self.provided: dict[str, object] = {}
        self.executed: list[str] = []
        self.seeds: list[int] = []
        self.assign_error: Exception | None = None
        self._tasks = tasks
        self._scope = anyio.CancelScope()
        self._stubborn = False
        self._deaf = False
        self._used = 0.0
        self._out = io.StringIO()
        self._pending: list[str] = []
        self._names: dict[str, Any] = {
            "llm_query": self._llm_query,
            "FINAL": self._final,
            "limits": calls.limits,
            "lose": self._lose,
            "spin": self._spin,
            "busy": self._busy,
            "stop_reading": self._stop_reading,
            "sleep": anyio.sleep,
            "print": lambda *values: print(*values, file=self._out),
        }
        self._own = set(self._names)

    async def seed(self, seed: int) -> None:
        self.seeds.append(seed)

    async def assign(self, name: str, value: object) -> None:
        if self.assign_error is not None:
            raise self.assign_error
        self.provided[name] = value

    async def provide_tools(self, tools: Sequence[ToolSpec]) -> None:
        for tool in tools:
            self.provided[tool.name] = partial(self._tool, tool.name)

    async def execute(self, code: str) -> ExecutionResult:
        self._names |= self.provided
        self._out.seek(0)
        self._out.truncate()
        self.executed.append(code)
        try:
            with anyio.CancelScope() as self._scope:
                error = await self._run(code)
        finally:
            # Code may swallow that its node has ended; who waits for a reply cannot
            await anyio.lowlevel.checkpoint()
        interrupted = self._scope.cancelled_caught
        return ExecutionResult(
            stdout=self._out.getvalue(),
            error="KeyboardInterrupt" if interrupted else error,
            interrupted=interrupted,
            pending=tuple(self._pending),
            variables=tuple(name for name in self._names if self._is_variable(name)),
        )

    async def interrupt(self) -> None:
        if self._deaf:
            await anyio.sleep_forever()
        if not self._stubborn:
            self._scope.cancel()

    def cpu_seconds(self) -> float:
        return self._used

    async def _run(self, code: str) -> str | None:
        try:
            compiled = compile(code, "<repl>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            value = eval(compiled, self._names)
            if inspect.isawaitable(value):
                await value
        except SandboxError:
            raise
        except Exception as exc:
            return "".join(traceback.format_exception_only(exc))
        return None

    async def _spin(self) -> None:
        self._stubborn = True
        await anyio.sleep_forever()

    async def _stop_reading(self) -> None:
        self._deaf = True
        await anyio.sleep_forever()

    async def _busy(self, seconds: float) -> None:
        end = anyio.current_time() + seconds
        while anyio.current_time() < end:
            await anyio.sleep(0.01)
            self._used += 0.01

    def output_so_far(self) -> ExecutionResult:
        return ExecutionResult(stdout=self._out.getvalue())

    async def wait_lost(self) -> None:
        await anyio.sleep_forever()

    def _is_variable(self, name: str) -> bool:
        return not (name in self._own or name in self.provided or name.startswith("__"))

    def _llm_query(
        self,
        prompt: str,
        context: object = None,
        *,
        schema: dict[str, object] | None = None,
        model: str | None = None,
        recursive: bool | None = None,
    ) -> asyncio.Future[object]:
        call = SubCall(
            prompt=prompt,
            context=context,
            model=model,
            recursive=recursive,
            schema=None if schema is None else json.dumps(schema),
        )
        future = asyncio.get_running_loop().create_future()
        self._pending.append(prompt)
        self._tasks.start_soon(self._serve, call, future)
        return future

    def _tool(self, name: str, *args: object, **kwargs: object) -> asyncio.Future[object]:
        call = ToolCall(name=name, args=list(args), kwargs=kwargs)
        future = asyncio.get_running_loop().create_future()
        self._tasks.start_soon(self._serve_tool, call, future)
        return future

    async def _serve_tool(self, call: ToolCall, future: asyncio.Future[object]) -> None:
        try:
            result = await self.calls.tool(call)
        except Exception as exc:
            future.set_exception(exc)
        else:
            future.set_result(result)

    async def _serve(self, call: SubCall, future: asyncio.Future[object]) -> None:
        scope = anyio.CancelScope()
        future.add_done_callback(lambda _: scope.cancel() if future.cancelled() else None)
        answer: object = None
        try:
            with scope:
                answer = await self.calls.llm_query(call)
        except Exception as exc:
            if not future.done():
                future.set_exception(exc)
        else:
            if not future.done():
                future.set_result(answer)
        self._pending.remove(call.prompt)

    def _final(self, answer: object) -> asyncio.Future[object]:
        accepted = asyncio.get_running_loop().create_future()
        self._tasks.start_soon(self._judge, answer, accepted)
        return accepted

    async def _judge(self, answer: object, accepted: asyncio.Future[object]) -> None:
        try:
            await self.calls.final(answer)
        except AnswerRejectedError as exc:
            # The code that gave it may have been interrupted meanwhile
            if not accepted.done():
                accepted.set_exception(exc)

    def _lose(self, reason: str) -> None:
        raise SandboxError(reason)


@dataclass
class FakeSandboxes:
    """Opens fake sandboxes, and remembers them."""

    opened: list[FakeSandbox] = field(default_factory=list)
    memory_mb: list[int] = field(default_factory=list)
    live: Counter[int] = field(default_factory=Counter)
    """Sandboxes that live now, by depth."""
    peak: Counter[int] = field(default_factory=Counter)
    problems: dict[int, Exception] = field(default_factory=dict)
    """Errors that opening raises, by the number of the opening from 0."""
    assign_problems: dict[int, Exception] = field(default_factory=dict)
    closing_seconds: float = 0.0
    starting: Callable[[int], Awaitable[None]] | None = None
    """Is waited for by each opening, given its number."""

    @asynccontextmanager
    async def __call__(self, calls: HostCalls, *, memory_mb: int) -> AsyncIterator[FakeSandbox]:
        assert isinstance(calls, Requests)
        depth = calls.node.depth
        number = len(self.opened)
        if self.starting is not None:
            await self.starting(number)
        if number in self.problems:
            raise self.problems.pop(number)
        self.memory_mb.append(memory_mb)
        self.live[depth] += 1
        self.peak[depth] = max(self.peak[depth], self.live[depth])
        try:
            async with anyio.create_task_group() as tasks:
                sandbox = FakeSandbox(calls, 1000 + number, tasks)
                sandbox.assign_error = self.assign_problems.get(number)
                self.opened.append(sandbox)
                yield sandbox
                tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            if len(group.exceptions) > 1:
                raise
            raise group.exceptions[0] from None
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(self.closing_seconds)
            self.live[depth] -= 1


@dataclass
class Played:
    """How a run went."""

    run: Run
    sandboxes: FakeSandboxes
    requests: list[tuple[Message, ...]]
    events: list[Event]
    answer: object = None
    error: RLMError | None = None

    def of(self, kind: type[_E]) -> list[_E]:
        """Give the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def told(self, request: int = -1) -> str:
        """Give the last message of a request."""
        return self.requests[request][-1].content


class RecordingLLM:
    """Passes calls on, and keeps what was asked."""

    def __init__(self, llm: LLM, requests: list[tuple[Message, ...]]) -> None:
        self.name = llm.name
        self.info = llm.info
        self._llm = llm
        self._requests = requests

    async def complete(
        self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
    ) -> Completion:
        self._requests.append(tuple(messages))
        return await self._llm.complete(messages, options)


def make_run(
    model: Policy | Mapping[str, Sequence[str]] | LLM,
    *,
    sub_model: LLM | None = None,
    aliases: Mapping[str, LLM] | None = None,
    limits: Limits | None = None,
    sandboxes: FakeSandboxes | None = None,
    gate: Gate | None = None,
    retries: RetryPolicy | None = None,
    recall: Recall | None = None,
    tools: Tools = NO_TOOLS,
) -> Played:
    """Make a run of scripted models in fake sandboxes."""
    requests: list[tuple[Message, ...]] = []
    events: list[Event] = []
    if isinstance(model, Mapping):
        model = script(model)
    root = ScriptedLLM(model, name="root") if callable(model) else model
    sandboxes = sandboxes or FakeSandboxes()
    run = Run(
        models=Models(
            root=RecordingLLM(root, requests),
            subs=[RecordingLLM(sub_model or root, requests)],
            aliases={name: RecordingLLM(each, requests) for name, each in (aliases or {}).items()},
        ),
        limits=limits or Limits(),
        prompts=Prompts.load(),
        open_sandbox=sandboxes,
        recording=Recorder(None, events.append),
        gate=gate,
        retries=retries,
        recall=recall,
        tools=tools,
    )
    return Played(run, sandboxes, requests, events)


async def play(
    model: Policy | Mapping[str, Sequence[str]] | LLM,
    *,
    query: str = "root",
    context: object = "the context",
    output_type: object = None,
    sub_model: LLM | None = None,
    aliases: Mapping[str, LLM] | None = None,
    limits: Limits | None = None,
    sandboxes: FakeSandboxes | None = None,
    gate: Gate | None = None,
    retries: RetryPolicy | None = None,
    recall: Recall | None = None,
    seconds: float = 10,
    tools: Tools = NO_TOOLS,
) -> Played:
    """Run a query to its end, and leave nothing behind."""
    played = make_run(
        model,
        sub_model=sub_model,
        aliases=aliases,
        limits=limits,
        sandboxes=sandboxes,
        gate=gate,
        retries=retries,
        recall=recall,
        tools=tools,
    )
    try:
        with anyio.fail_after(seconds):
            answer_type = None if output_type is None else answer_type_of(output_type)
            played.answer = await played.run.answer(
                query, context, run="run", version="1", answer_type=answer_type
            )
    except RLMError as exc:
        played.error = exc
    assert not +played.sandboxes.live, "a sandbox outlived its run"
    return played
