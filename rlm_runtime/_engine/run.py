"""One run: the tree of nodes, and what they share."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace

import anyio
import anyio.to_thread

from rlm_runtime._account import Account
from rlm_runtime._answer_types.base import AnswerType
from rlm_runtime._engine.bounds import limits_left
from rlm_runtime._engine.calls import Calls
from rlm_runtime._engine.carrying import carry_over
from rlm_runtime._engine.direct import DirectNode, most_prompt_chars
from rlm_runtime._engine.gate import Gate
from rlm_runtime._engine.keys import cache_key
from rlm_runtime._engine.models import Models
from rlm_runtime._engine.node import Node
from rlm_runtime._engine.past import NodePast, RunPast
from rlm_runtime._engine.plain import answer_plainly
from rlm_runtime._engine.recall import Recall
from rlm_runtime._engine.recording import Recording
from rlm_runtime._engine.replay import NotRecordedError, ReadValue, Replay
from rlm_runtime._engine.seeds import derive_seed
from rlm_runtime._engine.stops import explain_stop, stop_reason_of
from rlm_runtime._engine.sub_calls import Given, SubCalls, keep_given, sub_call_key
from rlm_runtime._engine.telling import (
    node_ended,
    node_started,
    run_ended,
    run_resumed,
    run_started,
)
from rlm_runtime._engine.tools import NO_TOOLS, ToolCalls, Tools
from rlm_runtime._engine.window import complete_plainly
from rlm_runtime._errors import (
    LimitExceededError,
    ModelRecallError,
    RLMError,
)
from rlm_runtime._events import Event, ModeChosen
from rlm_runtime._limits import Limits
from rlm_runtime._llm.base import LLM, NO_OPTIONS, CallOptions
from rlm_runtime._llm.retry import RetryPolicy
from rlm_runtime._modes import WITH_REPL, ModeChoice
from rlm_runtime._prompts import MOST_COMPLETION_CHARS, Prompts
from rlm_runtime._sandbox.base import (
    HostCalls,
    OpenSandbox,
    Sandbox,
    SubCall,
    SubCallError,
    ToolCall,
)
from rlm_runtime._types import Completion, Message, StopReason
from rlm_runtime._usage import Ledger

_SECONDS_TO_READ_ANSWER = 30.0


class Run:
    """One query answered. It is the `Tree` of its nodes."""

    _run = ""
    _root: Node | None = None
    _missed: ModelRecallError | None = None
    """What ended the run, wherever in the tree it was asked for."""

    def __init__(
        self,
        *,
        models: Models,
        limits: Limits,
        prompts: Prompts,
        open_sandbox: OpenSandbox | None,
        recording: Recording,
        gate: Gate | None = None,
        retries: RetryPolicy | None = None,
        recall: Recall | None = None,
        tools: Tools = NO_TOOLS,
        mode: ModeChoice = WITH_REPL,
        past: RunPast | None = None,
        read_value: ReadValue | None = None,
    ) -> None:
        """Store what the nodes share; `past` is what the run did before it is resumed.

        Raises:
            ConfigError: The cost is limited, and nobody knows what it was so far.
        """
        self.limits = limits
        self.prompts = prompts
        self.ledger = Ledger(limits)
        self._models = models
        self._open_sandbox = open_sandbox
        self._recording = recording
        self._mode = mode
        self._past = past
        self._read_value = read_value
        self._carried = carry_over(past, models, limits, self.ledger)
        self._spent_seconds = 0.0 if past is None else past.seconds
        self._started = time.monotonic() - self._spent_seconds
        self._calls = Calls(
            limits=limits,
            ledger=self.ledger,
            recording=recording,
            gate=gate,
            retries=retries,
            recall=recall,
        )
        self._sub_calls = SubCalls(recording, past)
        self._tools = tools
        made = 0 if past is None else past.next_tool_call
        self._tool_calls = ToolCalls(limits=limits, recording=recording, made=made)
        # A parent holds its sandbox while it waits for its children, so each depth has its own
        self._sandboxes: defaultdict[int, anyio.CapacityLimiter] = defaultdict(
            lambda: anyio.CapacityLimiter(limits.max_sandboxes)
        )
        self._time = anyio.CancelScope()

    async def answer(
        self,
        query: str,
        context: object,
        *,
        run: str,
        version: str,
        answer_type: AnswerType | None = None,
        settings: str = "",
        seed: int = 0,
    ) -> object:
        """Answer the query; partial answers need not be of the type.

        `settings` tells in JSON what else the run was set to; from `seed` come the random numbers
        of its code.

        Raises:
            RLMError: There is no answer; `usage` is set.
        """
        self._run = run
        given = await keep_given(self._recording, query, context, answer_type)
        self._begin(given, run=run, version=version, settings=settings, seed=seed)
        try:
            answer = await self._answer_in_time(given, seed)
        except RLMError as exc:
            exc.usage = self.ledger.usage
            partial = exc.partial if isinstance(exc, LimitExceededError) else self._partial()
            self._end(stop_reason_of(exc), partial, str(exc))
            raise
        except BaseException as exc:
            self._end(stop_reason_of(exc), self._partial(), explain_stop(exc))
            raise
        self._end("answered", answer if self._root is None else self._root.given, None)
        return answer

    def _begin(self, given: Given, *, run: str, version: str, settings: str, seed: int) -> None:
        if self._past is not None:
            event = run_resumed(
                self._past, self._models, self.limits, version=version, settings=settings
            )
            self.record(event)
            return
        self.record(
            run_started(
                given,
                self._models,
                self.limits,
                run=run,
                version=version,
                settings=settings,
                seed=seed,
            )
        )
        if self._mode.reason:
            self.record(ModeChosen(mode=self._mode.mode, reason=self._mode.reason))

    @property
    def recording(self) -> Recording:
        """What takes the events and values of the run."""
        return self._recording

    def record(self, event: Event) -> None:
        """Note an event."""
        self._recording.record(event)

    def open_sandbox(
        self, calls: HostCalls, *, memory_mb: int
    ) -> AbstractAsyncContextManager[Sandbox]:
        """Open a sandbox for the length of a block."""
        assert self._open_sandbox is not None, "a run in direct mode opens none"
        return self._open_sandbox(calls, memory_mb=memory_mb)

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
        """Call a model in the name of a node.

        Raises:
            LimitExceededError: No call is left.
            ModelError: The model failed for good.
        """
        if options.cache_key is None:
            history = messages if iteration is None else node.number
            options = replace(options, cache_key=cache_key(self._run, history))
        reply = self._calls.complete(
            node, llm, messages, iteration=iteration, options=options, sub_call=sub_call
        )
        try:
            return await (complete_plainly(reply, llm, messages) if iteration is None else reply)
        except ModelRecallError as exc:
            self._miss(exc)
            raise

    async def sub_call(self, node: Node, call: SubCall) -> object:
        """Answer a sub-call of a node: by a child node, or by a completion where it is deep.

        Raises:
            SubCallError: It cannot be made.
            LimitExceededError: It ended without an answer.
            ModelError: Its model failed for good.
            SandboxError: It has no sandbox.
        """
        depth = node.depth + 1
        if node.replay.past is None:
            self._check_depth(depth)
        given = await self._sub_calls.take_in(call)
        key = sub_call_key(call, given)
        past = node.replay.take_sub_call(key)
        if past is not None:
            with suppress(NotRecordedError):
                return await node.replay.sub_call_outcome(past)
        # What is on record is given whatever may be called now
        self._check_depth(depth)
        llm = self._models.for_call(call, depth)
        by_node = depth < self.limits.max_depth and call.recursive is not False
        if past is not None:
            sub_call = self._sub_calls.reopen(past)
        else:
            sub_call = self._sub_calls.start(
                node, call, given, key, model=llm.name, by_node=by_node
            )
        async with node.replay.ahead_of_order(), sub_call.ending():
            if by_node:
                seed = derive_seed(node.seed, sub_call.key, sub_call.occurrence)
                answer = await self._answer_by_node(
                    given,
                    llm=llm,
                    depth=depth,
                    parent=node,
                    seed=seed,
                    sub_call=sub_call.number,
                    past=None if past is None else past.node,
                )
            else:
                answer = await answer_plainly(self, node, llm, call, given, sub_call.number, past)
            sub_call.answered(answer, await self._recording.keep(answer))
        return answer

    def _check_depth(self, depth: int) -> None:
        if depth > self.limits.max_depth:
            raise SubCallError(
                f"Cannot start a sub-call: max_depth is {self.limits.max_depth}",
                stop_reason="error",
            )

    async def call_tool(self, node: Node, call: ToolCall) -> object:
        """Call a tool of a node.

        Raises:
            ToolCallError: It failed, or no call is left.
        """
        return await self._tool_calls.call(node, call)

    def completion_chars(self, node: Node) -> int:
        """Tell how much a plain completion should read that a node's code asks for."""
        window = most_prompt_chars(self._models.for_depth(node.depth + 1).info)
        # With room for the question, and for texts that take more tokens than English does
        return min(MOST_COMPLETION_CHARS, window // 2)

    def answered(self, node: Node) -> None:
        """Stop the clock when the root has its answer; what is left to do is ours."""
        if node is self._root:
            self._time.deadline = math.inf

    def limits_left(self, node: Node) -> dict[str, int | float | None]:
        """Tell what a node may still spend."""
        left = limits_left(
            node.account, self.ledger, self.limits, depth=node.depth, iteration=node.iteration
        )
        return {**left, "tool_calls": self._tool_calls.left} if node.tools else left

    async def _answer_in_time(self, given: Given, seed: int) -> object:
        past = None if self._past is None else self._past.root
        with self._time:
            if self.limits.max_seconds is not None:
                left = self.limits.max_seconds - self._spent_seconds
                if past is not None and past.answer is not None:
                    left = max(left, _SECONDS_TO_READ_ANSWER)
                self._time.deadline = anyio.current_time() + left
            llm = self._models.for_depth(0)
            return await self._answer_by_node(
                given, llm=llm, depth=0, parent=None, seed=seed, past=past
            )
        if self._missed is not None:
            raise self._missed
        raise LimitExceededError(
            f"Stopped without an answer: max_seconds is {self.limits.max_seconds:g}",
            stop_reason="max_seconds",
            partial=self._partial(),
        )

    async def _answer_by_node(
        self,
        given: Given,
        *,
        llm: LLM,
        depth: int,
        parent: Node | None,
        seed: int,
        sub_call: int | None = None,
        past: NodePast | None = None,
    ) -> object:
        number = self.ledger.start_node() if past is None else past.number
        kind = DirectNode if self._mode.mode == "direct" else Node
        async with self._sandboxes[depth]:
            node = kind(
                self,
                number=number,
                account=self._account_for(parent, past),
                depth=depth,
                llm=llm,
                query=given.query,
                context=given.context,
                tools=self._tools.for_depth(depth),
                answer_type=given.answer_type,
                seed=seed,
                replay=Replay(past, self._read_value),
            )
            self._root = self._root or node
            if past is None:
                self.record(node_started(node, given, parent=parent, sub_call=sub_call))
            try:
                answer = await node.answer()
            except BaseException as exc:
                self.record(node_ended(node, self._why(exc), node.partial, explain_stop(exc)))
                raise
            self.record(node_ended(node, "answered", node.given, None))
            return answer

    def _account_for(self, parent: Node | None, past: NodePast | None) -> Account:
        if parent is None:
            return self.ledger.account
        account = parent.account.child(self.limits.max_node_share)
        if past is not None and self._carried is not None:
            self._carried.enter_node(account, past.number)
        return account

    def _why(self, exc: BaseException) -> StopReason:
        """Tell why a node ended; when time is up, all that are open are cancelled."""
        if not isinstance(exc, anyio.get_cancelled_exc_class()) or not self._time.cancel_called:
            return stop_reason_of(exc)
        return "max_seconds" if self._missed is None else "model_error"

    def _miss(self, error: ModelRecallError) -> None:
        """End the run: code that catches errors of its sub-calls must not hide this one."""
        if self._missed is None and not (self._root is not None and self._root.has_answer):
            self._missed = error
            self._time.cancel()

    def _partial(self) -> object:
        if self._root is not None and self._root.partial is not None:
            return self._root.partial
        ended = None if self._past is None else self._past.ended
        return ended.answer or None if ended is not None and ended.answer_type == "str" else None

    def _end(self, reason: StopReason, answer: object, error: str | None) -> None:
        self.record(
            run_ended(
                self.ledger,
                reason,
                answer,
                error,
                answer_ref="" if self._root is None else self._root.answer_ref,
                seconds=time.monotonic() - self._started,
            )
        )
