"""The tree of a run's nodes, as plain text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from rlm_runtime._cli.tally import Tally, count
from rlm_runtime._events import (
    AnswerGiven,
    CodeExecuted,
    CodeStarted,
    Event,
    ModelAttemptFailed,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    NodeRebuilt,
    NodeStarted,
    ReplayDiverged,
    SandboxLost,
    SubCallEnded,
    ToolCalled,
    ToolFailed,
    ToolReturned,
)
from rlm_runtime._printable import one_line, reason

_TOOL_LINES = 20
_SUB_CALL_LINES = 20
_WIDEST_INDENT = 3 * 40

_Place = tuple[int, int]
"""Iteration and block."""


@dataclass(slots=True, kw_only=True)
class _Line:
    place: _Place
    """Where in the node's work it was told."""
    text: str
    is_code: bool = False
    """Whether it tells of the block itself; a newer one of the same block takes its place."""


@dataclass(slots=True, kw_only=True)
class _Node:
    start: NodeStarted
    started: float
    """In seconds of the run, as `last` is."""
    last: float
    place: _Place
    """Where the parent was when it began."""
    end: NodeEnded | None = None
    calls: int = 0
    tokens: int = 0
    recalled: int = 0
    tool_calls: int = 0
    tool_lines: int = 0
    sub_call_lines: int = 0
    children_for: set[int] = field(default_factory=set)
    """The sub-calls that a child answers, which tells of itself."""
    now: _Place = (0, 0)
    code_sizes: dict[_Place, int] = field(default_factory=dict)
    """Characters of each code block."""
    lines: list[_Line] = field(default_factory=list)
    failures: dict[int, str] = field(default_factory=dict)
    """Of the calls that are to be tried again: how the last attempt failed."""
    children: list[int] = field(default_factory=list)

    def tell(self, text: str) -> None:
        """Add a line for what happened just now."""
        self.lines.append(_Line(place=self.now, text=text))

    def tell_code(self, place: _Place, text: str) -> None:
        """Add the line of a code block, in the place of an older one of the same block."""
        self.lines = [line for line in self.lines if not (line.is_code and line.place == place)]
        self.lines.append(_Line(place=place, text=text, is_code=True))


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
            node.last = self.tally.seconds
            if isinstance(event, ReplayDiverged):
                self._rewind(node, event)
            else:
                _update(node, event)

    def lines(self, unfinished: str) -> Iterator[str]:
        """Draw the tree; `unfinished` is the word for nodes without an end."""
        # A stack of its own: a trace from elsewhere may be as deep as it likes
        stack = [(number, "", "", "") for number in reversed(self._roots)]
        while stack:
            number, indent, branch, below = stack.pop()
            node = self._nodes[number]
            yield f"{indent}{branch}{_headline(number, node, unfinished)}"
            # Else a chain of many thousand nodes would be gigabytes of blanks
            rest = (indent + below)[:_WIDEST_INDENT]
            bar = "│  " if node.children else "   "
            told = [*(line.text for line in node.lines), *node.failures.values()]
            yield from (f"{rest}{bar}{line}" for line in told)
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
        if parent and event.sub_call is not None:
            parent.children_for.add(event.sub_call)
        now = self.tally.seconds
        place = parent.now if parent else (0, 0)
        self._nodes[event.node] = _Node(start=event, started=now, last=now, place=place)

    def _rewind(self, node: _Node, event: ReplayDiverged) -> None:
        """Leave out what the node did after a block that gave something else this time."""
        now = event.iteration, event.block
        node.end = None
        node.failures.clear()
        node.lines = [line for line in node.lines if line.place <= now]
        node.children = [child for child in node.children if self._nodes[child].place <= now]
        node.now = now
        node.tell(f"differs at iteration {event.iteration} from here on: {reason(event.reason)}")


def _update(node: _Node, event: Event) -> None:
    match event:
        case CodeStarted():
            node.now = event.iteration, event.block
            node.code_sizes[node.now] = len(event.code)
        case CodeExecuted():
            node.now = event.iteration, event.block
            node.tell_code(node.now, _describe_iteration(node.code_sizes.get(node.now, 0), event))
        case AnswerGiven(rejected=str(why)):
            node.tell(f"an answer was rejected: {reason(why)}")
        case SubCallEnded(error=str(error)) if event.stop_reason != "interrupted":
            _add_sub_call_line(node, event.sub_call, reason(error))
        case SandboxLost():
            node.tell(f"the sandbox is lost: {reason(event.reason)}")
        case NodeRebuilt():
            node.end = None
        case NodeEnded():
            node.end = event
        case ToolCalled():
            node.tool_calls += 1
        case ToolReturned() | ToolFailed():
            _add_tool_line(node, event)
        case _:
            _update_calls(node, event)


def _update_calls(node: _Node, event: Event) -> None:
    match event:
        case ModelRequested():
            node.calls += 1
        case ModelAttemptFailed():
            node.tokens += event.prompt_tokens + event.completion_tokens
            failure = f"call {event.call} attempt {event.attempt} failed: {reason(event.error)}"
            node.failures[event.call] = failure
        case ModelReplied(recalled=str(run)) if run:
            node.calls -= 1
            node.recalled += 1
        case ModelReplied():
            node.tokens += event.prompt_tokens + event.completion_tokens
            if failure := node.failures.pop(event.call, ""):
                node.tell(f"{failure}; attempt {event.attempts} was answered")
        case ModelFailed():
            node.failures.pop(event.call, None)
            node.tokens += event.prompt_tokens + event.completion_tokens
            if not event.cancelled:
                node.tell(f"a model call failed: {reason(event.error)}")


def _add_tool_line(node: _Node, event: ToolReturned | ToolFailed) -> None:
    if isinstance(event, ToolFailed) and event.cancelled:
        return
    node.tool_lines += 1
    if node.tool_lines == _TOOL_LINES + 1:
        node.tell("more calls of tools")
    if node.tool_lines > _TOOL_LINES:
        return
    line = f"tool {one_line(event.tool, 60)}: {event.seconds:.2f} s"
    if isinstance(event, ToolFailed):
        line += f", failed: {reason(event.error)}"
    node.tell(line)


def _add_sub_call_line(node: _Node, sub_call: int, error: str) -> None:
    """Tell of a failure, unless a child or the line of its model call does."""
    if sub_call in node.children_for or (node.lines and node.lines[-1].text.endswith(error)):
        return
    node.sub_call_lines += 1
    if node.sub_call_lines == _SUB_CALL_LINES + 1:
        node.tell("more sub-calls failed")
    if node.sub_call_lines <= _SUB_CALL_LINES:
        node.tell(f"sub-call {sub_call} failed: {error}")


def _headline(number: int, node: _Node, unfinished: str) -> str:
    status = node.end.stop_reason if node.end else unfinished
    tools = f"{count(node.tool_calls, 'tool call')}, " if node.tool_calls else ""
    recalled = f"{node.recalled:,} recalled, " if node.recalled else ""
    return (
        f"{number} {one_line(status)}, {one_line(node.start.model, 40)}, "
        f"depth {node.start.depth}, {count(node.calls, 'call')}, {recalled}"
        f"{tools}{count(node.tokens, 'token')}, {node.last - node.started:.1f} s: "
        f"{one_line(node.start.query)}"
    )


def _describe_iteration(size: int, event: CodeExecuted) -> str:
    characters = count(size, "character")
    line = f"iteration {event.iteration}: {characters} of code, {event.seconds:.2f} s"
    if event.error is None:
        return line
    # The last line of a traceback names the error
    return f"{line}, {one_line(event.error.strip().rpartition(chr(10))[2])}"
