"""What a page tells of a run, as records that become JSON; a text is told by its number."""

from __future__ import annotations

import math
from dataclasses import MISSING, dataclass, field, fields, is_dataclass

_NAME_CHARS = 200


@dataclass(slots=True, kw_only=True)
class Note:
    """Something that happened to a node."""

    t: float
    kind: str
    text: int


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One attempt at a model call."""

    t: float | None = None
    """When it was sent; not known in every trace."""
    end: float | None = None
    error: int = 0
    status: int | None = None
    wait: float | None = None
    tokens: int = 0
    cost: float | None = 0.0


@dataclass(slots=True, kw_only=True)
class Call:
    """A model call."""

    call: int
    t: float
    model: str
    messages: list[list[object]] = field(default_factory=list)
    """Role and text of each."""
    attempts: list[Attempt] = field(default_factory=list)
    end: float | None = None
    text: int = 0
    reasoning: int = 0
    finish: str | None = None
    prompt: int = 0
    cached: int = 0
    completion: int = 0
    thought: int = 0
    """Tokens of reasoning."""
    cost: float | None = 0.0
    first: float | None = None
    """Seconds to the first token."""
    served: str = ""
    """The model's name as the endpoint gives it, where it is another."""
    estimated: bool = False
    recalled: str = ""
    error: int = 0
    cancelled: bool = False
    old: bool = False
    """It counts no more: the run diverged before it, and went on anew."""


@dataclass(slots=True, kw_only=True)
class SubCall:
    """A call of `llm_query`."""

    sub: int
    t: float
    prompt: int = 0
    context: int = 0
    model: str = ""
    recursive: bool = False
    child: int | None = None
    """The node that answers it."""
    calls: list[Call] = field(default_factory=list)
    """Those of a plain completion."""
    end: float | None = None
    stop: str = ""
    answer: int = 0
    type: str = ""
    error: int = 0


@dataclass(slots=True, kw_only=True)
class ToolCall:
    """A call of a tool."""

    call: int
    t: float
    tool: int
    arguments: int = 0
    end: float | None = None
    result: int = 0
    type: str = ""
    error: int = 0
    cancelled: bool = False


@dataclass(slots=True, kw_only=True)
class Block:
    """A code block that was run."""

    block: int
    t: float
    code: int = 0
    end: float | None = None
    stdout: int = 0
    stderr: int = 0
    error: int = 0
    pending: int = 0
    """Sub-calls that nobody awaited yet, as one text."""
    cut: bool = False
    """It did not come to an end of its own."""
    subs: list[SubCall] = field(default_factory=list)
    tools: list[ToolCall] = field(default_factory=list)
    old: bool = False


@dataclass(slots=True, kw_only=True)
class Step:
    """An iteration; 0 holds what was before the first."""

    iteration: int
    calls: list[Call] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    old: bool = False


@dataclass(slots=True, kw_only=True)
class Node:
    """A node."""

    node: int
    t: float
    parent: int | None = None
    depth: int = 0
    model: str = ""
    query: int = 0
    context: int = 0
    expected: int = 0
    end: float | None = None
    stop: str = ""
    answer: int = 0
    type: str = ""
    error: int = 0
    steps: list[Step] = field(default_factory=list)
    old: bool = False


@dataclass(slots=True, kw_only=True)
class Segment:
    """A stretch of the run in one process: its begin, and what began it."""

    t: float
    kind: str
    text: int = 0


@dataclass(slots=True, kw_only=True)
class Run:
    """The run as a whole."""

    id: str
    version: str = ""
    query: int = 0
    model: str = ""
    sub_model: str = ""
    started: int = 0
    """Seconds since the epoch."""
    seconds: float = 0.0
    status: str = ""
    error: int = 0
    answer: int = 0
    type: str = ""
    mode: str = ""
    mode_reason: int = 0
    max_cost: int | float | None = None
    ended: dict[str, int | float | None] = field(default_factory=dict)
    """What the run says that it spent, once it ended."""
    segments: list[Segment] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    """What became of the trace."""


def as_json(value: object) -> object:
    """Give a record as what JSON knows; what has its default is left out."""
    match value:
        case str():
            # Names and the like; texts are told by their numbers
            return value[:_NAME_CHARS]
        case float():
            # JSON has neither nan nor inf, and microseconds tell nobody anything
            return float(f"{value:.6g}") if math.isfinite(value) else None
        case list() | tuple():
            return [as_json(item) for item in value]
        case dict():
            return {name: as_json(item) for name, item in value.items()}
    if not is_dataclass(value):
        return value
    told: dict[str, object] = {}
    for one in fields(value):
        part = getattr(value, one.name)
        if part == one.default or (one.default is MISSING and part == []) or part == {}:
            continue
        told[one.name] = as_json(part)
    return told
