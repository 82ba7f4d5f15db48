"""The tree of a run's nodes, as plain text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from rlm_runtime._cli.printable import one_line, printable, reason
from rlm_runtime._cli.tally import Tally, count
from rlm_runtime._events import (
    CodeExecuted,
    CodeStarted,
    Event,
    ModelAttemptFailed,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    NodeStarted,
    SandboxLost,
    ToolCalled,
    ToolFailed,
    ToolReturned,
)

_TOOL_LINES = 20


@dataclass(slots=True, kw_only=True)
class _Node:
    start: NodeStarted
    end: NodeEnded | None = None
    last_mono: float = 0.0
    calls: int = 0
    recalled: int = 0
    """Replies from the record of other runs."""
    tokens: int = 0
    tool_calls: int = 0
    tool_lines: int = 0
    code: str = ""
    """The code block that runs, or ran last."""
    lines: list[str] = field(default_factory=list)
    failures: dict[int, str] = field(default_factory=dict)
    """Of the calls that are to be tried again: how the last attempt failed."""
    children: list[int] = field(default_factory=list)


class Tree:
    """The nodes of a run so far; feed it every event."""

    def __init__(self) -> None:
        self.tally = Tally()
        self._nodes: dict[int, _Node] = {}
        self._roots: list[int] = []

    def add(self, event: Event) -> None:
        """Take in one event; one that does not fit the events before it is left out."""
        self.tally.add(event)
        if isinstance(event, NodeStarted):
            self._start(event)
        elif (node := self._nodes.get(getattr(event, "node", -1))) is not None:
            node.last_mono = event.mono
            _update(node, event)

    def lines(self, unfinished: str) -> Iterator[str]:
        """Draw the tree; `unfinished` is the word for nodes without an end."""
        # A stack of its own: a trace from elsewhere may be as deep as it likes
        stack = [(number, "", "", "") for number in reversed(self._roots)]
        while stack:
            number, indent, branch, below = stack.pop()
            node = self._nodes[number]
            yield f"{indent}{branch}{_headline(number, node, unfinished)}"
            rest = indent + below
            bar = "│  " if node.children else "   "
            yield from (f"{rest}{bar}{line}" for line in [*node.lines, *node.failures.values()])
            last = node.children[-1:]
            stack += [
                (child, rest, "└─ ", "   ") if [child] == last else (child, rest, "├─ ", "│  ")
                for child in reversed(node.children)
            ]

    def _start(self, event: NodeStarted) -> None:
        if event.node in self._nodes:
            return
        # A parent that started before: so there can be no circle
        parent = self._nodes.get(event.parent) if event.parent is not None else None
        (parent.children if parent else self._roots).append(event.node)
        self._nodes[event.node] = _Node(start=event, last_mono=event.mono)


def _update(node: _Node, event: Event) -> None:
    match event:
        case ModelRequested():
            node.calls += 1
        case ModelAttemptFailed():
            node.tokens += event.prompt_tokens + event.completion_tokens
            failure = f"call {event.call} attempt {event.attempt} failed: {reason(event.error)}"
            node.failures[event.call] = failure
        case ModelReplied():
            _add_reply(node, event)
        case ModelFailed():
            node.failures.pop(event.call, None)
            node.lines.append(f"a model call failed: {reason(event.error)}")
        case ToolCalled():
            node.tool_calls += 1
        case ToolReturned() | ToolFailed():
            _add_tool_line(node, event)
        case SandboxLost():
            node.lines.append(f"the sandbox is lost: {reason(event.reason)}")
        case CodeStarted():
            node.code = event.code
        case CodeExecuted():
            node.lines.append(_describe_iteration(node.code, event))
        case NodeEnded():
            node.end = event


def _add_reply(node: _Node, event: ModelReplied) -> None:
    if event.recalled:
        node.calls -= 1
        node.recalled += 1
        return
    node.tokens += event.prompt_tokens + event.completion_tokens
    if failure := node.failures.pop(event.call, ""):
        node.lines.append(f"{failure}; attempt {event.attempts} was answered")


def _add_tool_line(node: _Node, event: ToolReturned | ToolFailed) -> None:
    node.tool_lines += 1
    if node.tool_lines == _TOOL_LINES + 1:
        node.lines.append("more calls of tools")
    if node.tool_lines > _TOOL_LINES:
        return
    line = f"tool {one_line(event.tool, 60)}: {event.seconds:.2f} s"
    if isinstance(event, ToolFailed):
        line += f", failed: {reason(event.error)}"
    node.lines.append(line)


def _headline(number: int, node: _Node, unfinished: str) -> str:
    status = node.end.stop_reason if node.end else unfinished
    seconds = node.last_mono - node.start.mono
    more = f"{node.recalled:,} recalled, " if node.recalled else ""
    if node.tool_calls:
        more += f"{count(node.tool_calls, 'tool call')}, "
    return (
        f"{number} {printable(status)}, {one_line(node.start.model, 40)}, "
        f"depth {node.start.depth}, {count(node.calls, 'call')}, "
        f"{more}{count(node.tokens, 'token')}, {seconds:.1f} s: {one_line(node.start.query)}"
    )


def _describe_iteration(code: str, event: CodeExecuted) -> str:
    size = count(len(code), "character")
    line = f"iteration {event.iteration}: {size} of code, {event.seconds:.2f} s"
    if event.error is None:
        return line
    # The last line of a traceback names the error
    return f"{line}, {one_line(event.error.strip().rpartition(chr(10))[2])}"
