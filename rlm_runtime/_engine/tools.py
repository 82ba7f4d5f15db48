"""The calls of tools of a run: limits and room first, then the call, then the event."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import anyio

from rlm_runtime._describe import preview
from rlm_runtime._engine.node import Node
from rlm_runtime._engine.recording import Recording
from rlm_runtime._engine.replay import NotRecordedError
from rlm_runtime._engine.sub_calls import name_value
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

    def __init__(self, *, limits: Limits, recording: Recording, made: int = 0) -> None:
        self._limits = limits
        self._recording = recording
        self._record = recording.record
        self._made = made
        self._room = anyio.CapacityLimiter(_MOST_AT_ONCE)

    @property
    def left(self) -> int | None:
        """How many calls may still be made; None for no limit."""
        limit = self._limits.max_tool_calls
        return None if limit is None else max(0, limit - self._made)

    async def call(self, node: Node, call: ToolCall) -> object:
        """Call one of a node's tools; what is in its record is not called again.

        Raises:
            ToolCallError: It failed, there is none of that name, or no call is left.
        """
        tool = node.tools.get(call.name)
        if tool is None:
            raise ToolCallError(f"Cannot call {call.name[:100]!r}: this node has no such tool")
        arguments = [call.args, call.kwargs]
        arguments_ref = await self._recording.keep(arguments)
        key = f"{tool.name}/{arguments_ref or await name_value(arguments)}"
        past = node.replay.take_tool_call(key)
        if past is not None:
            with suppress(NotRecordedError):
                return await node.replay.tool_outcome(past)
            number = past.called.call
        else:
            number = self._enter(tool)
            given = preview([*call.args, *([call.kwargs] if call.kwargs else [])])
            self._record(
                ToolCalled(
                    node=node.number,
                    call=number,
                    tool=tool.name,
                    arguments=given,
                    iteration=node.iteration,
                    key=key,
                    arguments_ref=arguments_ref,
                )
            )
        result = await self._call_and_tell(node.number, number, tool, call)
        await node.replay.sequencer.wait_over()
        return result

    def _enter(self, tool: HostTool) -> int:
        if self.left is not None and self.left <= 0:
            raise ToolCallError(
                f"Cannot call {tool.name}(): max_tool_calls is {self._limits.max_tool_calls}"
            )
        self._made += 1
        return self._made - 1

    async def _call_and_tell(
        self, node: int, number: int, tool: HostTool, call: ToolCall
    ) -> object:
        started = time.monotonic()
        failed = partial(ToolFailed, node=node, call=number, tool=tool.name)
        try:
            result = await self._call(tool, call)
        except ToolError as exc:
            self._record(failed(error=str(exc), seconds=time.monotonic() - started))
            await self._recording.wait_written()
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
