"""The events of a run, one frozen class each, in the words of the trace.

A recorder stamps an event with `seq`, `time` and `mono` when it happens. Every other field is
a str, a number, a bool, None, or a tuple or dict of these, so that an event packs as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rlm_runtime._modes import Mode
from rlm_runtime._types import StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What all events have."""

    seq: int = -1
    """Number of the event in its run, from 0."""
    time: float = 0.0
    """Seconds since the epoch."""
    mono: float = 0.0
    """Seconds on a clock that never goes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run began."""

    run: str
    version: str
    query: str
    model: str
    sub_model: str
    """The model below the root; several, by depth, are separated by commas."""
    limits: dict[str, int | float | None]
    kind: Literal["run_started"] = "run_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeChosen(Event):
    """It was decided how the run is answered; without this event it is by nodes with a REPL."""

    mode: Mode
    reason: str
    kind: Literal["mode_chosen"] = "mode_chosen"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStarted(Event):
    """A node began; the root is node 0 and has no parent."""

    node: int
    parent: int | None
    depth: int
    model: str
    query: str
    context: str
    """Type, size and shape of the context, as the model is told them."""
    answer_type: str = ""
    """What the answer must be, in short; empty where it may be anything."""
    kind: Literal["node_started"] = "node_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxStarted(Event):
    """The node's sandbox is ready."""

    node: int
    pid: int
    seconds: float
    kind: Literal["sandbox_started"] = "sandbox_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxLost(Event):
    """The node's sandbox ended before the node did."""

    node: int
    reason: str
    kind: Literal["sandbox_lost"] = "sandbox_lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequested(Event):
    """A model call was sent."""

    node: int
    call: int
    """Number of the call in its run, from 0."""
    model: str
    iteration: int | None
    """The node's iteration; None for a plain completion that the node's code asked for."""
    messages: tuple[dict[str, str], ...]
    """Messages that earlier requests of this node's history did not hold yet; all of them after a
    `history_trimmed`."""
    kind: Literal["model_requested"] = "model_requested"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAttemptFailed(Event):
    """One attempt at a model call failed; the call goes on if `wait` says when."""

    node: int
    call: int
    attempt: int
    """Number of the attempt in its call, from 1."""
    error: str
    status: int | None
    """The HTTP status, if there was a response."""
    seconds: float
    wait: float | None
    """Seconds until the next attempt; None if there is none."""
    prompt_tokens: int
    """What the attempt used, though it failed; it is in no other event."""
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cost: float | None
    kind: Literal["model_attempt_failed"] = "model_attempt_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReplied(Event):
    """A model call was answered."""

    node: int
    call: int
    text: str
    reasoning: str
    finish_reason: str | None
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cost: float | None
    seconds: float
    """Of the last attempt; the others tell their own."""
    seconds_to_first_token: float | None
    attempts: int = 1
    model: str = ""
    """The model's name as the endpoint gives it."""
    kind: Literal["model_replied"] = "model_replied"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCaseExceeded(Event):
    """The endpoint counted more for an attempt than it was allowed to; it counts all the same."""

    node: int
    call: int
    model: str
    allowed_tokens: int
    """Of prompt and reply, as was set aside for them."""
    tokens: int
    cost: float | None
    kind: Literal["worst_case_exceeded"] = "worst_case_exceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFailed(Event):
    """A model call failed for good."""

    node: int
    call: int
    error: str
    seconds: float
    """Of the whole call."""
    attempts: int = 1
    kind: Literal["model_failed"] = "model_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryTrimmed(Event):
    """Older messages of a node were left out; its next request holds the whole history anew."""

    node: int
    iteration: int
    messages: int
    """How many messages were left out."""
    characters: int
    """How much shorter the history is for that."""
    exceeded: bool
    """Whether the model had found it too long, and not we ahead of it."""
    kind: Literal["history_trimmed"] = "history_trimmed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeStarted(Event):
    """The sandbox began to run one code block."""

    node: int
    iteration: int
    code: str
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
    kind: Literal["code_executed"] = "code_executed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCalled(Event):
    """A node's code called a tool."""

    node: int
    call: int
    """Number of the call among those of tools in its run, from 0."""
    tool: str
    arguments: str
    """What it was called with, as text cut to a preview."""
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
    kind: Literal["tool_returned"] = "tool_returned"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFailed(Event):
    """A call of a tool failed, or nobody waited for it any more."""

    node: int
    call: int
    tool: str
    error: str
    seconds: float
    kind: Literal["tool_failed"] = "tool_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEnded(Event):
    """A node ended."""

    node: int
    stop_reason: StopReason
    answer: str
    """The answer, or what the node had instead, as text cut to a preview."""
    answer_type: str
    error: str | None
    kind: Literal["node_ended"] = "node_ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFailed(Event):
    """The trace cannot be written any more; the run goes on, and no later event is in it."""

    error: str
    kind: Literal["trace_failed"] = "trace_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(Event):
    """The run ended."""

    stop_reason: StopReason
    answer: str
    """The answer, or the partial one, as text cut to a preview."""
    answer_type: str
    error: str | None
    calls: int
    nodes: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    seconds: float
    kind: Literal["run_ended"] = "run_ended"


EVENT_TYPES: dict[str, type[Event]] = {
    "run_started": RunStarted,
    "mode_chosen": ModeChosen,
    "node_started": NodeStarted,
    "sandbox_started": SandboxStarted,
    "sandbox_lost": SandboxLost,
    "model_requested": ModelRequested,
    "model_attempt_failed": ModelAttemptFailed,
    "model_replied": ModelReplied,
    "worst_case_exceeded": WorstCaseExceeded,
    "model_failed": ModelFailed,
    "history_trimmed": HistoryTrimmed,
    "code_started": CodeStarted,
    "code_executed": CodeExecuted,
    "tool_called": ToolCalled,
    "tool_returned": ToolReturned,
    "tool_failed": ToolFailed,
    "node_ended": NodeEnded,
    "trace_failed": TraceFailed,
    "run_ended": RunEnded,
}
"""Every event class by its `kind`."""
