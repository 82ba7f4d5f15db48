"""The code of a node, and what it asked of the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rlm_runtime._events.base import Event
from rlm_runtime._types import StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeStarted(Event):
    """The sandbox began to run one code block."""

    node: int
    iteration: int
    code: str
    block: int = 0
    """Number of the block in its reply, from 0."""
    kind: Literal["code_started"] = "code_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeExecuted(Event):
    """The sandbox ran one code block."""

    node: int
    iteration: int
    stdout: str
    stderr: str
    error: str | None
    """The traceback, if the code raised."""
    pending: tuple[str, ...]
    """Sub-calls that nobody awaited yet."""
    seconds: float
    block: int = 0
    """Number of the block in its reply, from 0."""
    completed: bool = True
    """Whether it came to an end of its own; else the node or its sandbox ended under it."""
    variables: tuple[str, ...] = ()
    """Names that the code of this sandbox has assigned so far."""
    values: tuple[str, ...] = ()
    """What is in each of `variables`, in short: its type and size, or its beginning."""
    kind: Literal["code_executed"] = "code_executed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubCallStarted(Event):
    """A node's code called `llm_query`."""

    node: int
    sub_call: int
    """Number of the sub-call in its run, from 0."""
    iteration: int
    """The node's iteration whose code made it."""
    key: str
    """Names prompt, context and arguments together: the same for the same sub-call."""
    prompt: str
    """Cut to a preview."""
    context: str
    """Type, size and shape of the context; empty where none was given."""
    recursive: bool
    """Whether a node answers it; else a plain completion does."""
    model: str
    """The model's name, not its alias."""
    prompt_ref: str = ""
    context_ref: str = ""
    schema: str = ""
    """The JSON schema of the answer, as JSON; empty where it may be anything."""
    kind: Literal["sub_call_started"] = "sub_call_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubCallEnded(Event):
    """A sub-call was answered, failed, or nobody waited for it any more."""

    node: int
    sub_call: int
    stop_reason: StopReason
    """`interrupted` where the code, or the end of its node, gave it up."""
    answer: str
    """The answer, or the partial one, cut to a preview."""
    answer_type: str
    error: str | None
    seconds: float
    answer_ref: str = ""
    kind: Literal["sub_call_ended"] = "sub_call_ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsTold(Event):
    """A node's code asked what it may still spend."""

    node: int
    iteration: int
    limits: dict[str, int | float | None]
    kind: Literal["limits_told"] = "limits_told"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCalled(Event):
    """A node's code called a tool."""

    node: int
    call: int
    """Number of the call among those of tools in its run, from 0."""
    tool: str
    arguments: str
    """What it was called with, as text cut to a preview."""
    iteration: int = 0
    """The node's iteration whose code made it."""
    key: str = ""
    """Names tool and arguments together: the same for the same call."""
    arguments_ref: str = ""
    """A list of the positional arguments and a dict of the others."""
    kind: Literal["tool_called"] = "tool_called"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolReturned(Event):
    """A call of a tool gave a result."""

    node: int
    call: int
    tool: str
    result: str
    """The result as text cut to a preview."""
    result_type: str
    seconds: float
    result_ref: str = ""
    kind: Literal["tool_returned"] = "tool_returned"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFailed(Event):
    """A call of a tool failed, or nobody waited for it any more."""

    node: int
    call: int
    tool: str
    error: str
    seconds: float
    cancelled: bool = False
    """Whether the code, or the end of its node, gave it up."""
    kind: Literal["tool_failed"] = "tool_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerGiven(Event):
    """A node's code gave an answer; the node ends with it, unless it was rejected."""

    node: int
    iteration: int
    answer: str
    """It as text, cut to a preview."""
    answer_ref: str = ""
    rejected: str | None = None
    """Why it does not do."""
    kind: Literal["answer_given"] = "answer_given"
