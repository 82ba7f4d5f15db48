"""What the engine asks of a sandbox, and what a sandbox asks of the engine."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from rlm_runtime._types import StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionResult:
    """What running one code block gave."""

    stdout: str = ""
    stderr: str = ""
    error: str | None = None
    """The traceback, if the code raised."""
    interrupted: bool = False
    """Whether it was stopped by `interrupt`."""
    pending: tuple[str, ...] = ()
    """Sub-calls that nobody has awaited yet."""
    variables: tuple[str, ...] = ()
    """Names that the code of this sandbox has assigned so far."""
    values: tuple[str, ...] = ()
    """What is in each of `variables`, in short: its type and size, or its beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubCall:
    """What `llm_query` was called with."""

    prompt: str
    context: Any = None
    """None where there is none."""
    model: str | None = None
    recursive: bool | None = None
    schema: str | None = None
    """A JSON schema as text, as the sandbox sent it, that the answer must follow."""


class SubCallError(Exception):
    """A sub-call failed; the code that made it gets this as `LLMQueryError`."""

    def __init__(self, message: str, *, stop_reason: StopReason, partial: object = None) -> None:
        super().__init__(message)
        self.stop_reason: StopReason = stop_reason
        self.partial = partial


class ToolSpec(Protocol):
    """What a sandbox learns of a tool."""

    @property
    def name(self) -> str:
        """What generated code calls it by."""
        ...

    @property
    def signature(self) -> str:
        """Its parameters and its return type as Python writes them: `(a: int, *, b=1) -> str`."""
        ...

    @property
    def doc(self) -> str:
        """What it does, for the author of the code."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """What a tool was called with."""

    name: str
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)


class ToolCallError(Exception):
    """A call of a tool failed; the code that made it gets this as `ToolError`."""


class AnswerRejectedError(Exception):
    """An answer was refused; the code that gave it gets the message, and the node goes on."""


class HostCalls(Protocol):
    """What generated code may ask of the host; it asks in the name of its own node only."""

    async def llm_query(self, call: SubCall) -> object:
        """Answer a sub-call.

        Raises:
            SubCallError: The sub-call failed.
        """
        ...

    async def tool(self, call: ToolCall) -> object:
        """Call a tool of the node.

        Raises:
            ToolCallError: It failed, or there is no such tool.
        """
        ...

    async def final(self, answer: object) -> None:
        """Take the node's answer; once this returns, nothing the code does has any effect.

        Raises:
            AnswerRejectedError: The answer is refused.
        """
        ...

    def limits(self) -> dict[str, int | float | None]:
        """Tell what the node may still spend."""
        ...


class Sandbox(Protocol):
    """A live sandbox."""

    @property
    def pid(self) -> int:
        """The process that runs it."""
        ...

    async def seed(self, seed: int) -> None:
        """Let the random numbers of its code follow from a seed of at most 64 bits.

        Raises:
            SandboxError: The sandbox is lost.
        """
        ...

    async def assign(self, name: str, value: object) -> None:
        """Give the namespace a variable that comes back before each execution.

        Raises:
            SandboxError: The sandbox is lost.
            InputError: The value cannot be sent.
        """
        ...

    async def provide_tools(self, tools: Sequence[ToolSpec]) -> None:
        """Give the namespace functions that call tools, and come back before each execution.

        Raises:
            SandboxError: The sandbox is lost.
        """
        ...

    async def execute(self, code: str) -> ExecutionResult:
        """Run code in the namespace.

        Raises:
            SandboxError: The sandbox is lost.
        """
        ...

    async def interrupt(self) -> None:
        """Ask the execution under way to stop; what the namespace holds stays.

        The code gets a KeyboardInterrupt, also where it waits, its tasks and sub-calls are
        cancelled. Code that does not listen goes on.

        Raises:
            SandboxError: The sandbox is lost.
        """
        ...

    def cpu_seconds(self) -> float:
        """Tell how long the sandbox has used a processor, as the system counts it."""
        ...

    def output_so_far(self) -> ExecutionResult:
        """Return what the execution under way has printed, for one that cannot end."""
        ...

    @property
    def is_lost(self) -> bool:
        """Tell whether it can run nothing any more."""
        ...

    async def wait_lost(self) -> None:
        """Wait until it is lost."""
        ...


class OpenSandbox(Protocol):
    """Opens sandboxes."""

    def __call__(self, calls: HostCalls, *, memory_mb: int) -> AbstractAsyncContextManager[Sandbox]:
        """Open a sandbox for the length of a block; `memory_mb` bounds its Python, in MiB.

        Raises:
            SandboxStartError: It cannot be started.
        """
        ...
