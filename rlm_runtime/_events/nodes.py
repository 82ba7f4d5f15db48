"""A node: how it began and ended, its sandbox, and how it was rebuilt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rlm_runtime._events.base import Event
from rlm_runtime._types import StopReason


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
    expected: str = ""
    """What the answer must be, in short; empty where it may be anything."""
    sub_call: int | None = None
    """The sub-call of the parent that it answers."""
    query_ref: str = ""
    context_ref: str = ""
    """The context; empty too where it is the query."""
    schema: str = ""
    """The JSON schema of the answer, as JSON; empty where it may be anything."""
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
class NodeRebuilt(Event):
    """A node of a resumed run is as it was where its record ends."""

    node: int
    iteration: int
    """Its last reply in the record; 0 where there is none."""
    blocks: int
    """Code blocks that were run again."""
    seconds: float
    kind: Literal["node_rebuilt"] = "node_rebuilt"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayDiverged(Event):
    """A block that was run again gave something else: what the node did after it counts no more."""

    node: int
    iteration: int
    block: int
    reason: str
    """What differs, in a line."""
    kind: Literal["replay_diverged"] = "replay_diverged"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEnded(Event):
    """A node ended."""

    node: int
    stop_reason: StopReason
    answer: str
    """The answer, or what the node had instead, as text cut to a preview."""
    answer_type: str
    error: str | None
    answer_ref: str = ""
    kind: Literal["node_ended"] = "node_ended"
