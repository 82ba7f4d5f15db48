"""What the events of one node come to on a page: its iterations, and what happened in each."""

from __future__ import annotations

from rlm_runtime._events import (
    CodeExecuted,
    CodeStarted,
    ModelRequested,
    NodeStarted,
    ReplayDiverged,
    SubCallStarted,
    ToolCalled,
)
from rlm_runtime._export.page_records import Block, Call, Node, Note, Step, SubCall, ToolCall
from rlm_runtime._export.page_texts import Texts

_LATEST = 32
"""So many blocks are looked through for the one that ended."""


class NodePage:
    """One node; feed it what happened to it, in order."""

    def __init__(self, event: NodeStarted, t: float, texts: Texts) -> None:
        self.record = Node(
            node=event.node,
            parent=event.parent,
            t=t,
            depth=event.depth,
            model=event.model,
            query=texts.add(event.query),
            context=texts.add(event.context),
            expected=texts.add(event.expected),
        )
        self._texts = texts
        self._current: dict[int, Step] = {}
        """The iterations that count, by number."""
        self._last: Step | None = None

    def note(self, t: float, kind: str, text: str) -> None:
        """Add what happened to the newest iteration."""
        self._newest().notes.append(Note(t=t, kind=kind, text=self._texts.add(text)))

    def request(self, event: ModelRequested, t: float) -> Call:
        """Begin a model call of the node's own."""
        call = self.new_call(event, t)
        self._step(event.iteration or 0).calls.append(call)
        return call

    def new_call(self, event: ModelRequested, t: float) -> Call:
        """Make the record of a model call."""
        messages: list[list[object]] = [
            [one.get("role", "")[:40], self._texts.add(one.get("content", ""))]
            for one in event.messages
        ]
        return Call(call=event.call, t=t, model=event.model, messages=messages)

    def start_code(self, event: CodeStarted, t: float) -> None:
        """Begin a code block; one that a crash cut off begins anew."""
        step = self._step(event.iteration)
        code = self._texts.add(event.code)
        last = step.blocks[-1] if step.blocks else None
        if last and last.end is None and (last.block, last.code) == (event.block, code):
            last.t = t
            return
        step.blocks.append(Block(block=event.block, t=t, code=code))

    def end_code(self, event: CodeExecuted, t: float) -> None:
        """End a code block."""
        add = self._texts.add
        step = self._step(event.iteration)
        still_open = [one for one in step.blocks[-_LATEST:] if one.end is None and not one.old]
        named = [one for one in still_open if one.block == event.block]
        if not still_open:
            step.blocks.append(Block(block=event.block, t=t - max(0.0, event.seconds)))
        block = (named or still_open or step.blocks)[-1]
        block.end = t
        block.stdout, block.stderr = add(event.stdout), add(event.stderr)
        block.error, block.cut = add(event.error), not event.completed
        block.pending = add("\n".join(event.pending))

    def sub_call(self, event: SubCallStarted, t: float) -> SubCall:
        """Begin a sub-call."""
        sub = SubCall(
            sub=event.sub_call,
            t=t,
            prompt=self._texts.add(event.prompt),
            context=self._texts.add(event.context),
            model=event.model,
            recursive=event.recursive,
        )
        self._block(self._step(event.iteration), t).subs.append(sub)
        return sub

    def untold_sub_call(self, number: int, prompt: str, model: str, t: float) -> SubCall:
        """Make up the sub-call of a trace that does not tell it."""
        sub = SubCall(sub=number, t=t, prompt=self._texts.add(prompt), model=model)
        self._block(self._newest(), t).subs.append(sub)
        return sub

    def tool_call(self, event: ToolCalled, t: float) -> ToolCall:
        """Begin a call of a tool."""
        call = ToolCall(
            call=event.call,
            t=t,
            tool=self._texts.add(event.tool),
            arguments=self._texts.add(event.arguments),
        )
        step = self._step(event.iteration) if event.iteration else self._newest()
        self._block(step, t).tools.append(call)
        return call

    def diverge(self, event: ReplayDiverged, t: float) -> list[int]:
        """Put aside what the node did after a block; give the nodes that it had started there."""
        node, children = self.record, list[int]()
        node.end, node.stop, node.answer, node.type, node.error = None, "", 0, "", 0
        for step in [one for one in self._current.values() if one.iteration >= event.iteration]:
            step.old = step.iteration > event.iteration
            for block in step.blocks:
                if block.old or not (step.old or block.block > event.block):
                    continue
                block.old = True
                children += [one.child for one in block.subs if one.child is not None]
            for call in step.calls:
                call.old = step.old
        self._current = {n: step for n, step in self._current.items() if not step.old}
        self._last = self._step(event.iteration)
        where = f"at block {event.block} of iteration {event.iteration}"
        said = f"The run went on differently {where}: {event.reason}"
        self.note(t, "diverged", said)
        return children

    def _newest(self) -> Step:
        return self._last or self._step(0)

    def _step(self, iteration: int) -> Step:
        step = self._current.get(iteration)
        if step is None:
            step = self._current[iteration] = self._last = Step(iteration=iteration)
            self.record.steps.append(step)
        return step

    def _block(self, step: Step, t: float) -> Block:
        """Give the block that runs, or one without code where the trace tells of none."""
        for block in reversed(step.blocks):
            if not block.old:
                return block
        step.blocks.append(Block(block=0, t=t))
        return step.blocks[-1]
