"""The nodes and completions of a run, each with its messages, its outcome and what it spent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from rlm_runtime._events import (
    CodeExecuted,
    Event,
    HistoryTrimmed,
    ModelAttemptFailed,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    NodeStarted,
    ReplayDiverged,
    RunForked,
    RunResumed,
    RunStarted,
    SubCallEnded,
    SubCallStarted,
    usage_of,
)
from rlm_runtime._export.histories import History
from rlm_runtime._types import StopReason, Usage


@dataclass(slots=True, kw_only=True, eq=False)
class Trajectory:
    """What one node, or one plain completion, was asked, said and gave."""

    kind: Literal["node", "completion"]
    number: int | None
    """Of the node; None for a completion."""
    parent: int | None
    sub_call: int | None
    number_in_run: int
    """How many began before it."""
    depth: int
    model: str
    history: History = field(default_factory=History)
    usage: Usage = field(default_factory=Usage)
    """Of its own calls; what was recalled is not in it."""
    recalled: int = 0
    """Replies that were taken from the record of another run."""
    ended: NodeEnded | SubCallEnded | None = None
    children: list[Trajectory] = field(default_factory=list)
    counts: bool = True
    """Whether it is a part of how the run went, after it was resumed."""
    begun: dict[tuple[int, int], int] = field(default_factory=dict)
    """How many children it had after each block of its code, by iteration and block."""

    @property
    def stop_reason(self) -> StopReason | None:
        """Why it ended, if it did."""
        return None if self.ended is None else self.ended.stop_reason

    def subtree_usage(self) -> Usage:
        """Sum up what it and all below it spent."""
        usage, below = self.usage, list(self.children)
        # A list of its own: a trace from elsewhere may be as deep as it likes
        while below:
            child = below.pop()
            if child.counts:
                usage += child.usage
            below += child.children
        return usage


class Trajectories:
    """Those of one run; feed it every event."""

    def __init__(self) -> None:
        self.run = ""
        self._all: list[Trajectory] = []
        self._nodes: dict[int, Trajectory] = {}
        self._sub_calls: dict[int, Trajectory] = {}
        self._calls: dict[int, Trajectory] = {}
        self._resumed = 0
        """How many had begun when the run was resumed, the last time."""

    def __iter__(self) -> Iterator[Trajectory]:
        """Give those that count, in the order in which they began."""
        return (one for one in self._all if one.counts and one.model)

    def add(self, event: Event) -> None:
        """Take in one event; one that does not fit the events before it is left out."""
        match event:
            case RunStarted() | RunForked():
                self.run = event.run
            case RunResumed():
                self._resumed = len(self._all)
            case SubCallStarted() if event.sub_call not in self._sub_calls:
                self._sub_calls[event.sub_call] = self._begin("completion", event.node, event)
            case SubCallEnded() if one := self._sub_calls.get(event.sub_call):
                if one.kind == "completion":
                    one.ended = event
            case NodeStarted() if event.node not in self._nodes:
                self._start_node(event)
            case ModelRequested():
                self._request(event)
            case ModelReplied() | ModelFailed() | ModelAttemptFailed():
                self._answer(event)
            case HistoryTrimmed() | CodeExecuted() | ReplayDiverged() | NodeEnded():
                if node := self._nodes.get(event.node):
                    self._update(node, event)

    def _start_node(self, event: NodeStarted) -> None:
        one = None if event.sub_call is None else self._sub_calls.get(event.sub_call)
        if one is None or one.number is not None:
            one = self._begin("node", event.parent, event)
        one.kind, one.number = "node", event.node
        one.depth, one.model = event.depth, event.model
        self._nodes[event.node] = one

    def _begin(
        self,
        kind: Literal["node", "completion"],
        parent: int | None,
        event: NodeStarted | SubCallStarted | ModelRequested,
    ) -> Trajectory:
        # A parent that began before: so there can be no circle
        above = None if parent is None else self._nodes.get(parent)
        one = Trajectory(
            kind=kind,
            number=None,
            parent=parent,
            sub_call=event.sub_call,
            number_in_run=len(self._all),
            depth=0 if above is None else above.depth + 1,
            model="",
        )
        self._all.append(one)
        if above is not None:
            above.children.append(one)
        return one

    def _request(self, event: ModelRequested) -> None:
        one = self._nodes.get(event.node)
        if event.iteration is None:
            one = None if event.sub_call is None else self._sub_calls.get(event.sub_call)
            if one is None or one.kind == "node":
                one = self._begin("completion", event.node, event)
                if event.sub_call is not None:
                    self._sub_calls[event.sub_call] = one
            one.model = event.model
        if one is None:
            return
        self._calls[event.call] = one
        one.history.ask(event.messages, whole=event.iteration is None)
        # It goes on, whatever had ended it before the run was resumed
        one.ended = None

    def _answer(self, event: ModelReplied | ModelFailed | ModelAttemptFailed) -> None:
        one = self._calls.get(event.call)
        if one is None:
            return
        if isinstance(event, ModelReplied):
            one.history.reply(event.text)
            if event.recalled:
                one.recalled += 1
                return
        one.usage += _usage(event)

    def _update(
        self, node: Trajectory, event: HistoryTrimmed | CodeExecuted | ReplayDiverged | NodeEnded
    ) -> None:
        match event:
            case HistoryTrimmed():
                node.history.trim()
            case NodeEnded():
                node.ended = event
            case CodeExecuted():
                node.history.ran(event.iteration, event.block)
                node.begun[event.iteration, event.block] = len(node.children)
            case ReplayDiverged():
                self._diverge(node, event)

    def _diverge(self, node: Trajectory, event: ReplayDiverged) -> None:
        """Forget what a node did after a block, but for what came of running it again."""
        node.ended = None
        if node.history.diverged(event.iteration, event.block):
            begun = node.begun[event.iteration, event.block]
            _discount([one for one in node.children[begun:] if one.number_in_run < self._resumed])


def _discount(trajectories: list[Trajectory]) -> None:
    below = list(trajectories)
    while below:
        one = below.pop()
        one.counts = False
        below += one.children


def _usage(event: ModelReplied | ModelFailed | ModelAttemptFailed) -> Usage:
    # One that was not sent is none
    is_call = (
        isinstance(event, ModelReplied) or isinstance(event, ModelFailed) and event.attempts > 0
    )
    return replace(usage_of(event), calls=int(is_call))
