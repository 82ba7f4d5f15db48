"""Reading the record of a run, so that it can go on."""

from __future__ import annotations

from collections.abc import Iterable

from rlm_runtime._engine.past import (
    BlockPast,
    IterationPast,
    NodePast,
    ReplyPast,
    RunPast,
    SubCallPast,
    ToolCallPast,
)
from rlm_runtime._engine.past_calls import CallsPast, OpenCall
from rlm_runtime._events import (
    AnswerGiven,
    CodeExecuted,
    CodeStarted,
    Event,
    LimitsTold,
    ModeChosen,
    ModelAttemptFailed,
    ModelAttemptStarted,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    NodeStarted,
    ReplayDiverged,
    RunEnded,
    RunForked,
    RunResumed,
    RunStarted,
    SandboxLost,
    SubCallEnded,
    SubCallStarted,
    ToolCalled,
    ToolFailed,
    ToolReturned,
)
from rlm_runtime._types import Completion, Usage

# What another attempt may mend, or what more may be granted of by now
_MAY_PASS = frozenset(
    {
        "max_calls",
        "max_cost",
        "max_nodes",
        "max_seconds",
        "max_tokens",
        "model_error",
        "sandbox_error",
    }
)


def read_past(events: Iterable[Event]) -> RunPast | None:
    """Gather what the events of a run say of it; None where it did not even begin."""
    reader: _Reader | None = None
    for event in events:
        if reader is not None:
            reader.read(event)
        elif isinstance(event, RunStarted):
            reader = _Reader(event)
    return None if reader is None else reader.finish()


