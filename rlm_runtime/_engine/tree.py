"""The run, as its nodes see it: a tree of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

from rlm_runtime._engine.recording import Recording
from rlm_runtime._events import Event
from rlm_runtime._limits import Limits
from rlm_runtime._llm.base import LLM, NO_OPTIONS, CallOptions
from rlm_runtime._prompts import Prompts
from rlm_runtime._sandbox.base import (
    HostCalls,
    Sandbox,
    SubCall,
    ToolCall,
)
from rlm_runtime._types import Completion, Message

if TYPE_CHECKING:
    # A node knows its tree, too
    from rlm_runtime._engine.node import Node


class Tree(Protocol):
    """What a node needs of the run that it belongs to."""

    limits: Limits
    prompts: Prompts

    @property
    def recording(self) -> Recording:
        """What takes the events and values of the run."""
        ...

    def record(self, event: Event) -> None:
        """Note an event."""
        ...

    def open_sandbox(
        self, calls: HostCalls, *, memory_mb: int
    ) -> AbstractAsyncContextManager[Sandbox]:
        """Open a sandbox for the length of a block."""
        ...

    async def complete(
        self,
        node: Node,
        llm: LLM,
        messages: Sequence[Message],
        *,
        iteration: int | None,
        options: CallOptions = NO_OPTIONS,
        sub_call: int | None = None,
    ) -> Completion:
        """Call a model in the name of a node."""
        ...

    async def sub_call(self, node: Node, call: SubCall) -> object:
        """Answer a sub-call of a node."""
        ...

    async def call_tool(self, node: Node, call: ToolCall) -> object:
        """Call a tool of a node."""
        ...

    def completion_chars(self, node: Node) -> int:
        """Tell how much a plain completion should read that a node's code asks for."""
        ...

    def answered(self, node: Node) -> None:
        """Learn that a node has its answer, though it has not ended yet."""
        ...

    def limits_left(self, node: Node) -> dict[str, int | float | None]:
        """Tell what a node may still spend."""
        ...
