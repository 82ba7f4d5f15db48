"""What the record of a run says of it, in the form that a resume needs: data only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rlm_runtime._events import (
    AnswerGiven,
    CodeExecuted,
    CodeStarted,
    NodeEnded,
    NodeStarted,
    RunEnded,
    RunForked,
    RunStarted,
    SandboxLost,
    SubCallEnded,
    SubCallStarted,
    ToolCalled,
    ToolFailed,
    ToolReturned,
)
from rlm_runtime._models import Price
from rlm_runtime._modes import Mode
from rlm_runtime._sandbox.base import ExecutionResult
from rlm_runtime._types import Completion, Message, Usage

Limited = Mapping[str, int | float | None]


@dataclass(slots=True, kw_only=True)
class BlockPast:
    """One code block that was begun."""

    started: CodeStarted
    executed: CodeExecuted | None = None
    """What it gave; None where it did not come to its end."""


@dataclass(slots=True, kw_only=True)
class IterationPast:
    """One request of a node for a reply, and what came of it."""

    number: int
    messages: tuple[Message, ...]
    """All that the newest request held."""
    request: int
    """Number of the event of that request."""
    model: str
    completion: Completion | None = None
    has_failed: bool = False
    blocks: dict[int, BlockPast] = field(default_factory=dict)
    loss: SandboxLost | None = None
    told: list[tuple[int, Limited]] = field(default_factory=list)
    """What `limits()` gave, each with the number of its event."""
    rejections: list[int] = field(default_factory=list)
    """The events of the answers that were rejected."""

    def results(self) -> list[ExecutionResult]:
        """Give what its blocks gave, but for the one that did not come to its end."""
        events = [self.blocks[n].executed for n in sorted(self.blocks)]
        return [
            ExecutionResult(
                stdout=one.stdout,
                stderr=one.stderr,
                error=one.error,
                pending=one.pending,
                variables=one.variables,
                values=one.values,
            )
            for one in events
            if one is not None
        ]


@dataclass(slots=True, kw_only=True)
class ReplyPast:
    """One model call of a plain completion that was answered."""

    messages: tuple[Message, ...]
    completion: Completion


def take_reply(replies: list[ReplyPast], messages: Sequence[Message]) -> Completion | None:
    """Take the first reply to these messages, if there is one."""
    asked = tuple(messages)
    for at, reply in enumerate(replies):
        if reply.messages == asked:
            return replies.pop(at).completion
    return None


@dataclass(slots=True, kw_only=True)
class SubCallPast:
    """One sub-call that a node's code made."""

    started: SubCallStarted
    occurrence: int = 0
    """How many of the same its node made before it."""
    ended: SubCallEnded | None = None
    """How it ended; None where it must go on."""
    node: NodePast | None = None
    replies: list[ReplyPast] = field(default_factory=list)

    @property
    def is_given_up(self) -> bool:
        """Whether the code did not wait for its end."""
        return self.ended is not None and self.ended.stop_reason == "interrupted"


@dataclass(slots=True, kw_only=True)
class ToolCallPast:
    """One call of a tool that a node's code made."""

    called: ToolCalled
    ended: ToolReturned | ToolFailed | None = None
    """How it ended; None where it must be made again."""

    @property
    def is_given_up(self) -> bool:
        """Whether the code did not wait for its end."""
        return isinstance(self.ended, ToolFailed) and self.ended.cancelled


@dataclass(slots=True, kw_only=True)
class NodePast:
    """One node."""

    started: NodeStarted
    iterations: dict[int, IterationPast] = field(default_factory=dict)
    sub_calls: list[SubCallPast] = field(default_factory=list)
    tool_calls: list[ToolCallPast] = field(default_factory=list)
    said: dict[int, list[str]] = field(default_factory=dict)
    """What forks told it in addition, by the iteration that it is told before."""
    answer: AnswerGiven | None = None
    """The answer that was accepted."""
    ended: NodeEnded | None = None

    @property
    def number(self) -> int:
        """The number of the node."""
        return self.started.node

    @property
    def last_loss(self) -> int:
        """The last iteration whose sandbox was lost, and which the model was told of; else 0."""
        lost = (n for n, one in self.iterations.items() if one.loss and n + 1 in self.iterations)
        return max(lost, default=0)

    @property
    def last_reply(self) -> int:
        """The last iteration in a row that has its reply; 0 where there is none."""
        number = 0
        while (one := self.iterations.get(number + 1)) and one.completion is not None:
            number += 1
        return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What one attempt at a model call took, or may have taken."""

    node: int
    model: str
    usage: Usage
    """What `usage` shows of it."""
    worst: tuple[int, int] | None = None
    """The most tokens of prompt and reply that may be billed, where nobody knows."""
    is_recalled: bool = False
    """Whether it was spent by another run."""


@dataclass(slots=True, kw_only=True)
class RunPast:
    """All that a trace says of its run."""

    started: RunStarted
    run: str
    limits: Limited
    """Those of its last session."""
    settings: str
    mode: Mode = "rlm"
    root: NodePast | None = None
    nodes: dict[int, NodePast] = field(default_factory=dict)
    fork: RunForked | None = None
    """Where it left the run that it was forked from, if it was."""
    ended: RunEnded | None = None
    """How its last session ended; None where it crashed."""
    charges: list[Charge] = field(default_factory=list)
    """What was spent."""
    prices: Mapping[str, Price] = field(default_factory=dict)
    """What its models were said to cost, by their names."""
    calls: dict[int, int] = field(default_factory=dict)
    """How many model calls each node made."""
    same_sub_calls: Counter[tuple[int, str]] = field(default_factory=Counter)
    """How often each node made each sub-call, those included that count no more."""
    seconds: float = 0.0
    """How long all its sessions took."""
    sessions: int = 1
    next_seq: int = 0
    next_call: int = 0
    next_sub_call: int = 0
    next_tool_call: int = 0
    next_node: int = 0
    tools: set[str] = field(default_factory=set)
    """Tools that its code has called."""

    @property
    def answer_ref(self) -> str | None:
        """Name the answer, if there is one; empty where it could not be kept."""
        if self.root is not None and self.root.answer is not None:
            return self.root.answer.answer_ref
        return None

    def descendants(self, number: int) -> Iterator[int]:
        """Name a node and all that are below it."""
        children: dict[int, list[int]] = {}
        for node in self.nodes.values():
            if node.started.parent is not None:
                children.setdefault(node.started.parent, []).append(node.number)
        waiting, seen = [number], {number}
        while waiting:
            yield (here := waiting.pop())
            # Hostile records may go round in circles
            below = [child for child in children.get(here, ()) if child not in seen]
            seen.update(below)
            waiting.extend(below)