class _Reader:
    def __init__(self, event: RunStarted) -> None:
        self._past = RunPast(
            started=event, run=event.run, limits=event.limits, settings=event.settings
        )
        self._past.next_seq = event.seq + 1
        self._calls = CallsPast()
        self._sub_calls: dict[int, SubCallPast] = {}
        self._tool_calls: dict[int, ToolCallPast] = {}
        # How these ended counts only if their node went on, or if their block came to its end
        self._given_up: dict[int, list[SubCallPast | ToolCallPast]] = {}
        self._failed: dict[int, list[SubCallPast]] = {}
        self._session = event.seq
        self._session_began = self._now = event.mono

    def read(self, event: Event) -> None:
        """Take the next event."""
        if not isinstance(event, RunResumed):
            self._now = event.mono
        self._past.next_seq = event.seq + 1
        match event:
            case RunResumed() | RunForked() | RunEnded() | ModeChosen():
                self._read_of_run(event)
            case NodeStarted():
                self._start_node(event)
            case ModelRequested():
                self._request(event)
            case ModelAttemptStarted() | ModelAttemptFailed() | ModelReplied() | ModelFailed():
                self._read_of_call(event)
            case SubCallEnded() | ToolReturned() | ToolFailed():
                self._end_call(event)
            case ReplayDiverged():
                self._forget(event)
            case _:
                self._read_of_code(event)

    def finish(self) -> RunPast:
        """Give all that was gathered."""
        past, calls = self._past, self._calls
        self._end_session()
        past.root = past.nodes.get(0)
        past.charges, past.calls = calls.charges, calls.made
        past.next_call = calls.next_number
        return past

    def _read_of_run(self, event: RunResumed | RunForked | RunEnded | ModeChosen) -> None:
        past = self._past
        match event:
            case ModeChosen():
                past.mode = event.mode
            case RunEnded():
                past.ended = event
            case RunForked():
                past.run, past.fork = event.run, event
                past.ended = None
                if event.say and (node := past.nodes.get(event.node)) is not None:
                    node.said.setdefault(event.iteration, []).append(event.say)
                # What was under way is the other run's to pay
                self._calls.forget_open()
                self._end_session()
                self._session_began = self._now
            case RunResumed():
                self._end_session()
                past.ended = None
                past.sessions += 1
                past.limits, past.settings = event.limits, event.settings or past.settings
                self._session = event.seq
                self._session_began = self._now = event.mono

    def _read_of_call(
        self, event: ModelAttemptStarted | ModelAttemptFailed | ModelReplied | ModelFailed
    ) -> None:
        match event:
            case ModelAttemptStarted():
                self._calls.attempt(event)
            case ModelAttemptFailed():
                self._calls.fail_attempt(event)
            case ModelReplied():
                if (replied := self._calls.reply(event)) is not None:
                    self._reply(*replied)
            case ModelFailed():
                if (call := self._calls.fail(event)) is not None:
                    self._fail(call)

    def _read_of_code(self, event: Event) -> None:
        """Take what the code of a node did."""
        node = self._past.nodes.get(getattr(event, "node", -1))
        if node is None:
            return
        match event:
            case CodeStarted() if iteration := node.iterations.get(event.iteration):
                self._go_on(node.number)
                iteration.blocks[event.block] = BlockPast(started=event)
            case CodeExecuted(completed=True):
                self._end_block(node, event)
            case SandboxLost() if node.iterations:
                node.iterations[max(node.iterations)].loss = event
            case SubCallStarted():
                self._start_sub_call(node, event)
            case ToolCalled():
                self._go_on(node.number)
                self._past.tools.add(event.tool)
                self._past.next_tool_call = max(self._past.next_tool_call, event.call + 1)
                node.tool_calls.append(ToolCallPast(called=event))
                self._tool_calls[event.call] = node.tool_calls[-1]
            case LimitsTold() if iteration := node.iterations.get(event.iteration):
                self._go_on(node.number)
                iteration.told.append((event.seq, event.limits))
            case AnswerGiven(rejected=None):
                node.answer = event
            case AnswerGiven() if iteration := node.iterations.get(event.iteration):
                self._go_on(node.number)
                iteration.rejections.append(event.seq)
            case NodeEnded():
                node.ended = event

    def _start_node(self, event: NodeStarted) -> None:
        node = NodePast(started=event)
        self._past.nodes[event.node] = node
        self._past.next_node = max(self._past.next_node, event.node + 1)
        if event.sub_call is not None and (call := self._sub_calls.get(event.sub_call)) is not None:
            call.node = node

    def _start_sub_call(self, node: NodePast, event: SubCallStarted) -> None:
        self._go_on(node.number)
        same = self._past.same_sub_calls
        call = SubCallPast(started=event, occurrence=same[node.number, event.key])
        same[node.number, event.key] += 1
        node.sub_calls.append(call)
        self._sub_calls[event.sub_call] = call
        self._past.next_sub_call = max(self._past.next_sub_call, event.sub_call + 1)

    def _request(self, event: ModelRequested) -> None:
        call = self._calls.begin(event)
        node = self._past.nodes.get(event.node)
        if event.iteration is None or node is None:
            return
        self._go_on(event.node)
        self._failed.pop(event.node, None)
        before = node.iterations.get(event.iteration - 1)
        if before is not None and before.completion is None and before.has_failed:
            # The node took what a content filter refused for an empty reply
            before.completion = Completion(
                text="",
                model=before.model,
                usage=Usage(),
                finish_reason="content_filter",
                is_counted=False,
            )
        node.iterations[event.iteration] = IterationPast(
            number=event.iteration, messages=call.messages, request=event.seq, model=event.model
        )

    def _reply(self, call: OpenCall, completion: Completion) -> None:
        request = call.request
        if request.sub_call is not None:
            if (sub_call := self._sub_calls.get(request.sub_call)) is not None:
                reply = ReplyPast(messages=call.messages, completion=completion)
                sub_call.replies.append(reply)
        elif (iteration := self._iteration(request)) is not None:
            iteration.completion = completion

    def _fail(self, call: OpenCall) -> None:
        if (iteration := self._iteration(call.request)) is not None:
            iteration.has_failed = True

    def _iteration(self, request: ModelRequested) -> IterationPast | None:
        """Give the iteration that a request is of, unless a newer one took its place."""
        node = self._past.nodes.get(request.node)
        if node is None or request.iteration is None:
            return None
        iteration = node.iterations.get(request.iteration)
        return iteration if iteration and iteration.request == request.seq else None

    def _end_block(self, node: NodePast, event: CodeExecuted) -> None:
        self._go_on(node.number)
        self._failed.pop(node.number, None)
        iteration = node.iterations.get(event.iteration)
        if iteration is not None and event.block in iteration.blocks:
            iteration.blocks[event.block].executed = event
            # It was run again in another sandbox, before the model was told of the loss
            iteration.loss = None

    def _end_call(self, event: SubCallEnded | ToolReturned | ToolFailed) -> None:
        if not isinstance(event, SubCallEnded):
            if (tool_call := self._tool_calls.get(event.call)) is not None:
                tool_call.ended = event
                if tool_call.is_given_up:
                    self._given_up.setdefault(event.node, []).append(tool_call)
            return
        if (call := self._sub_calls.get(event.sub_call)) is None:
            return
        call.ended = event
        if call.is_given_up:
            self._given_up.setdefault(event.node, []).append(call)
        elif event.stop_reason in _MAY_PASS:
            self._failed.setdefault(event.node, []).append(call)

    def _go_on(self, node: int) -> None:
        """Note that the code of a node did something: what it gave up, it gave up itself."""
        self._given_up.pop(node, None)

    def _forget(self, event: ReplayDiverged) -> None:
        """Forget what a node did after a block, and what the block gave the first time."""
        node = self._past.nodes.get(event.node)
        iteration = node.iterations.get(event.iteration) if node else None
        if node is None or iteration is None:
            return
        block = iteration.blocks.get(event.block)
        end = block.executed.seq if block and block.executed else event.seq
        if block is not None:
            block.executed = None
        node.iterations = {n: one for n, one in node.iterations.items() if n <= event.iteration}
        iteration.blocks = {n: one for n, one in iteration.blocks.items() if n <= event.block}
        iteration.loss = None
        iteration.told = [told for told in iteration.told if self._counts(told[0], end)]
        iteration.rejections = [seq for seq in iteration.rejections if self._counts(seq, end)]
        node.sub_calls = [c for c in node.sub_calls if self._counts(c.started.seq, end)]
        node.tool_calls = [c for c in node.tool_calls if self._counts(c.called.seq, end)]
        node.answer = node.ended = None

    def _counts(self, seq: int, end: int) -> bool:
        """Tell whether it came before the end of the block, or from running it again."""
        return seq < end or seq > self._session

    def _end_session(self) -> None:
        """Note that the process ended, with or without a word."""
        self._calls.break_off(self._now)
        for given_up in self._given_up.values():
            for call in given_up:
                call.ended = None
        for failed in self._failed.values():
            for one in failed:
                one.ended = None
        self._given_up.clear()
        self._failed.clear()
        self._past.seconds += max(0.0, self._now - self._session_began)
