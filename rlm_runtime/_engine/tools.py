"""The calls of tools of a run: limits and room first, then the call, then the event."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import anyio

from rlm_runtime._describe import preview
from rlm_runtime._engine.recording import Recording
from rlm_runtime._events import ToolCalled, ToolFailed, ToolReturned
from rlm_runtime._limits import Limits
from rlm_runtime._sandbox.base import ToolCall, ToolCallError
from rlm_runtime._tools.base import HostTool, ToolError

_MOST_AT_ONCE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Who may call what."""

    root: Mapping[str, HostTool] = field(default_factory=dict)
    children: Mapping[str, HostTool] = field(default_factory=dict)

    def for_depth(self, depth: int) -> Mapping[str, HostTool]:
        """Give the tools of the nodes at a depth."""
        return self.root if depth == 0 else self.children


NO_TOOLS = Tools()


class ToolCalls:
    """Makes the calls of tools of one run."""

    def __init__(self, *, limits: Limits, recording: Recording) -> None:
        self._limits = limits
        self._recording = recording
        self._record = recording.record
        self._made = 0
        self._room = anyio.CapacityLimiter(_MOST_AT_ONCE)

    @property
    def left(self) -> int | None:
        """How many calls may still be made; None for no limit."""
        limit = self._limits.max_tool_calls
        return None if limit is None else limit - self._made

    async def call(
        self, node: int, iteration: int, tools: Mapping[str, HostTool], call: ToolCall
    ) -> object:
        """Call one of a node's tools.

        Raises:
            ToolCallError: It failed, there is none of that name, or no call is left.
        """
        tool = tools.get(call.name)
        if tool is None:
            raise ToolCallError(f"Cannot call {call.name[:100]!r}: this node has no such tool")
        if self.left == 0:
            raise ToolCallError(
                f"Cannot call {tool.name}(): max_tool_calls is {self._limits.max_tool_calls}"
            )
        number, self._made = self._made, self._made + 1
        given = preview([*call.args, *([call.kwargs] if call.kwargs else [])])
        arguments_ref = await self._recording.keep([call.args, call.kwargs])
        self._record(
            ToolCalled(
                node=node,
                call=number,
                tool=tool.name,
                arguments=given,
                iteration=iteration,
                key=f"{tool.name}/{arguments_ref}",
                arguments_ref=arguments_ref,
            )
        )
        started = time.monotonic()
        failed = partial(ToolFailed, node=node, call=number, tool=tool.name)
        try:
            result = await self._call(tool, call)
        except ToolError as exc:
            self._record(failed(error=str(exc), seconds=time.monotonic() - started))
            raise ToolCallError(str(exc)) from exc
        except BaseException:
            seconds = time.monotonic() - started
            self._record(failed(error="it was cancelled", seconds=seconds, cancelled=True))
            raise
        seconds = time.monotonic() - started
        result_ref = await self._recording.keep(result)
        self._record(
            ToolReturned(
                node=node,
                call=number,
                tool=tool.name,
                result=preview(result),
                result_type=type(result).__name__,
                seconds=seconds,
                result_ref=result_ref,
            )
        )
        # What a tool did is done: its result must outlive this process
        await self._recording.wait_written()
        return result

    async def _call(self, tool: HostTool, call: ToolCall) -> object:
        seconds = self._limits.max_tool_seconds
        # Whoever holds a place leaves it in time, so nobody waits for ever
        async with self._room:
            with anyio.move_on_after(seconds):
                return await tool.call(call.args, call.kwargs)
        raise ToolError(f"{tool.name}() took more than {seconds:g} seconds, and was given up")
