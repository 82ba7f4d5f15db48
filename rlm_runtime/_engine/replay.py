"""One node that is rebuilt from its record: what it was told, it is told again."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Literal

import anyio

from rlm_runtime._engine.milestones import difference, milestones
from rlm_runtime._engine.past import (
    BlockPast,
    IterationPast,
    Limited,
    NodePast,
    SubCallPast,
    ToolCallPast,
)
from rlm_runtime._engine.reading import Reading
from rlm_runtime._engine.sequencer import Name, Sequencer
from rlm_runtime._errors import TraceError
from rlm_runtime._events import Event, NodeRebuilt, ReplayDiverged, ToolFailed
from rlm_runtime._sandbox.base import ExecutionResult, SubCallError, ToolCallError
from rlm_runtime._types import Completion

ReadValue = Callable[[str], Awaitable[object]]
"""Reads a value of the trace by its reference."""

_MOST_SECONDS = 120.0
_GIVES_UP_SLOWER, _GIVES_UP_MORE_SECONDS = 1.5, 5.0


class NotRecordedError(Exception):
    """The record has no outcome that can be given, so the call must be made."""


class Replay:
    """What the record of one node still holds for it; empty for a node that is new."""

    def __init__(self, past: NodePast | None, read_value: ReadValue | None = None) -> None:
        self.past = past
        self._skipped = 0 if past is None else min(past.last_loss, past.last_reply)
        self.sequencer = Sequencer(() if past is None else milestones(past, self._skipped))
        self._read_value = read_value
        self._iterations = {} if past is None else past.iterations
        self._last_reply = 0 if past is None else past.last_reply
        self._rebuilt = past is None
        self._started = time.monotonic()
        self._blocks = 0
        self._sub_calls: defaultdict[str, deque[SubCallPast]] = defaultdict(deque)
        self._tool_calls: defaultdict[str, deque[ToolCallPast]] = defaultdict(deque)
        for call in [] if past is None else past.sub_calls:
            if call.started.iteration > self._skipped:
                self._sub_calls[call.started.key].append(call)
        for tool_call in [] if past is None else past.tool_calls:
            if tool_call.called.iteration > self._skipped:
                self._tool_calls[tool_call.called.key].append(tool_call)

    @property
    def answer_ref(self) -> str:
        """Name the answer that the node has given already; empty where there is none."""
        answer = None if self.past is None else self.past.answer
        return "" if answer is None else answer.answer_ref

    def request(self, iteration: int) -> IterationPast | None:
        """Give a request that is in the record."""
        return self._iterations.get(iteration)

    def said(self, iteration: int) -> Sequence[str]:
        """Give what forks tell the node in addition before an iteration."""
        return () if self.past is None else self.past.said.get(iteration, ())

    def answered(self, iteration: int) -> IterationPast | None:
        """Give a request whose reply is in the record, and all before it."""
        return self._iterations[iteration] if iteration <= self._last_reply else None

    def skipped(self) -> Iterator[tuple[IterationPast, Completion]]:
        """Give the iterations whose code is not run again: its sandbox was lost."""
        for number in range(1, self._skipped + 1):
            past = self._iterations[number]
            assert past.completion is not None, "all are answered"
            yield past, past.completion

    def asked_after_loss(self, iteration: int) -> IterationPast | None:
        """Give the request that told the model of the last loss."""
        return self._iterations.get(iteration) if iteration == self._skipped + 1 > 1 else None

    def read(self, iteration: int, reading: Reading) -> Reading:
        """Give the blocks of a reply: those that were begun as they were, the others as read."""
        past = self._iterations.get(iteration)
        if past is None:
            return reading
        begun = {n: one.started.code for n, one in past.blocks.items()}
        if iteration + 1 not in self._iterations:
            begun = dict(enumerate(reading.blocks)) | begun
        blocks = tuple(begun[n] for n in sorted(begun))
        missing = reading.reminder or "no_code"
        return replace(reading, blocks=blocks, reminder=None if blocks else missing)

    def begin_block(self, iteration: int, block: int) -> BlockPast | None:
        """Note that a block begins; give what the record has of it."""
        self.sequencer.pass_by(("began", iteration, block))
        past = self._iterations.get(iteration)
        return None if past is None else past.blocks.get(block)

    def judge(
        self, iteration: int, block: int, result: ExecutionResult, cut_by: str | None
    ) -> ReplayDiverged | Literal["same"] | None:
        """Tell whether a block gave what it gave before; None where the record does not say.

        What is still pending is no difference: that is a question of time. `cut_by` says what did
        not let the block end this time; it is empty where that was nothing of its own doing.
        """
        past = self._iterations.get(iteration)
        recorded = past.blocks[block].executed if past and block in past.blocks else None
        if recorded is None or self.past is None:
            return None
        self._blocks += 1
        self.sequencer.pass_by(("ended", iteration, block))
        reason = difference(recorded, result) if cut_by is None else cut_by
        if not reason:
            return "same"
        self._forget(recorded.seq)
        return ReplayDiverged(
            node=self.past.number, iteration=iteration, block=block, reason=reason
        )

    def end_order(self) -> None:
        """Hold no outcome back any more."""
        self.sequencer.end()

    def _forget(self, end: int) -> None:
        """Forget what came after the end of a block: the node goes another way from here."""
        self._iterations = {}
        self._last_reply = 0
        self._rebuilt = True
        for calls in self._sub_calls.values():
            kept = [call for call in calls if call.started.seq < end]
            calls.clear()
            calls.extend(kept)
        for tool_calls in self._tool_calls.values():
            kept_tools = [call for call in tool_calls if call.called.seq < end]
            tool_calls.clear()
            tool_calls.extend(kept_tools)
        self.sequencer.end()

    def finish(self, record: Callable[[Event], None]) -> None:
        """Note that the node is as it was, and tell so once."""
        if self.past is not None and not self._rebuilt:
            self._rebuilt = True
            record(
                NodeRebuilt(
                    node=self.past.number,
                    iteration=self._last_reply,
                    blocks=self._blocks,
                    seconds=time.monotonic() - self._started,
                )
            )

    def take_limits(self, iteration: int) -> Limited | None:
        """Give what the code was told of its limits, if it asks again."""
        past = self._iterations.get(iteration)
        return past.told.pop(0)[1] if past is not None and past.told else None

    def take_rejection(self, iteration: int) -> bool:
        """Tell whether an answer that is rejected is in the record."""
        past = self._iterations.get(iteration)
        return bool(past is not None and past.rejections and past.rejections.pop(0) >= 0)

    def take_sub_call(self, key: str) -> SubCallPast | None:
        """Find a sub-call that the code makes again."""
        calls = self._sub_calls.get(key)
        if not calls:
            return None
        call = calls.popleft()
        self.sequencer.pass_by(("called", call.started.sub_call, 0))
        return call

    def take_tool_call(self, key: str) -> ToolCallPast | None:
        """Find a call of a tool that the code makes again."""
        calls = self._tool_calls.get(key)
        if not calls:
            return None
        call = calls.popleft()
        self.sequencer.pass_by(("used", call.called.call, 0))
        return call

    async def sub_call_outcome(self, call: SubCallPast) -> object:
        """Give the answer of a sub-call as it came.

        Raises:
            SubCallError: It failed.
            NotRecordedError: It has no outcome yet, or the code waits for what it had given up.
        """
        name: Name = ("answered", call.started.sub_call, 0)
        ended = call.ended
        if ended is None or (ended.stop_reason == "answered" and not ended.answer_ref):
            raise NotRecordedError
        if call.is_given_up:
            await self._wait_given_up(name, ended.seconds)
        partial = await self._value(ended.answer_ref) if ended.answer_ref else None
        await self.sequencer.wait_turn(name)
        if ended.stop_reason == "answered":
            return partial
        raise SubCallError(ended.error or "", stop_reason=ended.stop_reason, partial=partial)

    async def tool_outcome(self, call: ToolCallPast) -> object:
        """Give the result of a call of a tool as it came.

        Raises:
            ToolCallError: It failed.
            NotRecordedError: It has no outcome yet, or the code waits for what it had given up.
        """
        name: Name = ("returned", call.called.call, 0)
        ended = call.ended
        if ended is None:
            raise NotRecordedError
        if call.is_given_up:
            await self._wait_given_up(name, ended.seconds)
        if isinstance(ended, ToolFailed):
            await self.sequencer.wait_turn(name)
            raise ToolCallError(ended.error)
        if not ended.result_ref:
            raise NotRecordedError
        result = await self._value(ended.result_ref)
        await self.sequencer.wait_turn(name)
        return result

    @asynccontextmanager
    async def ahead_of_order(self) -> AsyncIterator[None]:
        """Do what is new; what comes of it waits until the code is where its record ends."""
        try:
            yield
        except Exception:
            await self.sequencer.wait_over()
            raise
        await self.sequencer.wait_over()

    async def answer_value(self) -> object:
        """Read the answer that the node has given already."""
        return await self._value(self.answer_ref)

    async def _wait_given_up(self, name: Name, seconds: float) -> None:
        """Wait until the code gives up again what it had given up.

        Raises:
            NotRecordedError: It does not.
        """
        wait = max(0.0, seconds) * _GIVES_UP_SLOWER + _GIVES_UP_MORE_SECONDS
        try:
            await anyio.sleep(min(wait, _MOST_SECONDS))
        finally:
            self.sequencer.pass_by(name)
        raise NotRecordedError

    async def _value(self, ref: str) -> object:
        if self._read_value is None:
            raise TraceError(f"Cannot read value {ref!r}: there is no trace")
        return await self._read_value(ref)
